//! Every way in which a folder can be damaged, and what the user is told. None is ever taken for no state.

use data_encoding::HEXLOWER;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mlo_state::document::DOCUMENT_BYTES_MAX;
use mlo_state::{Document, FileStore, Record, Snapshot, Store, StoreError};
use sha2::{Digest as _, Sha256};

use crate::journal::{done, holder, intend, object};

/// A folder with serials 1 to 3 committed and two groups in the journal.
async fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    let mut snapshot = Snapshot::empty("5f2b-lineage");
    for serial in 1..=3 {
        guard.append(vec![Record::Outputs { outputs: [].into() }]).await.unwrap();
        snapshot.serial = serial;
        snapshot.objects.insert(format!("t.n[{serial}]").parse().unwrap(), object("hunter2"));
        guard.commit(snapshot.clone()).await.unwrap();
    }
    guard.append(vec![intend(7)]).await.unwrap();
    guard.append(vec![done(7, Some(object("hunter2")))]).await.unwrap();
    guard.append(vec![intend(8)]).await.unwrap();
    guard.release().await.unwrap();
    dir
}

fn edit(dir: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(dir.join(name)).unwrap();
    put(dir, name, change(text).as_bytes());
}

#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
fn put(dir: &Path, name: &str, bytes: &[u8]) {
    fs::write(dir.join(name), bytes).unwrap();
}

fn remove(dir: &Path, name: &str) {
    fs::remove_file(dir.join(name)).unwrap();
}

/// The state with a change in its content and a digest that fits.
fn edit_and_digest(dir: &Path, change: impl FnOnce(String) -> String) {
    edit(dir, "state.json", |text| {
        let content = change(text.split("\"digest\"").next().unwrap().to_owned());
        let digest = HEXLOWER.encode(&Sha256::digest(&content));
        format!("{content}\"digest\":\"sha256:{digest}\"}}\n")
    });
}

/// A line of a journal with a checksum that fits.
pub(crate) fn frame(payload: &str) -> String {
    let length = format!("{:08x}", payload.len());
    let mut sum = !0_u32;
    for byte in length.bytes().chain(payload.bytes()) {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82F6_3B78 * (sum & 1));
        }
    }
    format!("{length} {:08x} {payload}\n", !sum)
}

/// What is damaged, how, and what is said.
type Row = (&'static str, Damage, &'static str);

/// A change in the folder of a store.
pub(crate) type Damage = fn(&Path);

