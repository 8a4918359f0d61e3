//! Encryption at rest: what is sealed opens with its key, as it was sealed, in its place, and in no other way.

use crate::damage::frame;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlo_state::journal::Journal;
use mlo_state::s3::{Bucket as _, LEASE, ModelBucket};
use mlo_state::seal::{
    AgeKey, DataKey, Identity, Key, Kind, LocalKey, PassphraseCost, PassphraseKey, Random, Recipient, Scope,
    Subject, Wrapped,
};
use mlo_state::snapshot::{Damage, DecodeError, PathStep};
use mlo_state::{
    BoxFuture, FileStore, MemoryStore, Object, S3Store, Snapshot, Store, StoreError, Vault, conformance,
};
use sha2::{Digest as _, Sha256};

use crate::journal::{done, holder, intend, object};
use crate::s3::clock;

/// An identity as `age-keygen` writes it, and its recipient.
const IDENTITY: &str = "AGE-SECRET-KEY-1P9AEFCCS3NLV8LN5RJ4H84A7CWMY2HD39H9C02DVRZ5SEU62CR8SSV0DTV";
const RECIPIENT: &str = "age1tad82cej0a5966j7zyz05zzlejsxftl69qh3kvf5k2w8t5ktdfgq9lt6ch";

/// As cheap as Argon2 goes: what costs are for is not tested here.
const CHEAP: PassphraseCost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };

