//! Repair: of a damaged folder nothing is lost that can be had, and what is lost is said.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mlo_state::s3::ModelBucket;
use mlo_state::seal::{DataKey, Key, KeyError, KeyName, Random, Scope, Wrapped};
use mlo_state::{
    Begun, FileStore, Loaded, Object, Record, S3Store, Snapshot, Store, StoreError, Stray, Vault, chain,
};

use crate::journal::{done, holder, intend, object};
use crate::s3::{clock, lock};
use crate::seal::{passphrase, random, team};

/// A folder with three serials, each with what its run appended, and an open intent after the last.
async fn folder() -> (tempfile::TempDir, Loaded) {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    fill(&store).await;
    let loaded = store.read().await.unwrap();
    (dir, loaded)
}

/// Writes them.
async fn fill(store: &dyn Store) {
    fill_to(3, store).await;
}

/// Writes serials up to `last`.
async fn fill_to(last: u64, store: &dyn Store) {
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    let mut snapshot = Snapshot::empty("5f2b-lineage");
    for serial in 1..=last {
        guard.append(vec![intend(serial)]).await.unwrap();
        guard.append(vec![done(serial, Some(made(serial)))]).await.unwrap();
        snapshot.objects.insert(format!("t.n[{serial}]").parse().unwrap(), made(serial));
        snapshot.serial = serial;
        guard.commit(snapshot.clone()).await.unwrap();
    }
    guard.append(vec![intend(7)]).await.unwrap();
    guard.append(vec![done(7, Some(made(7)))]).await.unwrap();
    guard.append(vec![intend(8)]).await.unwrap();
    guard.release().await.unwrap();
}

fn made(number: u64) -> Object {
    object(&format!("made {number}"))
}

#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).unwrap();
}

fn edit(dir: &Path, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let path = dir.join(name);
    let bytes = fs::read(&path).unwrap();
    put(&path, change(bytes));
}

fn remove(dir: &Path, name: &str) {
    fs::remove_file(dir.join(name)).unwrap();
}

/// Puts a line of a journal out of order.
fn break_line(dir: &Path, number: usize) {
    edit(dir, "journal", |bytes| {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines[number][20] ^= 1;
        lines.concat()
    });
}

/// What is done to the folder, and what is lost by it.
type Row = (&'static str, fn(&Path), &'static [&'static str]);

const ROWS: &[Row] = &[
    ("no marker", |dir| remove(dir, "lineage"), &[]),
    ("an empty state", |dir| put(&dir.join("state.json"), b""), &[]),
    ("a state cut short", |dir| edit(dir, "state.json", |bytes| bytes[..bytes.len() / 2].to_vec()), &[]),
    (
        "a state with a flipped bit",
        |dir| {
            edit(dir, "state.json", |mut bytes| {
                bytes[90] ^= 1;
                bytes
            });
        },
        &[],
    ),
    ("a state that is gone", |dir| remove(dir, "state.json"), &[]),
    (
        "an older state put back",
        |dir| {
            fs::copy(dir.join("history/state-1.json"), dir.join("state.json")).unwrap();
        },
        &[],
    ),
    (
        "a folder in its place",
        |dir| {
            remove(dir, "state.json");
            fs::create_dir(dir.join("state.json")).unwrap();
        },
        &[],
    ),
    (
        "a link in its place",
        |dir| {
            remove(dir, "state.json");
            symlink("elsewhere", dir.join("state.json")).unwrap();
        },
        &[],
    ),
    (
        "a state and the marker gone",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "lineage");
        },
        &[],
    ),
    (
        "a state and the snapshot before it gone",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "history/state-2.json");
        },
        &[],
    ),
    (
        "a state and all snapshots gone",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "history/state-1.json");
            remove(dir, "history/state-2.json");
        },
        &[],
    ),
    (
        "a state, all snapshots and the first journal gone",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "history/state-1.json");
            remove(dir, "history/state-2.json");
            remove(dir, "history/journal-0");
        },
        &["what was done after serial 0 and before serial 1"],
    ),
    (
        "a state gone, and the journal before it",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "history/journal-2");
        },
        &["what was done after serial 2 and before serial 3"],
    ),
    (
        "a journal that is gone",
        |dir| remove(dir, "journal"),
        &["what was done after serial 3: there is no journal"],
    ),
    (
        "an empty journal",
        |dir| put(&dir.join("journal"), b""),
        &["what was done after serial 3: its journal is empty"],
    ),
    (
        "a journal with a damaged first line",
        |dir| break_line(dir, 0),
        &["1 damaged line of the journal after serial 3"],
    ),
    (
        "a journal with a damaged record",
        |dir| break_line(dir, 1),
        &["1 damaged line of the journal after serial 3"],
    ),
    (
        "a journal with a lost outcome",
        |dir| break_line(dir, 2),
        &["1 damaged line of the journal after serial 3"],
    ),
];

