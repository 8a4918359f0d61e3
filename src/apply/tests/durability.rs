//! What it costs that nothing is lost, counted: the bytes that an apply writes, and how often it waits for the disk.

use super::{Lab, run};
use crate::apply::batch::Batch;
use futures_util::future::join3;
use mlo_state::file::Step;
use mlo_state::{Action, FileStore, Holder, MemoryStore, Record, Store as _, StoreError};
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// Syncs of the journal for steps that are ready together: one for their intents, one for their outcomes.
const SYNCS_PER_WAVE: usize = 2;

/// A thousand objects in ten waves, each twice as many as the one before.
fn tree() -> String {
    let level = |level: usize| match level.checked_sub(1) {
        None => "resource \"terraform_data\" \"l0\" {\n  count = 1\n}\n".to_owned(),
        Some(above) => format!(
            "resource \"terraform_data\" \"l{level}\" {{\n  count = {}\n  input = terraform_data.l{above}[floor(count.index / 2)].id\n}}\n",
            1 << level
        ),
    };
    (0..10).map(level).collect()
}

#[test]
fn what_is_ready_together_shares_two_syncs() {
    let flat = format!("resource \"terraform_data\" \"a\" {{\n  count = {OBJECTS}\n}}\n");
    for (what, text, objects, waves) in [("flat", flat, OBJECTS, 1), ("a tree", tree(), 1_023, 10)] {
        let mut lab = Lab::new(&text);
        lab.parallelism = 10;
        let folder = tempfile::tempdir().unwrap();
        let syncs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&syncs);
        let store = FileStore::new(folder.path().to_owned()).with_probe(Arc::new(move |step, name| {
            counted.fetch_add(usize::from((step, name) == (Step::Sync, "journal")), Ordering::SeqCst);
            Ok(())
        }));
        lab.store = Arc::new(store);
        lab.apply();
        assert_eq!(lab.snapshot().objects.len(), objects, "{what}");
        let made = syncs.swap(0, Ordering::SeqCst);
        lab.destroy();
        let destroyed = syncs.load(Ordering::SeqCst);
        for count in [made, destroyed] {
            assert!((1..=SYNCS_PER_WAVE * waves).contains(&count), "{what}: {made} and {destroyed} syncs");
        }
    }
}

fn intend(operation: u64) -> Record {
    let address = format!("fake_thing.a[{operation}]").parse().unwrap();
    let (action, token) = (Action::Create, format!("t-{operation}"));
    Record::Intend { operation, address, deposed: None, action, token, provider: None }
}

#[test]
fn records_that_cannot_be_written_stop_those_of_no_other_step() {
    let holder = Holder {
        id: "lock".into(),
        operation: "apply".into(),
        who: "a@b".into(),
        pid: 1,
        since: String::new(),
        run_url: None,
    };
    let store = MemoryStore::new();
    run(async {
        let guard = store.lock(&holder).await.unwrap();
        guard.begin("lab".to_owned()).await.unwrap();
        let batch = Batch::new(&*guard);
        let all = join3(
            batch.append(vec![intend(1)]),
            batch.append(vec![intend(1)]),
            batch.append(vec![intend(2)]),
        );
        let (first, twice, other) = batch.beside(all).await;
        assert!(first.is_ok() && other.is_ok(), "{first:?}, {other:?}");
        assert!(matches!(twice, Err(StoreError::Misused { .. })), "{twice:?}");
        assert_eq!(store.read().await.unwrap().pending.len(), 2);
    });
}