/// Bytes that never come twice, the same in each run.
pub(crate) fn random() -> Random {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    Arc::new(|bytes| {
        for chunk in bytes.chunks_mut(32) {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let digest = Sha256::digest(number.to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    })
}

pub(crate) fn passphrase(label: &str, words: &str) -> Arc<dyn Key> {
    Arc::new(PassphraseKey::new(label, words.to_owned().into()).with_cost(CHEAP))
}

fn age(identities: &str) -> Arc<dyn Key> {
    let recipients = vec![RECIPIENT.parse().unwrap()];
    Arc::new(AgeKey::new("ci", recipients, Identity::all(identities).unwrap()))
}

fn vault(keys: &[Arc<dyn Key>]) -> Vault {
    Vault::new(keys.to_vec(), random())
}

pub(crate) fn team() -> Vault {
    vault(&[passphrase("team", "correct horse")])
}

fn store(dir: &Path, vault: Vault) -> FileStore {
    FileStore::new(dir.to_owned()).with_vault(vault)
}

/// The state with an object that holds a secret, of which only a mark tells.
fn secret(serial: u64, is_marked: bool) -> Snapshot {
    let mut snapshot = Snapshot { serial, ..Snapshot::empty("5f2b-lineage") };
    let sensitive = if is_marked { vec![vec![PathStep::Name("state".to_owned())]] } else { vec![] };
    snapshot.objects.insert("t.n[0]".parse().unwrap(), Object { sensitive, ..object("hunter2") });
    snapshot
}

/// Writes a state of three serials, a record in its journal, and an open intent.
async fn written(dir: &Path, vault: Vault) {
    let guard = store(dir, vault).lock(&holder()).await.unwrap();
    for serial in 1..=3 {
        guard.commit(secret(serial, true)).await.unwrap();
    }
    guard.append(vec![intend(1)]).await.unwrap();
    guard.append(vec![done(1, Some(object("hunter2")))]).await.unwrap();
    guard.append(vec![intend(2)]).await.unwrap();
    guard.append(vec![intend(3)]).await.unwrap();
    guard.release().await.unwrap();
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).unwrap();
}

async fn refused(dir: &Path, vault: Vault) -> String {
    let error = store(dir, vault).read().await.expect_err("it should be refused");
    let text = error.to_string().replace(dir.to_str().unwrap(), "DIR");
    assert!(!text.contains("hunter2") && !text.contains("correct horse"), "{text}");
    text
}

#[tokio::test]
async fn a_sealed_store_conforms() {
    let parent = tempfile::tempdir().unwrap();
    let number = AtomicU64::new(0);
    conformance::all(
        &|| {
            let dir = parent.path().join(number.fetch_add(1, Ordering::Relaxed).to_string());
            let vault = team().enforced();
            Box::new(move || Box::new(store(&dir, vault.clone())))
        },
        &|| Box::pin(std::future::ready(())),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sealed_store_in_a_bucket_conforms_and_no_value_in_it_is_in_clear() {
    let clock = clock();
    let bucket = ModelBucket::new(clock.clone());
    let number = AtomicU64::new(0);
    let expire = || -> BoxFuture<'static, ()> { Box::pin(tokio::time::sleep(LEASE)) };
    conformance::all(
        &|| {
            let key = number.fetch_add(1, Ordering::Relaxed).to_string();
            let (bucket, clock, vault) = (Arc::new(bucket.clone()), clock.clone(), team().enforced());
            let store = S3Store::new(bucket, &key, clock).with_vault(vault);
            Box::new(move || Box::new(store.clone()))
        },
        &expire,
    )
    .await;
    for key in bucket.keys() {
        let Ok(Some(found)) = bucket.get(&key, u64::MAX).await else { panic!("{key} is there") };
        let text = String::from_utf8_lossy(&found.body);
        assert!(!text.contains("127.0.0.1:1") && !text.contains("attributes"), "{key}: {text}");
    }
}

#[tokio::test]
async fn each_kind_of_key_opens_what_it_sealed_and_nothing_is_in_clear() {
    let local = tempfile::tempdir().unwrap();
    let local: Arc<dyn Key> = Arc::new(LocalKey::new(local.path().join("deep/key")));
    for key in [passphrase("team", "correct horse"), age(IDENTITY), local] {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), vault(std::slice::from_ref(&key))).await;
        for (name, bytes) in files(dir.path()) {
            assert!(!holds(&bytes, "hunter2") && !holds(&bytes, "\"t.n["), "{name}");
        }
        let loaded = store(dir.path(), vault(&[key])).read().await.unwrap();
        let mut expected = secret(3, true);
        expected.objects.insert("t.n[1]".parse().unwrap(), object("hunter2"));
        assert_eq!(loaded.snapshot, Some(expected));
        assert_eq!(loaded.pending.len(), 2);
        let said = refused(dir.path(), Vault::clear()).await;
        assert!(
            said.contains("it is sealed with the key `") && said.contains("no such key is configured"),
            "{said}"
        );
    }
}

#[test]
fn a_file_that_age_made_is_opened() {
    // By age 1.2.1, for another recipient and this one; it holds the bytes from 0 to 31.
    let data_key = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA5V2F2SHNGSTRWMjBpZ1JTRi81UnZGZHRCUEVkdktaMmRLSUs3VXBVcFRZCm1L\
        THhQbkhuZG9yWmVSVjFNS0hhbzNqcWRuMGlKQ3QydGZkV1hnc1NCZFUKLT4gWDI1NTE5IGROYnRtRXlXNTNUdlNoWTlOcE9weElnUnB2MkxGQmg1\
        LzNqS1c5S1MvRmsKbEhoWWFtUnp0VHppRFhob0hZTjZWeWZvckx5Q3IwMmx3VERrcWtrMi9sRQotLS0gTUxWb1RJc3liZlVFcVlTMlpGVWErd1lj\
        dWdUaW0vbklkNDRjOGV6dUFTQQoCQhd9SpFN+FsUNjb75FWTjp9QeTF0JXuc3Htz7zLYSILWFxau+hoXB6FqDXDZiU+CPdO6BAnqwhbj24kFe6In";
    let anything = Scope::default();
    let opened = age(IDENTITY).unwrap(&Wrapped::Age { data_key: data_key.to_owned() }, &anything).unwrap();
    assert!(opened.bytes().iter().copied().eq(0..32));
    // What is sealed for two is opened by either, and each byte of it counts.
    let key = age(IDENTITY);
    let scope = Subject::new(Kind::Plan, "a", 1).scope();
    let wrapped = key.wrap(&opened, &scope, &random()).unwrap();
    assert_eq!(key.unwrap(&wrapped, &scope).unwrap().bytes(), opened.bytes());
    let Wrapped::Age { data_key } = wrapped else { panic!("age wraps as age") };
    let file = STANDARD.decode(&data_key).unwrap();
    for at in 0..file.len() {
        let mut bad = file.clone();
        bad[at] ^= 1;
        assert!(key.unwrap(&Wrapped::Age { data_key: STANDARD.encode(bad) }, &scope).is_err(), "byte {at}");
    }
    for none in ["", "age1", "AGE1", &RECIPIENT.to_uppercase(), &RECIPIENT.replace("tad", "tda"), IDENTITY] {
        assert!(none.parse::<Recipient>().is_err(), "{none}");
    }
    for none in [RECIPIENT, "hello", &IDENTITY.replace("P9A", "PA9"), &IDENTITY[..40]] {
        assert!(Identity::all(none).is_none(), "{none}");
    }
}

#[tokio::test]
async fn the_wrong_key_is_named_and_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), team()).await;
    let wrong = vault(&[passphrase("team", "battery staple")]);
    assert_eq!(
        refused(dir.path(), wrong).await,
        "DIR/journal: it is sealed with the key `passphrase.team`, and the passphrase that is given does not open it, or its first line was changed"
    );
    assert_eq!(
        refused(dir.path(), vault(&[age(IDENTITY)])).await,
        "DIR/journal: it is sealed with the key `passphrase.team`, and no such key is configured"
    );
    // Under another name it is the same key.
    let renamed = vault(&[passphrase("other", "battery staple"), passphrase("new", "correct horse")]);
    assert!(store(dir.path(), renamed).read().await.is_ok());
    // Who can only seal cannot read.
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), vault(&[age("")])).await;
    assert_eq!(
        refused(dir.path(), vault(&[age("# no identity\n\n")])).await,
        "DIR/journal: it is sealed with the key `age.ci`, and no identity is given that could open it"
    );
}