#[tokio::test]
async fn what_can_be_had_is_had_and_what_is_lost_is_said() {
    for (what, damage, lost) in ROWS {
        let (dir, before) = folder().await;
        damage(dir.path());
        let store = FileStore::new(dir.path().to_owned());
        let error = store.read().await.expect_err(what).to_string();
        assert!(!chain::verify(&store).await.iter().all(|finding| finding.wrong.is_none()), "{what}");
        let guard = store.lock(&holder()).await.unwrap();
        let salvage = guard.salvage().await.expect(what);
        assert_eq!(salvage.wrong.as_deref(), Some(error.as_str()), "{what}");
        assert_eq!(salvage.lost, *lost, "{what}");
        assert_eq!(salvage.snapshot.serial, 4, "{what}: a new serial");
        if lost.is_empty() {
            let objects = before.snapshot.as_ref().unwrap().objects.clone();
            assert_eq!((&salvage.snapshot.objects, &salvage.pending), (&objects, &before.pending), "{what}");
        }
        // Nothing is written until it is asked for; then what was damaged lies beside it.
        assert_eq!(store.read().await.unwrap_err().to_string(), error, "{what}");
        guard.replace(salvage.clone()).await.expect(what);
        let after = guard.read().await.expect(what);
        assert_eq!(
            (after.snapshot.as_ref(), &after.pending),
            (Some(&salvage.snapshot), &salvage.pending),
            "{what}"
        );
        let aside = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            aside.filter_map(|name| name.into_string().ok()).any(|name| name.contains(".damaged-1")),
            "{what}"
        );
        // It goes on from there.
        guard.append(vec![Record::Outputs { outputs: [].into() }]).await.expect(what);
        guard.commit(Snapshot { serial: 5, ..salvage.snapshot }).await.expect(what);
        drop(guard);
        assert_eq!(store.read().await.expect(what).pending, salvage.pending, "{what}");
    }
}

/// Why nothing of a state can be saved.
async fn unsalvageable(store: &FileStore) -> String {
    store.lock(&holder()).await.unwrap().salvage().await.unwrap_err().to_string()
}

