//! The journal: its file, its torn end, and how it folds.

use mlo_state::journal::{Header, Journal, fold};
use mlo_state::snapshot::{Damage, DecodeError};
use mlo_state::{Action, FileStore, Holder, Object, Record, Snapshot, Status, Store};
use proptest::prelude::*;
use serde_json::json;

pub(crate) fn holder() -> Holder {
    let (operation, who) = ("apply".to_owned(), "ann@host".to_owned());
    let (id, since) = ("lock-7".to_owned(), "2026-01-02T03:04:05Z".to_owned());
    Holder { id, operation, who, pid: 7, since, run_url: None }
}

pub(crate) fn object(state: &str) -> Object {
    Object {
        provider: "builtin".to_owned(),
        schema_version: 0,
        attributes: json!({ "state": state }).as_object().cloned().unwrap(),
        sensitive: vec![],
        dependencies: vec![],
        status: Status::Ready,
        token: "t".to_owned(),
        handle: None,
    }
}

pub(crate) fn intend(operation: u64) -> Record {
    let address = format!("t.n[{operation}]").parse().unwrap();
    Record::Intend {
        operation,
        address,
        deposed: None,
        action: Action::Create,
        token: format!("t-{operation}"),
        provider: (operation > 1).then(|| "local.west".to_owned()),
    }
}

pub(crate) fn done(operation: u64, object: Option<Object>) -> Record {
    let address = format!("t.n[{operation}]").parse().unwrap();
    Record::Done { operation, address, deposed: None, object: object.map(Box::new) }
}

/// The journal that a folder store writes for these appends.
async fn written(appends: Vec<Vec<Record>>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    for records in appends {
        guard.append(records).await.unwrap();
    }
    drop(guard);
    std::fs::read(dir.path().join("journal")).unwrap()
}

/// What format 1 looks like, for ever: a later program must read this.
#[tokio::test]
async fn file_has_a_header_and_a_line_for_each_group() {
    let failed = Record::Failed {
        operation: 2,
        address: "t.n[2]".parse().unwrap(),
        deposed: None,
        object: None,
        message: "no space".to_owned(),
    };
    let progress =
        Record::Progress { operation: 2, handle: "op/2".to_owned(), sensitive: false, begun: None };
    let outputs = Record::Outputs { outputs: [].into() };
    let (address, key) = (|| "t.n[3]".parse().unwrap(), || "00c0ffee".to_owned());
    let deposed = Record::Deposed { address: address(), key: key() };
    let restored = Record::Restored { address: address(), key: key() };
    let gone = Record::Done { operation: 3, address: address(), deposed: Some(key()), object: None };
    let journal = written(vec![
        vec![intend(1), progress],
        vec![done(1, Some(object("x"))), done(2, None)],
        vec![failed, outputs],
        vec![deposed, gone, restored],
    ])
    .await;
    let text = String::from_utf8(journal).unwrap();
    let payloads: Vec<_> = text.lines().map(|line| &line[18..]).collect();
    assert_eq!(
        payloads,
        [
            &*format!(
                "{{\"journal_format_version\":1,\"mlo_version\":\"{}\",\"lineage\":\"5f2b-lineage\",\"base_serial\":0}}",
                env!("CARGO_PKG_VERSION")
            ),
            "[{\"intend\":{\"operation\":1,\"address\":\"t.n[1]\",\"action\":\"create\",\"token\":\"t-1\"}},\
             {\"progress\":{\"operation\":2,\"handle\":\"op/2\"}}]",
            "[{\"done\":{\"operation\":1,\"address\":\"t.n[1]\",\"object\":{\"provider\":\"builtin\",\
             \"schema_version\":0,\"attributes\":{\"state\":\"x\"},\"sensitive\":[],\"dependencies\":[],\
             \"status\":\"ready\",\"token\":\"t\"}}},{\"done\":{\"operation\":2,\"address\":\"t.n[2]\",\"object\":null}}]",
            "[{\"failed\":{\"operation\":2,\"address\":\"t.n[2]\",\"object\":null,\"message\":\"no space\"}},\
             {\"outputs\":{\"outputs\":{}}}]",
            "[{\"deposed\":{\"address\":\"t.n[3]\",\"key\":\"00c0ffee\"}},\
             {\"done\":{\"operation\":3,\"address\":\"t.n[3]\",\"deposed\":\"00c0ffee\",\"object\":null}},\
             {\"restored\":{\"address\":\"t.n[3]\",\"key\":\"00c0ffee\"}}]",
        ]
    );
    let second = text.lines().nth(1).unwrap();
    assert_eq!(&second[..18], "0000007c c9b07d69 ", "length and CRC-32C");
}