#[tokio::test]
async fn the_first_key_writes_and_the_others_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (passphrase("old", "correct horse"), passphrase("new", "battery staple"));
    // In clear, then with a key, then with another.
    written(dir.path(), Vault::clear()).await;
    let keys = [vault(std::slice::from_ref(&old)).taking_clear(), vault(&[new.clone(), old])];
    for (vault, name) in keys.into_iter().zip(["passphrase.old", "passphrase.new"]) {
        let store = store(dir.path(), vault);
        let guard = store.lock(&holder()).await.unwrap();
        let mut next = guard.read().await.unwrap().snapshot.unwrap();
        next.serial += 1;
        guard.append(vec![done(3, None)]).await.unwrap();
        guard.commit(next).await.unwrap();
        guard.append(vec![done(2, None)]).await.unwrap();
        drop(guard);
        let state = fs::read(dir.path().join("state.json")).unwrap();
        assert_eq!(Vault::look(&state).unwrap().0.to_string(), name);
    }
    let only_new = store(dir.path(), vault(&[new]));
    assert!(only_new.read().await.is_ok(), "the old key is needed no more");
    assert!(
        holds(&fs::read(dir.path().join("history/state-3.json")).unwrap(), "hunter2"),
        "history stays as it was until that is asked for"
    );
}

#[tokio::test]
async fn what_is_in_clear_is_refused_where_all_must_be_sealed() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), Vault::clear()).await;
    let journal = fs::read(dir.path().join("journal")).unwrap();
    let only = "the configuration takes only what is sealed (`enforced`)";
    for (vault, why) in [
        (team(), "a key is configured: what mlo writes is sealed with it"),
        (team().enforced(), only),
        (team().enforced().taking_clear(), only),
        (team().taking_clear().enforced(), only),
    ] {
        put(&dir.path().join("journal"), &journal);
        let said = refused(dir.path(), vault.clone()).await;
        assert_eq!(said, format!("DIR/journal: it is in clear, and {why}"));
        fs::remove_file(dir.path().join("journal")).unwrap();
        assert_eq!(refused(dir.path(), vault).await, format!("DIR/state.json: it is in clear, and {why}"));
    }
}