#[tokio::test]
async fn where_nothing_is_left_nothing_is_made_up() {
    let (dir, _) = folder().await;
    for name in ["state.json", "journal"] {
        remove(dir.path(), name);
    }
    fs::remove_dir_all(dir.path().join("history")).unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let error = unsalvageable(&store).await;
    assert!(
        error.contains("is missing, but state was kept here before; no earlier snapshot is left"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_only_sealed_or_newer_is_not_repaired() {
    let (dir, _) = folder().await;
    edit(dir.path(), "journal", |_| b"{}".to_vec());
    put(&dir.path().join("state.json"), b"{\"sealed_version\":7,\"mlo_version\":\"9.1.0\"}\n");
    let store = FileStore::new(dir.path().to_owned()).with_vault(Vault::clear());
    remove(dir.path(), "journal");
    let error = unsalvageable(&store).await;
    assert!(
        error.ends_with("has format 7, and this program reads up to 2: it was written by mlo 9.1.0"),
        "{error}"
    );
}

/// A key that is not to be had.
struct Down;

impl Key for Down {
    fn name(&self) -> KeyName {
        KeyName { kind: "passphrase", label: "team".into() }
    }

    fn wrap(&self, _: &DataKey, _: &Scope, _: &Random) -> Result<Wrapped, KeyError> {
        Err(KeyError::Unusable { said: "it does not answer".to_owned() })
    }

    fn unwrap(&self, _: &Wrapped, _: &Scope) -> Result<DataKey, KeyError> {
        Err(KeyError::Unusable { said: "it does not answer".to_owned() })
    }
}

#[tokio::test]
async fn where_a_key_is_not_to_be_had_nothing_is_damaged_for_all_one_knows() {
    let wrong = passphrase("team", "battery staple");
    let vaults: [(Vault, &str); 3] = [
        (Vault::new(vec![], random()), "no such key is configured"),
        (Vault::new(vec![Arc::new(Down)], random()), "it does not answer"),
        (Vault::new(vec![wrong], random()), "the passphrase that is given does not open it"),
    ];
    let damages: [(&str, Change); 3] = [
        ("nothing", |_| {}),
        ("the state", |dir| put(&dir.join("state.json"), b"")),
        ("the journal", |dir| put(&dir.join("journal"), b"")),
    ];
    for (what, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let sealed = FileStore::new(dir.path().to_owned()).with_vault(team());
        fill(&sealed).await;
        damage(dir.path());
        for (vault, says) in &vaults {
            let store = FileStore::new(dir.path().to_owned()).with_vault(vault.clone());
            let error = store.lock(&holder()).await.unwrap().salvage().await.unwrap_err();
            assert!(matches!(error, StoreError::Sealed { .. }), "{what}: {error}");
            assert!(error.to_string().contains(says), "{what}: {error}");
        }
        let salvage = sealed.lock(&holder()).await.unwrap().salvage().await.unwrap();
        assert_eq!(salvage.wrong.is_some(), what != "nothing", "{what}: with the key it is");
    }
}

type Change = fn(&Path);

#[tokio::test]
async fn a_data_key_that_was_changed_is_damage_where_its_key_opens_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned()).with_vault(team());
    fill(&store).await;
    let before = store.read().await.unwrap();
    edit(dir.path(), "state.json", |mut bytes| {
        let at = bytes.windows(12).position(|window| window == b"\"data_key\":\"").unwrap() + 20;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bytes
    });
    let error = store.read().await.unwrap_err().to_string();
    assert!(error.contains("does not open it, or its first line was changed"), "{error}");
    let guard = store.lock(&holder()).await.unwrap();
    let salvage = guard.salvage().await.unwrap();
    assert_eq!((&salvage.lost, salvage.base.as_ref().map(|base| base.serial)), (&vec![], Some(2)));
    assert_eq!(salvage.snapshot.objects, before.snapshot.unwrap().objects);
    guard.replace(salvage).await.unwrap();
    assert_eq!(store.read().await.unwrap().pending, before.pending);
}

#[tokio::test]
async fn a_serial_whose_key_is_lost_keeps_nobody_from_repairing_a_later_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let (old, new) = (passphrase("old", "battery staple"), passphrase("team", "correct horse"));
    fill(&store.clone().with_vault(Vault::new(vec![old.clone()], random()))).await;
    let both = Vault::new(vec![new, old], random());
    let guard = store.clone().with_vault(both).lock(&holder()).await.unwrap();
    let mut next = guard.read().await.unwrap().snapshot.unwrap();
    next.serial = 4;
    guard.commit(next).await.unwrap();
    drop(guard);
    remove(dir.path(), "lineage");
    let salvage = store.with_vault(team()).lock(&holder()).await.unwrap().salvage().await.unwrap();
    assert_eq!(salvage.base.map(|base| base.serial), Some(4));
}

#[tokio::test]
async fn a_broken_chain_is_found() {
    let (dir, _) = folder().await;
    let store = FileStore::new(dir.path().to_owned());
    assert!(chain::verify(&store).await.iter().all(|finding| finding.wrong.is_none()));
    // Another whole snapshot of the same serial in the place of an earlier one.
    let other = tempfile::tempdir().unwrap();
    let guard = FileStore::new(other.path().to_owned()).lock(&holder()).await.unwrap();
    for serial in 1..=3 {
        guard.commit(Snapshot { serial, ..Snapshot::empty("5f2b-lineage") }).await.unwrap();
    }
    drop(guard);
    fs::copy(other.path().join("history/state-2.json"), dir.path().join("history/state-2.json")).unwrap();
    let wrong: Vec<String> = chain::verify(&store)
        .await
        .iter()
        .filter_map(|finding| Some(format!("{}: {}", finding.what, finding.wrong.as_ref()?)))
        .collect();
    let other = |serial, next| {
        format!(
            "serial {serial}: it is not the snapshot that serial {next} was made from: one of the two was changed"
        )
    };
    assert_eq!(wrong, [other(2, 3), other(1, 2)]);
    fs::copy(dir.path().join("history/state-1.json"), dir.path().join("history/state-2.json")).unwrap();
    let findings = chain::verify(&store).await;
    let wrong = findings.iter().find_map(|finding| finding.wrong.as_ref()).unwrap().to_string();
    assert!(wrong.contains("it is of serial 1, and its name says otherwise"), "{wrong}");
}

