//! A chain of records: what is done to it shows.

use super::*;
use mlo_state::s3::ModelBucket;
use mlo_state::{BoxFuture, Clock, Document, MemoryStore, S3Store, Store};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn entry(kind: Kind, since: &str, serial: u64) -> Entry {
    Entry {
        kind,
        at: format!("{since}.5"),
        since: since.to_owned(),
        who: "ann@host".to_owned(),
        operation: "apply".to_owned(),
        environment: "dev".to_owned(),
        lineage: Some("l".to_owned()),
        serial,
        what: json!({ "verdict": "approved" }),
    }
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// An empty log in a bucket, whose calls are counted: gets, puts, lists and deletes.
fn in_bucket() -> (ModelBucket, S3Store) {
    let bucket = ModelBucket::new(Arc::new(Still));
    (bucket.clone(), S3Store::new(Arc::new(bucket), "state", Arc::new(Still)))
}

/// Two applies, and one that was denied between them.
fn chain() -> Vec<Kept> {
    let store = MemoryStore::new();
    let entries = [
        entry(Kind::Begun, "t1", 0),
        entry(Kind::Ended, "t1", 1),
        entry(Kind::Denied, "t2", 1),
        entry(Kind::Begun, "t3", 1),
        entry(Kind::Ended, "t3", 2),
    ];
    for entry in &entries {
        block_on(append(&store, entry, None)).unwrap();
    }
    block_on(read(&store)).unwrap()
}

fn written(serial: u64, since: &str) -> Written {
    let (who, operation) = ("ann@host".to_owned(), "apply".to_owned());
    Written { serial, lineage: "l".to_owned(), since: since.to_owned(), who, operation }
}

fn snapshots() -> Vec<Written> {
    vec![written(2, "t3"), written(1, "t1")]
}

fn wrong(kept: &[Kept]) -> Vec<String> {
    let findings = verify(kept, &snapshots(), None);
    findings.iter().map(|finding| format!("{:?} {}", finding.sequence, finding.wrong)).collect()
}

#[test]
fn a_whole_chain_has_nothing_wrong_and_each_names_the_one_before() {
    let kept = chain();
    assert_eq!(wrong(&kept), Vec::<String>::new());
    assert_eq!(kept.iter().map(|kept| kept.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let prevs: Vec<_> = kept.iter().map(|kept| kept.record.as_ref().unwrap().prev.as_deref()).collect();
    let digests: Vec<_> = kept.iter().map(|kept| Some(kept.digest.as_str())).collect();
    assert_eq!(prevs[0], None);
    assert_eq!(prevs[1..], digests[..4]);
    assert_eq!(verify(&kept, &snapshots(), digests[2]), []);
}

#[test]
fn every_byte_counts() {
    let kept = chain();
    for (index, each) in kept.iter().enumerate() {
        for at in 0..each.bytes.len() {
            let mut kept = kept.clone();
            kept[index].bytes[at] ^= 1;
            kept[index] = Kept::of(each.sequence, kept[index].bytes.clone());
            // Of the last record only a digest that is kept elsewhere tells, unless the state says otherwise.
            let head = Some(each.digest.as_str());
            assert_ne!(verify(&kept, &snapshots(), head), [], "record {index}, byte {at}");
            if index + 1 < kept.len() {
                assert_ne!(wrong(&kept), Vec::<String>::new(), "record {index}, byte {at}");
            }
        }
    }
}

#[test]
fn what_is_taken_away_or_put_elsewhere_shows() {
    let whole = chain();
    let without = |gone: &[usize]| {
        let left = whole.iter().enumerate().filter(|(index, _)| !gone.contains(index));
        left.map(|(_, kept)| kept.clone()).collect::<Vec<_>>()
    };
    for (gone, expected) in [
        (&[0][..], "Some(1) it is missing"),
        (&[2], "Some(3) it is missing"),
        (&[1, 2], "Some(2) 2 from here on are missing"),
        (&[3, 4], "None serial 2 of the state was written by apply of ann@host at t3, and no record says so"),
        (&[0, 1, 2, 3, 4], "None serial 2 of the state was written by apply"),
    ] {
        let wrong = wrong(&without(gone));
        assert!(wrong.iter().any(|wrong| wrong.starts_with(expected)), "{gone:?}: {wrong:?}");
    }
    // One run's end in the place of another's.
    let mut moved = whole.clone();
    moved[4] = Kept::of(5, whole[1].bytes.clone());
    assert!(wrong(&moved).iter().any(|wrong| wrong == "Some(5) it is kept in the place of record 2"));
}

#[test]
fn a_record_that_was_written_anew_does_not_follow() {
    let mut kept = chain();
    let mut record = kept[0].record.clone().unwrap();
    record.entry.what = json!({ "verdict": "approved", "passed_by": [] });
    kept[0] = Kept::of(1, record.line().into_bytes());
    assert_eq!(
        wrong(&kept),
        ["Some(2) it does not follow record 1 as that is now: one of the two was changed"]
    );
}

#[test]
fn nothing_is_written_after_a_record_that_is_not_whole_and_what_is_newer_is_said() {
    let store = MemoryStore::new();
    block_on(append(&store, &entry(Kind::Begun, "t1", 0), None)).unwrap();
    let name = "audit.0000000002".to_owned();
    block_on(store.keep_document(&Document { name, bytes: b"{}".to_vec() })).unwrap();
    let refused = block_on(append(&store, &entry(Kind::Ended, "t1", 1), None)).unwrap_err();
    assert_eq!(refused.to_string(), "record 2 of the audit log cannot be followed: it is not one line");
    let newer = Kept::of(1, b"{\"format_version\":2}\n".to_vec());
    assert_eq!(newer.record, Err("it has format 2, which a later version wrote".to_owned()));
}

#[test]
fn another_record_costs_a_few_calls_however_many_there_are() {
    for (count, lists) in [(0_u64, 1..=1), (5, 1..=1), (40, 2..=9), (3_000, 2..=22)] {
        let (bucket, store) = in_bucket();
        let mut last = None;
        for number in 1..=count {
            let prev = last.take();
            let entry = entry(Kind::Denied, "t", 0);
            let line = Record { format_version: RECORD_FORMAT_VERSION, sequence: number, prev, entry }.line();
            bucket.plant(&format!("state/documents/audit.{number:010}"), line.clone());
            last = Some(Kept::of(number, line.into_bytes()).digest);
        }
        let before = bucket.calls();
        let begun = block_on(append(&store, &entry(Kind::Begun, "t9", 0), None)).unwrap();
        assert_eq!((begun.sequence, begun.record.as_ref().unwrap().prev.clone()), (count + 1, last));
        let [gets, puts, listed, deletes] = std::array::from_fn(|kind| bucket.calls()[kind] - before[kind]);
        assert!(lists.contains(&listed), "{count}: {listed} lists");
        // A call looks first whether the state is still here.
        assert!(gets <= listed + 4 && (puts, deletes) == (1, 0), "{count}: {gets} gets, {puts} puts");
        let before = bucket.calls();
        let ended = block_on(append(&store, &entry(Kind::Ended, "t9", 1), Some(&begun))).unwrap();
        assert_eq!(ended.record.unwrap().prev, Some(begun.digest));
        assert_eq!(bucket.calls()[2], before[2], "what follows a record of the same run looks for none");
    }
}

#[test]
fn another_record_comes_after_the_last_whatever_is_missing_or_is_no_record() {
    let whole = chain();
    let other = |name: &str| (name.to_owned(), b"x".to_vec());
    let record = |at: usize| (format!("audit.{:010}", at + 1), whole[at].bytes.clone());
    for there in [
        vec![record(0), record(4)],
        vec![record(4)],
        (1..=30).map(|at| other(&format!("audit.000000000{at:03}x"))).chain([record(0), record(4)]).collect(),
        [record(4)].into_iter().chain((0..30).map(|at| other(&format!("audit.x{at}")))).collect(),
        (0..30).map(|at| other(&format!("approval.{at}"))).chain([record(4), other("zone")]).collect(),
    ] {
        let (bucket, store) = in_bucket();
        for (name, bytes) in &there {
            bucket.plant(&format!("state/documents/{name}"), bytes.clone());
        }
        let kept = block_on(append(&store, &entry(Kind::Begun, "t9", 2), None)).unwrap();
        let prev = kept.record.unwrap().prev;
        assert_eq!((kept.sequence, prev.as_deref()), (6, Some(&*whole[4].digest)), "{:?}", there.len());
    }
    // Somebody else was faster than what a run remembers.
    let (_, store) = in_bucket();
    let first = block_on(append(&store, &entry(Kind::Begun, "t1", 0), None)).unwrap();
    block_on(append(&store, &entry(Kind::Denied, "t2", 0), None)).unwrap();
    let kept = block_on(append(&store, &entry(Kind::Ended, "t1", 1), Some(&first))).unwrap();
    assert_eq!(kept.sequence, 3);
    assert_eq!(verify(&block_on(read(&store)).unwrap(), &[], None), []);
}