#[tokio::test]
async fn what_is_kept_is_sealed_anew_and_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), Vault::clear()).await;
    let before = mlo_state::chain::verify(&store(dir.path(), Vault::clear())).await;
    let store = store(dir.path(), team().taking_clear());
    let guard = store.lock(&holder()).await.unwrap();
    let loaded = guard.read().await.unwrap();
    assert_eq!(loaded.pending.len(), 2, "what is open stays open");
    let mut next = loaded.snapshot.unwrap();
    next.serial += 1;
    guard.commit(next).await.unwrap();
    guard.reseal().await.unwrap();
    drop(guard);
    for (name, bytes) in files(dir.path()) {
        assert!(!holds(&bytes, "hunter2"), "{name}");
    }
    let store = FileStore::new(dir.path().to_owned()).with_vault(team().enforced());
    assert_eq!(store.read().await.unwrap().pending.len(), 2);
    let after = mlo_state::chain::verify(&store).await;
    assert_eq!(after.len(), before.len() + 1);
    for finding in after {
        assert!(finding.wrong.is_none(), "{}: {:?}", finding.what, finding.wrong);
    }
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_of_a_sealed_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), team()).await;
    let vault = team();
    let state = fs::read(dir.path().join("state.json")).unwrap();
    let journal = fs::read(dir.path().join("journal")).unwrap();
    let records = |bytes: &[u8]| Journal::open(bytes, None, &vault).map(|(journal, _)| journal.records.len());
    assert!(Snapshot::open(state.clone(), &vault).is_ok());
    assert_eq!(records(&journal), Ok(4));
    for bit in [1, 0x20, 0x80] {
        for at in 0..state.len() {
            let mut bad = state.clone();
            bad[at] ^= bit;
            assert!(Snapshot::open(bad, &vault).is_err(), "byte {at}");
            assert!(bit > 1 || Snapshot::open(state[..at].to_vec(), &vault).is_err(), "cut at {at}");
        }
        for at in 0..journal.len() {
            let mut bad = journal.clone();
            bad[at] ^= bit;
            let torn = at >= last_line(&journal);
            assert!(records(&bad).is_err() || torn && records(&bad) == Ok(3), "byte {at}");
        }
    }
    assert!(Snapshot::open([&*state, b"x"].concat(), &vault).is_err());
}

fn last_line(journal: &[u8]) -> usize {
    journal[..journal.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1
}

#[tokio::test]
async fn frames_of_a_journal_cannot_be_moved_left_out_or_put_in() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), team()).await;
    let path = dir.path().join("journal");
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 6, "a header, a head, and four groups");
    assert_eq!(lines[4].len(), lines[5].len(), "the last two differ in nothing but a digit");
    let clear = "0000004a 00000000 [{\"intend\":{\"operation\":9,\"address\":\"t.x\",\"action\":\"create\",\"token\":\"t\"}}]\n";
    for (what, order) in [
        ("two that changed places", vec![0, 1, 2, 3, 5, 4]),
        ("one that is there twice", vec![0, 1, 2, 3, 4, 4]),
        ("one left out", vec![0, 1, 2, 4, 5]),
    ] {
        put(&path, order.iter().map(|at| lines[*at]).collect::<String>());
        let said = refused(dir.path(), team()).await;
        assert!(said.starts_with("DIR/journal is damaged: "), "{what}: {said}");
    }
    put(&path, [lines[0], &lines[2..].concat()].concat());
    assert!(refused(dir.path(), team()).await.contains("it is in clear"), "no head");
    put(&path, format!("{good}{}", checked(clear)));
    assert!(
        refused(dir.path(), team()).await.contains("it is not as it was sealed"),
        "one in clear at its end"
    );
    // The head of another serial.
    let other = tempfile::tempdir().unwrap();
    written(other.path(), team()).await;
    let later = store(other.path(), team()).lock(&holder()).await.unwrap();
    let mut next = later.read().await.unwrap().snapshot.unwrap();
    next.serial += 1;
    later.commit(next).await.unwrap();
    drop(later);
    let foreign = fs::read_to_string(other.path().join("journal")).unwrap();
    let foreign: Vec<&str> = foreign.split_inclusive('\n').collect();
    put(&path, [lines[0], foreign[1], foreign[2]].concat());
    assert!(refused(dir.path(), team()).await.contains("it is not as it was sealed"));
}

