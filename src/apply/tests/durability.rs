//! What it costs that nothing is lost, counted: the bytes that an apply writes. That appends which wait together share a sync
//! is counted where the store is tested.

use super::Lab;
use mlo_state::FileStore;
use mlo_state::file::Step;
use std::sync::{Arc, Mutex};

/// Objects of the apply that is counted, in two waves: the second is made from the first.
const OBJECTS: usize = 1_000;

/// Bytes that are written for each of the state in the end.
const TIMES_MAX: u64 = 3;

#[derive(Default)]
struct Written {
    /// Bytes of the journal when it was last synced.
    journal: u64,
    /// Bytes of the files that were written whole.
    whole: u64,
}

#[test]
fn an_apply_of_a_thousand_objects_writes_three_times_the_state_at_most() {
    let half = OBJECTS / 2;
    let mut lab = Lab::new(&format!(
        "resource \"fake_thing\" \"a\" {{\n  count = {half}\n}}\n\
         resource \"fake_thing\" \"b\" {{\n  count = {half}\n  value = fake_thing.a[count.index].id\n}}\n"
    ));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("state/default");
    let written = Arc::new(Mutex::new(Written::default()));
    let (counted, files) = (Arc::clone(&written), dir.clone());
    let store = FileStore::new(dir.clone()).with_probe(Arc::new(move |step, name| {
        let mut written = counted.lock().unwrap();
        let length = || std::fs::metadata(files.join(name)).map_or(0, |file| file.len());
        match (step, name) {
            (Step::Sync, "journal") => written.journal = length(),
            (Step::Sync, _) => written.whole += length(),
            _ => {}
        }
        Ok(())
    }));
    lab.store = Arc::new(store);
    lab.apply();
    assert_eq!(lab.snapshot().objects.len(), OBJECTS);
    let Written { journal, whole } = *written.lock().unwrap();
    let state = std::fs::metadata(dir.join("state.json")).unwrap().len();
    assert!(journal > 0 && whole >= state, "all of it was counted: {journal} and {whole} bytes");
    assert!(journal + whole <= TIMES_MAX * state, "{journal} and {whole} bytes for a state of {state}");
}