const STATE: &[Row] = &[
    (
        "an empty state",
        |dir| put(dir, "state.json", b""),
        "DIR/state.json is damaged: it is empty; the snapshot of serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "a state cut short",
        |dir| edit(dir, "state.json", |text| text[..text.len() / 2].to_owned()),
        "DIR/state.json is damaged: it is cut short, or its end is damaged; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state that is another file",
        |dir| put(dir, "state.json", b"hello\n"),
        "DIR/state.json is damaged: it is no file of this kind; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state of zeros, as a power cut leaves",
        |dir| edit(dir, "state.json", |text| "\0".repeat(text.len())),
        "DIR/state.json is damaged: it is no file of this kind; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state with an edited value",
        |dir| edit(dir, "state.json", |text| text.replacen("hunter2", "hunter3", 1)),
        "DIR/state.json is damaged: its content does not match its digest; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state with an object taken out",
        |dir| edit(dir, "state.json", |text| text.lines().filter(|line| !line.contains("t.n[2]")).collect()),
        "DIR/state.json is damaged: it is cut short, or its end is damaged; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state and the newest earlier one damaged",
        |dir| {
            put(dir, "state.json", b"");
            put(dir, "history/state-2.json", b"");
        },
        "DIR/state.json is damaged: it is empty; the snapshot of serial 1 in DIR/history/state-1.json is whole",
    ),
    (
        "a state and all earlier ones damaged",
        |dir| {
            put(dir, "state.json", b"");
            fs::remove_dir_all(dir.join("history")).unwrap();
        },
        "DIR/state.json is damaged: it is empty; no earlier snapshot is left",
    ),
    (
        "a state with an unknown field",
        |dir| edit_and_digest(dir, |text| text.replacen("\"serial\":3", "\"serial\":3,\"colour\":1", 1)),
        "DIR/state.json is damaged: line 4, column 19 is not as the format has it; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state with an address that is none",
        |dir| edit_and_digest(dir, |text| text.replacen("t.n[2]", "t.n[02]", 1)),
        "DIR/state.json is damaged: line 8, column 20 is not as the format has it; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state with one address twice",
        |dir| edit_and_digest(dir, |text| text.replacen("t.n[2]", "t.n[3]", 1)),
        "DIR/state.json is damaged: it holds `t.n[3]` twice; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state that nests a million deep",
        |dir| edit_and_digest(dir, |text| text + "\"x\":" + &"[".repeat(1_000_000)),
        "DIR/state.json is damaged: it nests deeper than 256 levels; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state whose lineage is none",
        |dir| edit_and_digest(dir, |text| text.replacen("5f2b-lineage", "../5f2b", 1)),
        "DIR/state.json is damaged: its lineage is not one; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state of a newer version",
        |dir| {
            edit_and_digest(dir, |text| {
                text.replacen(
                    "version\":1,\n\"mlo_version\":\"0.1.0",
                    "version\":2,\n\"mlo_version\":\"9.1.0",
                    1,
                )
            });
        },
        "DIR/state.json has format 2, and this program reads up to 1: it was written by mlo 9.1.0",
    ),
    (
        "a state of a newer version that looks otherwise",
        |dir| {
            put(
                dir,
                "state.json",
                b"{\"sealed\":\"x\",\"mlo_version\":\"9.\\u001b[31m\",\"format_version\":77}",
            );
        },
        "DIR/state.json has format 77, and this program reads up to 1: it was written by mlo of a later version",
    ),
    (
        "a state of something else",
        |dir| edit_and_digest(dir, |text| text.replacen("5f2b-lineage", "another", 1)),
        "the state's lineage is `another`, not `5f2b-lineage`: this is the state of something else",
    ),
    (
        "an older state put back",
        |dir| {
            fs::copy(dir.join("history/state-1.json"), dir.join("state.json")).unwrap();
        },
        "DIR/state.json is damaged: it is of serial 1, but serial 3 was written before: an older state was put back; \
         the snapshot of serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "an older state put back, without a journal",
        |dir| {
            remove(dir, "journal");
            fs::copy(dir.join("history/state-1.json"), dir.join("state.json")).unwrap();
        },
        "DIR/state.json is damaged: it is of serial 1, but serial 3 was written before: an older state was put back; \
         the snapshot of serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "a state with an edited value and a digest that fits",
        |dir| edit_and_digest(dir, |text| text.replacen("hunter2", "hunter3", 1)),
        "DIR/state.json is damaged: it is not the state that mlo wrote at serial 3: it was edited, or put there from \
         elsewhere; the snapshot of serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "a state larger than any",
        |dir| fs::File::create(dir.join("state.json")).unwrap().set_len(1 << 40).unwrap(),
        "a state file's size in bytes is 1099511627776, and at most 1073741824 is allowed",
    ),
    (
        "a state that is a link",
        |dir| {
            fs::rename(dir.join("state.json"), dir.join("elsewhere")).unwrap();
            symlink(dir.join("elsewhere"), dir.join("state.json")).unwrap();
        },
        "DIR/state.json may not be opened: it is a symbolic link, and state is not followed through one",
    ),
    (
        "a state that is a folder",
        |dir| {
            remove(dir, "state.json");
            fs::create_dir(dir.join("state.json")).unwrap();
        },
        "DIR/state.json may not be opened: it is not a plain file",
    ),
    (
        "a state that is a pipe",
        |dir| {
            remove(dir, "state.json");
            let mode = rustix::fs::Mode::RUSR;
            rustix::fs::mknodat(rustix::fs::CWD, dir.join("state.json"), rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        },
        "DIR/state.json may not be opened: it is not a plain file",
    ),
];

const MISSING: &[Row] = &[
    (
        "the marker alone",
        |dir| remove(dir, "lineage"),
        "DIR/lineage is missing, but state was kept here before; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state that is gone",
        |dir| remove(dir, "state.json"),
        "DIR/state.json is missing, but state was kept here before; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a journal that is gone",
        |dir| remove(dir, "journal"),
        "DIR/journal is missing, but state was kept here before; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a state and a journal that are gone",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "journal");
        },
        "DIR/state.json is missing, but state was kept here before; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "only the marker is left",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "journal");
            fs::remove_dir_all(dir.join("history")).unwrap();
        },
        "DIR/state.json is missing, but state was kept here before; no earlier snapshot is left",
    ),
    (
        "only a damaged marker is left",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "journal");
            fs::remove_dir_all(dir.join("history")).unwrap();
            put(dir, "lineage", b"");
        },
        "DIR/state.json is missing, but state was kept here before; no earlier snapshot is left",
    ),
    (
        "only the history is left",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "journal");
            remove(dir, "lineage");
        },
        "DIR/state.json is missing, but state was kept here before; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "only the journal is left",
        |dir| {
            remove(dir, "state.json");
            remove(dir, "lineage");
            fs::remove_dir_all(dir.join("history")).unwrap();
        },
        "DIR/state.json is missing, but state was kept here before; no earlier snapshot is left",
    ),
];