/// A frame with the checksum that its payload has.
fn checked(line: &str) -> String {
    frame(&line[18..line.len() - 1])
}

#[tokio::test]
async fn a_state_is_bound_to_its_lineage_and_serial() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), team()).await;
    let path = dir.path().join("state.json");
    let good = fs::read(&path).unwrap();
    let not_for_it = "does not open it, or its first line was changed";
    for (from, to, says) in [
        ("\"serial\":3", "\"serial\":4", not_for_it),
        ("5f2b-lineage", "5f2b-linaege", not_for_it),
        ("\"sealed_version\":2", "\"sealed_version\":1", not_for_it),
        ("\"team\"", "\"meat\"", "it is not as it was sealed"),
    ] {
        let text: Vec<u8> = good.clone();
        let at = text.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let edited = [&text[..at], to.as_bytes(), &text[at + from.len()..]].concat();
        put(&path, edited);
        let said = refused(dir.path(), team()).await;
        assert!(said.contains(says), "{from}: {said}");
    }
    // What an earlier run left is not taken for the present.
    fs::copy(dir.path().join("history/state-1.json"), &path).unwrap();
    assert!(refused(dir.path(), team()).await.contains("an older state was put back"));
}

#[test]
fn what_was_sealed_as_something_else_does_not_open() {
    let vault = team();
    let subject =
        |kind, part: Option<&str>| Subject { part: part.map(str::to_owned), ..Subject::new(kind, "a", 1) };
    let sealed = vault.seal(subject(Kind::Plan, None), false, b"text".to_vec()).unwrap();
    assert_eq!(vault.open(Kind::State, sealed.clone()).unwrap_err(), Damage::Alien.into());
    let (clear, bound) = vault.open(Kind::Plan, sealed).unwrap();
    assert_eq!((clear.as_slice(), bound), (&b"text"[..], Some(subject(Kind::Plan, None))));
    let frames = vault.frames(subject(Kind::Journal, Some("7")), false).unwrap().unwrap();
    assert!(vault.frames_after(frames.head(), &subject(Kind::Journal, Some("8"))).is_err());
    let again = vault.frames_after(frames.head(), &subject(Kind::Journal, Some("7"))).unwrap();
    assert_eq!(again.open(3, &frames.seal(3, b"text")).unwrap(), b"text");
    assert!(again.open(4, &frames.seal(3, b"text")).is_err());
    assert_ne!(frames.seal(3, b"text"), frames.seal(3, b"text"), "no nonce comes twice");
    // Of two parts with one data key, neither opens as the other.
    let other = frames.for_part(subject(Kind::Journal, Some("8"))).unwrap();
    let opened = vault.frames_after(other.head(), &subject(Kind::Journal, Some("8"))).unwrap();
    assert_eq!(opened.open(3, &other.seal(3, b"text")).unwrap(), b"text");
    assert!(opened.open(3, &frames.seal(3, b"text")).is_err());
}

