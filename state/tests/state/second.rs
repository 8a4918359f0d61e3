//! What becomes of records that a store does not take.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use mlo_state::file::Step;
use mlo_state::seal::LocalKey;
use mlo_state::second::{ENDING, ERRORED, News, SecondPlace, Tell};
use mlo_state::{Address, FileStore, Loaded, Object, PathStep, Record, Store as _, StoreError, Vault};

use crate::disk::{LINEAGE, lock, probed, snapshot};
use crate::journal::{done, intend, object};
use crate::seal::random;

/// What was told of a second place.
type Told = Arc<Mutex<Vec<News>>>;

fn second(folder: &Path, told: &Told, vault: &Vault) -> SecondPlace {
    let told = Arc::clone(told);
    let tell: Tell = Arc::new(move |news| told.lock().unwrap().push(news));
    SecondPlace::new(folder.to_owned(), vault.clone(), tell)
}

fn take(told: &Told) -> Vec<News> {
    std::mem::take(&mut *told.lock().unwrap())
}

/// The file of records in a second place.
fn errored(folder: &Path) -> PathBuf {
    folder.join(format!("{ERRORED}{LINEAGE}{ENDING}"))
}

fn at<'l>(loaded: &'l Loaded, address: &str) -> Option<&'l Object> {
    loaded.snapshot.as_ref()?.objects.get(&address.parse::<Address>().unwrap())
}

/// A store whose journal can be written to until the switch is on.
fn breakable(dir: &Path, errno: Errno, broken: &Arc<AtomicBool>) -> FileStore {
    let broken = Arc::clone(broken);
    probed(dir, move |step, _| match step {
        Step::Write if broken.load(Ordering::Relaxed) => Err(errno.into()),
        _ => Ok(()),
    })
}

#[tokio::test]
async fn what_the_store_does_not_take_goes_to_a_second_place_and_is_taken_up_by_the_next_run() {
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS, Errno::ACCESS] {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (told, vault, broken) = (Told::default(), Vault::clear(), Arc::default());
        let store = breakable(dir.path(), errno, &broken);
        let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
        guard.commit(snapshot(1)).await.unwrap();
        guard.append(vec![intend(1), intend(2)]).await.unwrap();
        broken.store(true, Ordering::Relaxed);
        assert!(guard.append(vec![done(1, Some(object("m\u{fc}de\u{9b}")))]).await.is_err());
        // What was under way goes on to its end; what was not begun is not there.
        assert!(guard.append(vec![done(2, None)]).await.is_err());
        assert!(guard.append(vec![intend(3)]).await.is_err());
        assert!(guard.append(vec![done(4, Some(object("only found")))]).await.is_err());
        assert!(guard.commit(snapshot(2)).await.is_err());
        drop(guard);
        let place = errored(other.path());
        assert_eq!(take(&told), [News::Kept { place: place.clone() }], "once");
        let bytes = fs::read(&place).unwrap();
        assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "it may be on a terminal");
        let mode = fs::metadata(&place).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(store.read().await.unwrap().pending.len(), 2);

        // As long as the store takes nothing, nothing in the second place is touched.
        assert!(second(other.path(), &told, &vault).behind(lock(&store).await).await.is_err());
        assert_eq!(fs::read(&place).unwrap(), bytes);
        broken.store(false, Ordering::Relaxed);
        let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
        let loaded = guard.read().await.unwrap();
        assert_eq!(take(&told), [News::TakenUp { records: 2 }]);
        assert_eq!(loaded.pending, vec![]);
        assert_eq!(at(&loaded, "t.n[1]"), Some(&object("m\u{fc}de\u{9b}")));
        assert!(!place.exists());
        drop(guard);
        drop(second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap());
        assert_eq!(take(&told), [], "once is enough");
    }
}

#[tokio::test]
async fn what_is_in_the_state_after_all_is_not_kept() {
    let (dir, other, told) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Told::default());
    let broken = Arc::default();
    let store = breakable(dir.path(), Errno::NOSPC, &broken);
    let guard = second(other.path(), &told, &Vault::clear()).behind(lock(&store).await).await.unwrap();
    guard.commit(snapshot(1)).await.unwrap();
    guard.append(vec![intend(1)]).await.unwrap();
    broken.store(true, Ordering::Relaxed);
    guard.append(vec![done(1, Some(object("made")))]).await.unwrap_err();
    assert!(errored(other.path()).exists());
    broken.store(false, Ordering::Relaxed);
    guard.commit(snapshot(2)).await.unwrap();
    assert!(!errored(other.path()).exists(), "the commit has it");
}