const JOURNAL: &[Row] = &[
    (
        "an empty journal",
        |dir| put(dir, "journal", b""),
        "DIR/journal is damaged: it is empty; the snapshot of serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "a journal with an edited first line",
        |dir| edit(dir, "journal", |text| text.replacen("base_serial\":3", "base_serial\":2", 1)),
        "DIR/journal is damaged: its first line is damaged; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a journal with an edited record in its middle",
        |dir| edit(dir, "journal", |text| text.replacen("hunter2", "hunter3", 1)),
        "DIR/journal is damaged: the record at byte 232 is damaged, and later ones are not; the snapshot of \
         serial 2 in DIR/history/state-2.json is whole",
    ),
    (
        "a journal with an unknown record",
        |dir| edit(dir, "journal", |text| text + &frame("[{\"sing\":{}}]")),
        "DIR/journal is damaged: line 5, column 26 is not as the format has it; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a journal that begins an operation twice",
        |dir| edit(dir, "journal", |text| text.clone() + text.lines().next_back().unwrap() + "\n"),
        "DIR/journal is damaged: its operation 8 begins twice; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a journal that nests deep",
        |dir| edit(dir, "journal", |text| text + &frame(&"[".repeat(100_000))),
        "DIR/journal is damaged: it nests deeper than 256 levels; the snapshot of serial 2 in \
         DIR/history/state-2.json is whole",
    ),
    (
        "a journal of a newer version",
        |dir| {
            put(dir, "journal", frame("{\"journal_format_version\":2,\"mlo_version\":\"9.1.0\"}").as_bytes());
        },
        "DIR/journal has format 2, and this program reads up to 1: it was written by mlo 9.1.0",
    ),
    (
        "a journal of something else",
        |dir| {
            let header = "{\"journal_format_version\":1,\"mlo_version\":\"0.1.0\",\"lineage\":\"x\",\"base_serial\":3}";
            put(dir, "journal", frame(header).as_bytes());
        },
        "the state's lineage is `5f2b-lineage`, not `x`: this is the state of something else",
    ),
    (
        "a journal that is a link",
        |dir| {
            fs::rename(dir.join("journal"), dir.join("elsewhere")).unwrap();
            symlink(dir.join("elsewhere"), dir.join("journal")).unwrap();
        },
        "DIR/journal may not be opened: it is a symbolic link, and state is not followed through one",
    ),
];

#[tokio::test]
async fn what_lies_beside_documents_and_is_none_stops_nobody() {
    let dir = folder().await;
    let store = FileStore::new(dir.path().to_owned());
    let document = Document { name: "approval.1.b".to_owned(), bytes: b"said".to_vec() };
    assert!(store.keep_document(&document).await.unwrap());
    let documents = dir.path().join("documents");
    put(&documents, "approval.1.a", &vec![b'x'; DOCUMENT_BYTES_MAX + 1]);
    fs::create_dir(documents.join("approval.1.c")).unwrap();
    symlink("/dev/zero", documents.join("approval.1.d")).unwrap();
    let none = |name: &str| Document { name: name.to_owned(), bytes: Vec::new() };
    let all = [none("approval.1.a"), document, none("approval.1.c"), none("approval.1.d")];
    assert_eq!(store.documents("approval.").await.unwrap(), all);
    let refused = store.keep_document(&none("approval.1.e")).await;
    assert!(matches!(refused, Err(StoreError::Misused { .. })), "none of ours says nothing: {refused:?}");
}