#[test]
fn who_knows_the_data_key_of_one_file_has_none_for_another() {
    let local = tempfile::tempdir().unwrap();
    let local: Arc<dyn Key> = Arc::new(LocalKey::new(local.path().join("key")));
    let part = |kind, part: &str| Subject { part: Some(part.to_owned()), ..Subject::new(kind, "a", 1) };
    let scopes = [
        Subject::new(Kind::State, "a", 1).scope(),
        Subject::new(Kind::State, "a", 2).scope(),
        Subject::new(Kind::State, "b", 1).scope(),
        Subject::new(Kind::Plan, "a", 1).scope(),
        Subject::new(Kind::Journal, "a", 1).scope(),
        Subject::new(Kind::Moved, "a", 1).scope(),
        part(Kind::Journal, "7").scope(),
        Scope::default(),
    ];
    for key in [passphrase("team", "correct horse"), age(IDENTITY), local] {
        for scope in &scopes {
            let wrapped = key.wrap(&DataKey::from_bytes(&[7; 32]).unwrap(), scope, &random()).unwrap();
            for other in &scopes {
                let opened = key.unwrap(&wrapped, other);
                assert_eq!(opened.is_ok(), scope == other, "{}: {scope:?}, {other:?}", key.name());
            }
        }
    }
    // What one run writes in parts has one data key: a service that wraps keys is asked once.
    let head = Subject::new(Kind::Head, "a", 9).scope();
    assert_eq!((part(Kind::Journal, "7").scope(), part(Kind::Journal, "8").scope()), (head.clone(), head));
    let frames = team().frames(part(Kind::Journal, "7"), false).unwrap().unwrap();
    assert!(
        frames.for_part(Subject::new(Kind::Journal, "a", 1)).is_none(),
        "the journal of a folder is another"
    );
}

#[tokio::test]
async fn what_anybody_can_seal_is_no_better_than_clear_where_a_secret_key_is_first() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), vault(&[age(IDENTITY)])).await;
    let both = || vault(&[passphrase("team", "correct horse"), age(IDENTITY)]);
    let said = "DIR/journal: it is sealed with the key `age.ci`, which is public, and a secret key is configured in front of it";
    assert_eq!(refused(dir.path(), both()).await, said);
    assert_eq!(refused(dir.path(), both().enforced().taking_clear()).await, said);
    assert!(store(dir.path(), both().taking_clear()).read().await.is_ok(), "who seals it anew may");
    let age_first = vault(&[age(IDENTITY), passphrase("team", "correct horse")]);
    assert!(store(dir.path(), age_first).read().await.is_ok(), "as the configuration wants it");
}

#[tokio::test]
async fn a_note_that_a_state_is_elsewhere_is_believed_as_it_was_sealed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(dir.path(), team()).await;
    let note = dir.path().join("moved");
    put(&note, "s3://mallory/state\n");
    let forged = refused(dir.path(), team()).await;
    let doubted = "DIR/moved says that the state is elsewhere, and is not believed";
    assert_eq!(
        forged,
        format!("{doubted}: it is in clear, and a key is configured: what mlo writes is sealed with it")
    );
    let kept = store(dir.path(), team()).lock(&holder()).await.unwrap().salvage().await.unwrap_err();
    assert!(matches!(kept, StoreError::Doubtful { .. }), "it may be true: nothing is repaired, {kept}");
    let taken = store(dir.path(), team().taking_clear()).read().await.unwrap_err().to_string();
    assert!(taken.ends_with("is in s3://mallory/state now"), "{taken}");
    fs::remove_file(&note).unwrap();
    // That of another state, sealed with the same key.
    let guard = store(other.path(), team()).lock(&holder()).await.unwrap();
    guard.commit(Snapshot { serial: 1, ..Snapshot::empty("another") }).await.unwrap();
    guard.leave("s3://acme/other".to_owned()).await.unwrap();
    drop(guard);
    fs::copy(other.path().join("moved"), &note).unwrap();
    assert_eq!(refused(dir.path(), team()).await, format!("{doubted}: it is no file of this kind"));
    fs::remove_file(&note).unwrap();
    let guard = store(dir.path(), team()).lock(&holder()).await.unwrap();
    guard.leave("s3://acme/state".to_owned()).await.unwrap();
    drop(guard);
    assert!(!holds(&fs::read(&note).unwrap(), "acme"), "nor does it tell where that is");
    assert!(refused(dir.path(), team()).await.ends_with("is in s3://acme/state now"));
    // Who got a key later seals it.
    put(&note, "s3://acme/state\n");
    let guard = store(dir.path(), team().taking_clear()).lock(&holder()).await.unwrap();
    guard.leave("s3://acme/state".to_owned()).await.unwrap();
    drop(guard);
    assert!(refused(dir.path(), team()).await.ends_with("is in s3://acme/state now"));
}