/// What is done to an object of a bucket.
#[derive(Clone, Copy)]
enum Harm {
    Gone,
    Spoilt,
    Emptied,
}
use Harm::{Emptied, Gone, Spoilt};

/// Which objects, what is done to them, and what is lost by it.
type BucketRow = (&'static str, Harm, &'static [&'static str]);

impl Harm {
    fn done_to(self, body: &Bytes) -> Option<Bytes> {
        let mut bytes = body.to_vec();
        let middle = bytes.len() / 2;
        match self {
            Gone => return None,
            Spoilt => bytes[middle] ^= 1,
            Emptied => bytes.clear(),
        }
        Some(bytes.into())
    }
}

/// The outcome of operation 7.
const OUTCOME: &str = "journal/00000000000000000001/00000000000000000008";

const BUCKET: &[BucketRow] = &[
    ("head", Gone, &[]),
    ("head", Spoilt, &[]),
    ("head", Emptied, &[]),
    ("lineage", Emptied, &[]),
    ("lineage", Gone, &[]),
    ("snapshots/00000000000000000003", Gone, &[]),
    ("snapshots/00000000000000000003", Spoilt, &[]),
    ("snapshots/00000000000000000003", Emptied, &[]),
    ("snapshots/", Gone, &[]),
    ("head snapshots/", Gone, &[]),
    ("head lineage", Gone, &[]),
    ("head lineage snapshots/00000000000000000003", Gone, &[]),
    (OUTCOME, Gone, &["the part journal/00000000000000000001/00000000000000000008 of the journal"]),
    (
        OUTCOME,
        Spoilt,
        &["the part journal/00000000000000000001/00000000000000000008 of the journal, which is damaged"],
    ),
];

/// A bucket with three serials, each with what its run appended, and an open intent after the last.
async fn bucket() -> (ModelBucket, S3Store) {
    let clock = clock();
    let bucket = ModelBucket::new(clock.clone());
    let store = S3Store::new(Arc::new(bucket.clone()), "k", clock);
    fill(&store).await;
    (bucket, store)
}

#[tokio::test(start_paused = true)]
async fn of_a_bucket_too_what_can_be_had_is_had_and_what_is_lost_is_said() {
    for (parts, harm, lost) in BUCKET {
        let (bucket, store) = bucket().await;
        let before = store.read().await.unwrap();
        let is_meant = |key: &&String| parts.split(' ').any(|part| key.starts_with(&format!("k/{part}")));
        let keys = bucket.keys();
        let meant: Vec<_> = keys.iter().filter(is_meant).collect();
        for key in &meant {
            bucket.meddle(key, |body| harm.done_to(&body));
        }
        let left = meant.iter().filter(|key| bucket.keys().contains(key)).count();
        let what = format!("{parts}: {meant:?}");
        let error = store.read().await.expect_err(&what).to_string();
        assert!(!chain::verify(&store).await.iter().all(|finding| finding.wrong.is_none()), "{what}");
        let guard = lock(&store, "ben").await;
        let salvage = guard.salvage().await.expect(&what);
        assert_eq!(salvage.wrong.as_deref(), Some(error.as_str()), "{what}");
        assert_eq!(salvage.lost, *lost, "{what}");
        assert_eq!(salvage.snapshot.serial, 4, "{what}: a new serial");
        if lost.is_empty() {
            let objects = before.snapshot.as_ref().unwrap().objects.clone();
            assert_eq!((&salvage.snapshot.objects, &salvage.pending), (&objects, &before.pending), "{what}");
        }
        // Nothing is written until it is asked for; then what was damaged lies beside it.
        assert_eq!(store.read().await.unwrap_err().to_string(), error, "{what}");
        guard.append(vec![intend(9)]).await.expect_err(&what);
        guard.replace(salvage.clone()).await.expect(&what);
        let after = store.read().await.expect(&what);
        assert_eq!(
            (after.snapshot.as_ref(), &after.pending),
            (Some(&salvage.snapshot), &salvage.pending),
            "{what}"
        );
        let aside = bucket.keys().iter().filter(|key| key.starts_with("k/damaged/")).count();
        assert_eq!(aside, left, "{what}: what is not there cannot be kept");
        // It goes on from there.
        guard.commit(Snapshot { serial: 5, ..salvage.snapshot }).await.expect(&what);
        guard.release().await.expect(&what);
        assert_eq!(store.read().await.expect(&what).pending, salvage.pending, "{what}");
        drop(lock(&store, "cem").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_was_put_back_is_told_by_the_marker() {
    let (bucket, store) = bucket().await;
    let guard = lock(&store, "ann").await;
    let mut snapshot = guard.read().await.unwrap().snapshot.unwrap();
    let mut earlier = None;
    bucket.meddle("k/head", |body| {
        earlier = Some(body.clone());
        Some(body)
    });
    guard.append(vec![done(8, Some(made(8)))]).await.unwrap();
    snapshot.serial = 4;
    snapshot.objects.insert("t.n[8]".parse().unwrap(), made(8));
    guard.commit(snapshot.clone()).await.unwrap();
    guard.release().await.unwrap();
    bucket.meddle("k/head", |_| earlier);
    let error = store.read().await.unwrap_err().to_string();
    assert!(
        error.contains("of serial 3, but serial 4 was written before: an older state was put back"),
        "{error}"
    );
    let guard = lock(&store, "ben").await;
    let salvage = guard.salvage().await.unwrap();
    assert_eq!((salvage.base, salvage.lost), (Some(snapshot.clone()), vec![]));
    assert_eq!(salvage.snapshot, Snapshot { serial: 5, ..snapshot });
}

/// The only serial that there is, told by a journal or, as after `state push`, by none.
async fn first(store: &dyn Store, is_told: bool) -> Snapshot {
    if is_told {
        fill_to(1, store).await;
    } else {
        let guard = store.lock(&holder()).await.unwrap();
        let mut pushed = Snapshot { serial: 1, ..Snapshot::empty("5f2b-lineage") };
        pushed.objects.insert("t.n[1]".parse().unwrap(), made(1));
        guard.commit(pushed).await.unwrap();
        guard.release().await.unwrap();
    }
    store.read().await.unwrap().snapshot.unwrap()
}

/// Repairs a store, and says what is lost; what is had must be `before`.
async fn repaired(store: &dyn Store, before: &Snapshot, what: &str) {
    store.read().await.expect_err(what);
    let guard = store.lock(&holder()).await.unwrap();
    let salvage = guard.salvage().await.expect(what);
    assert_eq!((&salvage.lost, &salvage.strays), (&vec![], &vec![]), "{what}");
    assert_eq!(salvage.snapshot.objects, before.objects, "{what}");
    guard.replace(salvage).await.expect(what);
    guard.release().await.unwrap();
    assert_eq!(store.read().await.expect(what).snapshot.unwrap().objects, before.objects, "{what}");
}

#[tokio::test]
async fn the_first_serial_of_a_folder_is_not_lost_by_one_byte() {
    let damages: [(&str, Change); 4] = [
        ("emptied", |dir| put(&dir.join("state.json"), b"")),
        ("gone", |dir| remove(dir, "state.json")),
        ("a flipped bit", |dir| {
            edit(dir, "state.json", |mut bytes| {
                bytes[90] ^= 1;
                bytes
            });
        }),
        ("gone, with the marker", |dir| {
            remove(dir, "state.json");
            remove(dir, "lineage");
        }),
    ];
    for is_told in [true, false] {
        for (what, damage) in damages {
            let what = format!("{what}, told by a journal: {is_told}");
            let dir = tempfile::tempdir().unwrap();
            let store = FileStore::new(dir.path().to_owned());
            let before = first(&store, is_told).await;
            damage(dir.path());
            repaired(&store, &before, &what).await;
            // The repaired one is the only one of its kind again, and no more to be lost.
            damage(dir.path());
            repaired(&store, &before, &format!("{what}, twice")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_serial_of_a_bucket_is_not_lost_by_one_byte() {
    for is_told in [true, false] {
        for harm in [Gone, Spoilt, Emptied] {
            let clock = clock();
            let bucket = ModelBucket::new(clock.clone());
            let store = S3Store::new(Arc::new(bucket.clone()), "k", clock);
            let before = first(&store, is_told).await;
            for round in ["once", "twice"] {
                let keys = bucket.keys();
                let newest =
                    keys.iter().rfind(|key| key.starts_with("k/snapshots/") && key.contains(".json"));
                bucket.meddle(newest.unwrap(), |body| harm.done_to(&body));
                let is = harm as u8;
                repaired(&store, &before, &format!("harm {is}, told by a journal: {is_told}, {round}")).await;
            }
        }
    }
}

#[tokio::test]
async fn what_was_pushed_over_a_state_is_kept_twice() {
    let (dir, before) = folder().await;
    let store = FileStore::new(dir.path().to_owned());
    let guard = store.lock(&holder()).await.unwrap();
    let mut pushed = Snapshot { serial: 4, ..before.snapshot.unwrap() };
    pushed.objects.insert("t.pushed".parse().unwrap(), made(40));
    guard.commit(pushed.clone()).await.unwrap();
    guard.release().await.unwrap();
    put(&dir.path().join("state.json"), b"");
    repaired(&store, &pushed, "emptied").await;
}

#[tokio::test]
async fn a_serial_that_no_journal_tells_of_is_said_to_be_lost() {
    let (dir, before) = folder().await;
    let store = FileStore::new(dir.path().to_owned());
    let guard = store.lock(&holder()).await.unwrap();
    guard.commit(Snapshot { serial: 4, ..before.snapshot.clone().unwrap() }).await.unwrap();
    guard.commit(Snapshot { serial: 5, ..before.snapshot.unwrap() }).await.unwrap();
    guard.release().await.unwrap();
    remove(dir.path(), "state.json");
    remove(dir.path(), "history/state-5.json");
    let salvage = store.lock(&holder()).await.unwrap().salvage().await.unwrap();
    assert_eq!(
        salvage.lost,
        [
            "what serial 5 holds, which no journal tells of, as when `mlo state push`, `restore` or `import-terraform` wrote it"
        ]
    );
}

/// An operation that can be asked about; `is_said`: with what it was begun.
fn progress(operation: u64, sensitive: bool, is_said: bool) -> Record {
    let Record::Intend { address, deposed, action, token, provider, .. } = intend(operation) else {
        unreachable!("an intent is one");
    };
    let begun = Begun { address, deposed, action, token, provider };
    let begun = is_said.then(|| Box::new(begun));
    Record::Progress { operation, handle: format!("handle/{operation}"), sensitive, begun }
}

#[tokio::test]
async fn an_operation_whose_intent_is_lost_stays_open_if_anything_tells_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    guard.append((1..=5).map(intend).collect()).await.unwrap();
    let later = vec![
        progress(1, false, true),
        progress(1, false, false),
        progress(2, false, false),
        progress(3, true, false),
        progress(4, false, false),
        done(4, Some(made(4))),
    ];
    guard.append(later).await.unwrap();
    guard.release().await.unwrap();
    break_line(dir.path(), 1);
    let salvage = store.lock(&holder()).await.unwrap().salvage().await.unwrap();
    assert_eq!(salvage.lost, ["1 damaged line of the journal after serial 0"]);
    let mut open = intend(1);
    let Record::Intend { token, .. } = &mut open else { unreachable!("an intent is one") };
    let pending: Vec<_> =
        salvage.pending.iter().map(|open| (open.operation, &open.token, open.handle.as_deref())).collect();
    assert_eq!(pending, [(1, &*token, Some("handle/1"))]);
    let strays =
        [Stray { operation: 2, handle: Some("handle/2".to_owned()) }, Stray { operation: 3, handle: None }];
    assert_eq!(salvage.strays, strays);
    assert_eq!(salvage.snapshot.objects.len(), 1);
}