/// What the user is told, with the folder's name left out.
fn said(dir: &Path, error: &StoreError) -> String {
    let text = error.to_string().replace(dir.to_str().unwrap(), "DIR");
    assert!(!text.contains('\n') && !text.contains("hunter2") && !text.contains('\u{1b}'), "{text:?}");
    text
}

#[tokio::test]
async fn every_damage_has_its_message_and_nothing_is_written() {
    for (what, damage, message) in [STATE, MISSING, JOURNAL].concat() {
        let dir = folder().await;
        damage(dir.path());
        let store = FileStore::new(dir.path().to_owned());
        let error = store.read().await.expect_err(what);
        assert_eq!(said(dir.path(), &error), message, "{what}");

        // The holder of the lock is told the same by everything it tries, and leaves what is there.
        let before = names(dir.path());
        let guard = store.lock(&holder()).await.unwrap();
        let next = Snapshot { serial: 1, ..Snapshot::empty("fresh") };
        for refused in [
            guard.read().await.map(drop),
            guard.begin("fresh".to_owned()).await,
            guard.append(vec![intend(1)]).await,
            guard.commit(next).await,
        ] {
            assert_eq!(said(dir.path(), &refused.expect_err(what)), message, "{what}, with the lock");
        }
        assert_eq!(names(dir.path()), before, "{what}");
    }
}

#[tokio::test]
async fn what_can_be_missed_is_not_damage() {
    let changes: &[(&str, Damage)] = &[
        ("the marker emptied", |dir| put(dir, "lineage", b"")),
        ("the marker of zeros", |dir| put(dir, "lineage", &[0; 60])),
        ("the history removed", |dir| fs::remove_dir_all(dir.join("history")).unwrap()),
        ("a half-written snapshot beside it", |dir| put(dir, "state.json.new", b"{\"format")),
        ("a half-written journal beside it", |dir| put(dir, "journal.new", b"0000")),
        ("the lock's file emptied", |dir| put(dir, "lock", b"")),
        ("a stranger's files beside it", |dir| put(dir, "history/state-x.json", b"")),
    ];
    for (what, change) in changes {
        let dir = folder().await;
        let store = FileStore::new(dir.path().to_owned());
        let before = store.read().await.unwrap();
        change(dir.path());
        assert_eq!(store.read().await.expect(what), before, "{what}");
        let guard = store.lock(&holder()).await.unwrap();
        guard.append(vec![done(8, None)]).await.expect(what);
        let snapshot = Snapshot { serial: 4, ..before.snapshot.unwrap() };
        guard.commit(snapshot).await.expect(what);
        drop(guard);
        // What was missing is there again.
        let marker = fs::read_to_string(dir.path().join("lineage")).unwrap();
        assert!(
            marker.starts_with("{\"lineage\":\"5f2b-lineage\",\"serial\":4,\"digest\":\""),
            "{what}: {marker}"
        );
    }
}

#[tokio::test]
async fn a_stale_journal_gives_its_open_intents_only() {
    let dir = folder().await;
    let store = FileStore::new(dir.path().to_owned());
    let journal = fs::read(dir.path().join("journal")).unwrap();
    let guard = store.lock(&holder()).await.unwrap();
    let mut snapshot = guard.read().await.unwrap().snapshot.unwrap();
    snapshot.objects.clear();
    snapshot.serial = 4;
    guard.append(vec![Record::Outputs { outputs: [].into() }]).await.unwrap();
    guard.commit(snapshot.clone()).await.unwrap();
    drop(guard);
    // As if a crash had come between the snapshot and the journal's replacement.
    put(dir.path(), "journal", &journal);
    let loaded = store.read().await.unwrap();
    assert_eq!(loaded.snapshot, Some(snapshot));
    assert_eq!(loaded.pending.iter().map(|pending| pending.operation).collect::<Vec<_>>(), [8]);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names.iter().map(|name| name.to_str().unwrap().to_owned()).filter(|name| name != "lock").collect()
}