#[test]
fn files_of_any_length_are_sealed_in_pieces_that_fit_only_there() {
    let vault = team();
    let subject = || Subject::new(Kind::Plan, "a", 1);
    let piece = 64 * 1024;
    for length in [0, 1, piece - 1, piece, piece + 1, 3 * piece] {
        let clear: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sealed = vault.seal(subject(), false, clear.clone()).unwrap();
        assert_eq!(vault.open(Kind::Plan, sealed.clone()).unwrap().0, clear, "{length}");
        for cut in [1, 16, 17, piece + 16].into_iter().filter(|cut| *cut <= length) {
            let error = vault.open(Kind::Plan, sealed[..sealed.len() - cut].to_vec()).unwrap_err();
            assert!(matches!(error, DecodeError::Damaged(_)), "{length} without its last {cut}: {error}");
        }
    }
    let sealed = vault.seal(subject(), false, vec![7; 3 * piece]).unwrap();
    let start = sealed.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (head, body) = sealed.split_at(start);
    let pieces: Vec<&[u8]> = body.chunks(piece + 16).collect();
    assert_eq!(pieces.len(), 3);
    for order in [vec![1, 0, 2], vec![0, 2], vec![0, 0, 1, 2], vec![0, 1]] {
        let moved: Vec<u8> = order.iter().flat_map(|at| pieces[*at]).copied().collect();
        assert!(vault.open(Kind::Plan, [head, &moved].concat()).is_err(), "{order:?}");
    }
}

#[test]
fn headers_ask_for_no_more_than_they_may_and_later_versions_are_told() {
    let vault = team();
    let header = |version: u32, memory: u32, passes: u32, lanes: u32| {
        format!(
            "{{\"sealed_version\":{version},\"mlo_version\":\"9.1.0\",\"kind\":\"state\",\"lineage\":\"a\",\"serial\":1,\
             \"key\":\"team\",\"wrapped\":{{\"kind\":\"passphrase\",\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\
             \"memory_kib\":{memory},\"passes\":{passes},\"lanes\":{lanes},\"data_key\":\"AAAA\"}}}}\nxxxx"
        )
    };
    for (text, says) in [
        (header(3, 64, 1, 1), "format 3 is newer than the 2 that this program reads"),
        (
            header(1, 4_000_000_000, 1, 1),
            "its header asks for 4000000000 KiB of memory, and at most 262144 is taken",
        ),
        (header(1, 64, 100_000, 1), "its header asks for 100000 passes, and at most 8 is taken"),
        (header(1, 64, 1, 1_000_000), "its header asks for 1000000 lanes, and at most 16 is taken"),
        (header(1, 1, 1, 8), "Argon2 refuses its parameters"),
        (header(1, 64, 1, 1), "the passphrase that is given does not open it"),
        (header(1, 64, 1, 1).replace("passphrase", "carrier_pigeon"), "its first line is damaged"),
        (header(1, 64, 1, 1).replace("\"a\"", "\"../a\""), "its lineage is not one"),
        ("{\"sealed_version\":1".to_owned(), "it is cut short"),
        (format!("{{\"sealed_version\":1,{}", "[".repeat(70_000)), "its first line is damaged"),
        (format!("{{\"sealed_version\":1,\"a\":{}\n", "[".repeat(60_000)), "its first line is damaged"),
    ] {
        let said = Snapshot::open(text.clone().into_bytes(), &vault).unwrap_err().to_string();
        assert!(said.contains(says), "{said}\n{}", &text[..text.len().min(200)]);
    }
}