#[tokio::test]
async fn every_cut_recovers_the_groups_before_it() {
    let appends = vec![vec![intend(1), intend(2)], vec![done(1, Some(object("x")))], vec![done(2, None)]];
    let journal = written(appends.clone()).await;
    let mut ends = vec![];
    for (at, byte) in journal.iter().enumerate() {
        if *byte == b'\n' {
            ends.push(at + 1);
        }
    }
    for cut in 0..=journal.len() {
        let groups = ends.iter().filter(|end| **end <= cut).count();
        match Journal::decode(&journal[..cut]) {
            Ok(read) => {
                assert_eq!(read.records, appends[..groups - 1].concat(), "cut after {cut} bytes");
                assert_eq!(read.torn, !ends.contains(&cut), "cut after {cut} bytes");
                assert_eq!(read.bytes_good, ends[groups - 1] as u64);
            }
            // The header is made durable before the file has its name, so a part of it is damage.
            Err(DecodeError::Damaged(damage)) => {
                assert_eq!(groups, 0, "cut after {cut} bytes");
                assert_eq!(damage, if cut == 0 { Damage::Empty } else { Damage::Header });
            }
            Err(error) => panic!("cut after {cut} bytes: {error}"),
        }
        let zeroed = [&journal[..cut], &vec![0; journal.len() - cut]].concat();
        if let Ok(read) = Journal::decode(&zeroed) {
            assert_eq!(read.records, appends[..groups - 1].concat(), "zeros after {cut} bytes");
        }
    }
}

#[tokio::test]
async fn every_changed_byte_is_damage_or_a_torn_end() {
    let appends = vec![vec![intend(1), intend(2)], vec![done(1, Some(object("x")))], vec![done(2, None)]];
    let journal = written(appends.clone()).await;
    let last = journal[..journal.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let first = journal.iter().position(|byte| *byte == b'\n').unwrap();
    for at in 0..journal.len() {
        for flip in [0x01, 0x04, 0x20, 0x80] {
            let mut bad = journal.clone();
            bad[at] ^= flip;
            match Journal::decode(&bad) {
                Ok(read) => {
                    assert!(at >= last && read.torn, "byte {at}");
                    assert_eq!(read.records, appends[..2].concat());
                }
                Err(DecodeError::Damaged(Damage::Header)) => assert!(at <= first, "byte {at}"),
                Err(DecodeError::Damaged(Damage::Record { .. })) => {
                    assert!(at > first && at < last, "byte {at}");
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn records_fold_in_order() {
    let snapshot = Snapshot { serial: 4, ..Snapshot::empty("l") };
    let records = vec![
        intend(1),
        intend(2),
        done(1, Some(object("made"))),
        intend(3),
        Record::Progress { operation: 3, handle: "op/3".to_owned(), sensitive: false, begun: None },
        done(2, None),
        done(7, Some(object("found"))),
    ];
    let folded = fold(snapshot, records).unwrap();
    assert_eq!(folded.snapshot.serial, 4);
    let addresses: Vec<_> = folded.snapshot.objects.keys().map(ToString::to_string).collect();
    assert_eq!(addresses, ["t.n[1]", "t.n[7]"]);
    let pending: Vec<_> =
        folded.pending.iter().map(|open| (open.operation, open.handle.as_deref())).collect();
    assert_eq!((pending, folded.next_operation), (vec![(3, Some("op/3"))], 8));
    let twice = fold(Snapshot::empty("l"), vec![intend(1), intend(1)]);
    assert_eq!(twice, Err(Damage::Reopened { operation: 1 }));
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    // Outcomes come with intents in any order and number, as the journals of several runs have them.
    let address = |operation: u64| format!("t.n[{operation}]").parse().unwrap();
    let key = || "00c0ffee".to_owned();
    let record = (0..6_u64, 0..6_u8).prop_map(move |(operation, kind)| match kind {
        0 => intend(operation),
        1 => done(operation, Some(object("made"))),
        2 => done(operation, None),
        3 => Record::Deposed { address: address(operation), key: key() },
        4 => Record::Restored { address: address(operation), key: key() },
        _ => Record::Progress { operation, handle: "op".to_owned(), sensitive: operation > 3, begun: None },
    });
    prop::collection::vec(record, 0..20)
}

proptest! {
    #[test]
    fn folding_in_two_parts_gives_the_same_objects(records in records(), at in 0..20_usize) {
        let (first, second) = records.split_at(at.min(records.len()));
        let whole = fold(Snapshot::empty("l"), records.clone());
        let parts = fold(Snapshot::empty("l"), first.to_vec()).and_then(|part| fold(part.snapshot, second.to_vec()));
        if let (Ok(whole), Ok(parts)) = (whole, parts) {
            prop_assert_eq!(whole.snapshot, parts.snapshot);
        }
    }

    #[test]
    fn any_bytes_after_a_header_are_a_torn_end_or_damage(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let header = Header { lineage: "l".to_owned(), base_serial: 0 }.encode().unwrap();
        let read = Journal::decode(&[&*header, &*bytes].concat()).unwrap();
        prop_assert_eq!((read.records, read.torn), (vec![], !bytes.is_empty()));
        prop_assert!(Journal::decode(&bytes).is_err());
    }
}