#[tokio::test]
async fn what_can_be_written_nowhere_is_told_in_lines_that_the_next_run_takes_up() {
    let (dir, other, told) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Told::default());
    let broken = Arc::default();
    let store = breakable(dir.path(), Errno::NOSPC, &broken);
    let blocked = other.path().join("none");
    let mut guard = lock(&store).await;
    guard.commit(snapshot(1)).await.unwrap();
    guard.append(vec![intend(1), intend(2)]).await.unwrap();
    drop(guard);
    guard = second(&blocked, &told, &Vault::clear()).behind(lock(&store).await).await.unwrap();
    guard.read().await.unwrap();
    // A file where the folder would be.
    fs::File::create(&blocked).unwrap();
    broken.store(true, Ordering::Relaxed);
    assert!(guard.append(vec![done(1, Some(object("made")))]).await.is_err());
    assert!(guard.append(vec![done(2, Some(object("made too")))]).await.is_err());
    drop(guard);
    broken.store(false, Ordering::Relaxed);
    let lines: String = take(&told)
        .into_iter()
        .map(|news| match news {
            News::Unwritten { place, lines } if place == errored(&blocked) => lines,
            other => panic!("{other:?}"),
        })
        .collect();
    // Kept by hand they are taken up once, and not once the state has gone past them.
    for (serial, expected) in [
        (1, News::TakenUp { records: 2 }),
        (1, News::TakenUp { records: 0 }),
        (2, News::GonePast { place: format!("{}.aside", errored(other.path()).display()).into() }),
    ] {
        fs::File::create(errored(other.path())).unwrap().write_all(lines.as_bytes()).unwrap();
        let guard = lock(&store).await;
        if serial == 2 {
            guard.commit(snapshot(2)).await.unwrap();
        }
        let guard = second(other.path(), &told, &Vault::clear()).behind(guard).await.unwrap();
        assert_eq!(take(&told), [expected]);
        assert_eq!(guard.read().await.unwrap().pending, vec![]);
        assert!(!errored(other.path()).exists());
    }
}

/// An intent of another call than [`intend`]'s, with the same number.
fn intend_other(operation: u64, token: &str) -> Record {
    let Record::Intend { operation, address, deposed, action, provider, .. } = intend(operation) else {
        panic!("it is an intent")
    };
    Record::Intend { operation, address, deposed, action, token: token.to_owned(), provider }
}

#[tokio::test]
async fn what_another_run_settled_or_began_meanwhile_is_left_as_it_is() {
    let (dir, other, told) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Told::default());
    let broken = Arc::default();
    let store = breakable(dir.path(), Errno::IO, &broken);
    let vault = Vault::clear();
    let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
    guard.commit(snapshot(1)).await.unwrap();
    guard.append(vec![intend(1), intend(2)]).await.unwrap();
    broken.store(true, Ordering::Relaxed);
    guard.append(vec![done(1, Some(object("late")))]).await.unwrap_err();
    guard.append(vec![done(2, Some(object("late")))]).await.unwrap_err();
    drop(guard);
    broken.store(false, Ordering::Relaxed);
    // Elsewhere the first was found, and a new call begun under its number.
    let elsewhere = lock(&store).await;
    elsewhere.append(vec![done(1, Some(object("found")))]).await.unwrap();
    elsewhere.append(vec![intend_other(1, "another")]).await.unwrap();
    drop(elsewhere);
    let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
    let loaded = guard.read().await.unwrap();
    let open: Vec<_> = loaded.pending.iter().map(|pending| &*pending.token).collect();
    assert_eq!(open, ["another"]);
    assert_eq!(at(&loaded, "t.n[1]"), Some(&object("found")));
    assert_eq!(at(&loaded, "t.n[2]"), Some(&object("late")));
}

#[tokio::test]
async fn what_is_damaged_in_the_second_place_stops_nobody() {
    let (dir, other, told) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Told::default());
    let store = probed(dir.path(), |_, _| Ok(()));
    lock(&store).await.commit(snapshot(1)).await.unwrap();
    for bytes in ["", "00000001 00000000 x\n", "hello\n"] {
        fs::File::create(errored(other.path())).unwrap().write_all(bytes.as_bytes()).unwrap();
        let guard = second(other.path(), &told, &Vault::clear()).behind(lock(&store).await).await.unwrap();
        let said = take(&told);
        assert!(matches!(&*said, [News::Damaged { .. }]), "{said:?}");
        guard.read().await.unwrap();
        assert!(!errored(other.path()).exists());
    }
}

#[tokio::test]
async fn where_the_state_holds_a_secret_the_second_place_is_sealed_whatever_goes_there() {
    let (dir, other, told) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Told::default());
    let (broken, local) = (Arc::default(), Arc::new(LocalKey::new(dir.path().join("key"))));
    let vault = Vault::new(vec![], random()).with_fallback(local);
    let store = breakable(&dir.path().join("state"), Errno::NOSPC, &broken).with_vault(vault.clone());
    let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
    let secret = Object { sensitive: vec![vec![PathStep::Name("state".to_owned())]], ..object("hunter2") };
    let mut first = snapshot(1);
    first.objects.insert("t.secret".parse().unwrap(), secret);
    guard.commit(first).await.unwrap();
    guard.read().await.unwrap();
    guard.append(vec![intend(1)]).await.unwrap();
    broken.store(true, Ordering::Relaxed);
    guard.append(vec![done(1, Some(object("hunter2 again")))]).await.unwrap_err();
    drop(guard);
    broken.store(false, Ordering::Relaxed);
    let text = fs::read_to_string(errored(other.path())).unwrap();
    assert!(!text.contains("hunter2") && text.contains("sealed_version"), "{text}");
    let bare = second(other.path(), &told, &Vault::clear()).behind(lock(&store).await).await;
    assert!(matches!(bare.err(), Some(StoreError::Sealed { .. })));
    let guard = second(other.path(), &told, &vault).behind(lock(&store).await).await.unwrap();
    assert_eq!(at(&guard.read().await.unwrap(), "t.n[1]"), Some(&object("hunter2 again")));
}