#[tokio::test]
async fn without_a_key_a_local_one_is_made_when_there_is_something_to_hide() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let local = Arc::new(LocalKey::new(path.clone()));
    let vault = Vault::new(vec![], random()).with_fallback(local.clone());
    let state = dir.path().join("state");
    let store = store(&state, vault.clone());
    let guard = store.lock(&holder()).await.unwrap();
    guard.commit(secret(1, false)).await.unwrap();
    guard.append(vec![intend(1)]).await.unwrap();
    assert!(
        !path.exists() && holds(&fs::read(state.join("state.json")).unwrap(), "hunter2"),
        "nothing is marked"
    );
    // The journal is sealed from the first record on that holds something sensitive.
    let marked = secret(1, true).objects.into_values().next();
    guard.append(vec![done(1, marked)]).await.unwrap();
    assert!(local.was_made());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!holds(&fs::read(state.join("journal")).unwrap(), "hunter2"));
    let loaded = guard.read().await.unwrap();
    guard.commit(Snapshot { serial: 2, ..loaded.snapshot.unwrap() }).await.unwrap();
    assert!(!holds(&fs::read(state.join("state.json")).unwrap(), "hunter2"));
    drop(guard);
    assert!(store.read().await.is_ok());

    let key = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let said = refused(&state, vault.clone()).await;
    assert!(said.contains("it is sealed with the key `file.") && said.contains("key is not there"), "{said}");
    put(&path, b"");
    assert!(refused(&state, vault.clone()).await.contains("does not hold a key any more"));
    put(&path, [b"mlo-key-1 ", &key[11..], b"A"].concat());
    assert!(refused(&state, vault).await.contains("key"));
}

#[test]
fn of_many_that_make_a_local_key_one_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<_> = (0..16).map(|_| Arc::new(LocalKey::new(dir.path().join("key")))).collect();
    let random = random();
    let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = keys
            .iter()
            .map(|key| {
                let vault = Vault::new(vec![key.clone()], random.clone());
                let subject = Subject::new(Kind::Plan, "a", 1);
                scope.spawn(move || vault.seal(subject, false, b"text".to_vec()).unwrap())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(keys.iter().filter(|key| key.was_made()).count(), 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "and no other file is left");
    let vault = Vault::new(vec![keys[0].clone()], random);
    assert!(sealed.into_iter().all(|sealed| vault.open(Kind::Plan, sealed).is_ok()));
}

#[tokio::test]
async fn a_sealed_record_costs_the_same_in_a_state_of_any_size() {
    let mut grown = Vec::new();
    for objects in [1, 2_000] {
        let dir = tempfile::tempdir().unwrap();
        let mut snapshot = secret(1, true);
        for number in 0..objects {
            snapshot.objects.insert(format!("t.many[{number}]").parse().unwrap(), object("some text"));
        }
        let guard = store(dir.path(), team()).lock(&holder()).await.unwrap();
        guard.commit(snapshot).await.unwrap();
        guard.append(vec![intend(1)]).await.unwrap();
        let length = || fs::metadata(dir.path().join("journal")).unwrap().len();
        let before = length();
        guard.append(vec![intend(2)]).await.unwrap();
        grown.push(length() - before);
    }
    assert_eq!(grown[0], grown[1]);
    assert!(grown[0] < 250, "{}", grown[0]);
}

#[tokio::test]
async fn a_key_that_cannot_seal_stops_the_write_and_leaves_the_state() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), team()).await;
    let none: Arc<dyn Key> = Arc::new(AgeKey::new("none", vec![], vec![]));
    let store = store(dir.path(), vault(&[none, passphrase("team", "correct horse")]));
    let before = files(dir.path());
    let guard = store.lock(&holder()).await.unwrap();
    let mut next = guard.read().await.unwrap().snapshot.unwrap();
    next.serial += 1;
    match guard.commit(next).await {
        Err(error @ StoreError::Sealed { .. }) => {
            assert!(
                error.to_string().contains("it cannot be sealed with the key `age.none`: it needs 1 to 100")
            );
        }
        other => panic!("{other:?}"),
    }
    drop(guard);
    assert_eq!(files(dir.path()), before);
}

#[test]
fn debug_output_and_a_store_in_memory_know_no_key() {
    let text = format!("{:?} {:?}", team(), MemoryStore::new());
    assert!(text.contains("passphrase.team") && !text.contains("correct"), "{text}");
}
