//! What the folder store does to the disk, and what it does when the disk fails.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use futures_util::future::join_all;
use rustix::io::Errno;

use mlo_state::file::{HISTORY_MAX, Probe, Step};
use mlo_state::{FileStore, Guard, Record, Snapshot, Store, StoreError, Vault};

use crate::damage::Damage;
use crate::journal::{done, holder, intend, object};

pub(crate) const LINEAGE: &str = "5f2b-lineage";

/// A folder in memory where there is one, for tests that sync thousands of times and cut no power.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A store whose steps on disk go through `probe`.
pub(crate) fn probed(
    dir: &Path,
    probe: impl Fn(Step, &str) -> io::Result<()> + Send + Sync + 'static,
) -> FileStore {
    let probe: Probe = Arc::new(probe);
    FileStore::new(dir.to_owned()).with_probe(probe)
}

pub(crate) async fn lock(store: &FileStore) -> Box<dyn Guard> {
    store.lock(&holder()).await.unwrap()
}

pub(crate) fn snapshot(serial: u64) -> Snapshot {
    let mut snapshot = Snapshot { serial, ..Snapshot::empty(LINEAGE) };
    snapshot.objects.insert("t.n".parse().unwrap(), object(&format!("at {serial}")));
    snapshot
}

#[tokio::test]
async fn appends_that_wait_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (go, gate) = mpsc::channel::<()>();
    let (gate, syncs) = (Mutex::new(Some(gate)), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&syncs);
    let store = probed(dir.path(), move |step, name| {
        if (step, name) == (Step::Sync, "journal") {
            *counted.lock().unwrap() += 1;
            // The first sync lasts until all appends wait.
            if let Some(gate) = gate.lock().unwrap().take() {
                gate.recv().unwrap();
            }
        }
        Ok(())
    });
    let guard = lock(&store).await;
    guard.begin(LINEAGE.to_owned()).await.unwrap();
    let appends: Vec<_> = (0..100).map(|operation| guard.append(vec![intend(operation)])).collect();
    go.send(()).unwrap();
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    let syncs = *syncs.lock().unwrap();
    assert!((1..=2).contains(&syncs), "100 appends took {syncs} syncs");
    assert_eq!(store.read().await.unwrap().pending.len(), 100);
}

#[tokio::test]
async fn an_apply_costs_a_bounded_number_of_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let steps = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let counted = Arc::clone(&steps);
    let store = probed(dir.path(), move |step, name| {
        if matches!(step, Step::Sync | Step::SyncFolder) {
            *counted.lock().unwrap().entry(format!("{step:?} {name}")).or_default() += 1;
        }
        Ok(())
    });
    let guard = lock(&store).await;
    guard.commit(snapshot(1)).await.unwrap();
    steps.lock().unwrap().clear();
    for wave in 0..10 {
        guard.append(vec![intend(wave)]).await.unwrap();
        guard.append(vec![done(wave, None)]).await.unwrap();
    }
    guard.commit(snapshot(2)).await.unwrap();
    guard.release().await.unwrap();
    let steps: Vec<_> = steps.lock().unwrap().iter().map(|(step, count)| format!("{count} {step}")).collect();
    // Folders: the history's content, the names of the state, the new journal and the marker.
    let files = ["20 Sync journal", "1 Sync journal.new", "1 Sync lineage.new", "1 Sync state.json.new"];
    assert_eq!(steps, [&files[..], &["3 SyncFolder ", "1 SyncFolder history/"]].concat());
}

/// Steps of one run on a disk that fails: what was acknowledged before, and the first error after.
pub(crate) struct Run {
    pub(crate) acknowledged: Vec<Record>,
    pub(crate) committed: u64,
    /// The commit that failed: it may have happened or not.
    pub(crate) tried: u64,
    pub(crate) error: Option<StoreError>,
}

/// A first run and a second commit, until something fails.
async fn run(store: &FileStore) -> Run {
    let mut run = Run { acknowledged: vec![], committed: 0, tried: 0, error: None };
    let guard = match store.lock(&holder()).await {
        Ok(guard) => guard,
        Err(error) => {
            run.error = Some(error);
            return run;
        }
    };
    if let Err(error) = guard.begin(LINEAGE.to_owned()).await {
        run.error = Some(error);
        return run;
    }
    for serial in 1..=3 {
        for record in [intend(serial), done(serial, Some(object("made")))] {
            match guard.append(vec![record.clone()]).await {
                Ok(()) => run.acknowledged.push(record),
                Err(error) => {
                    let again = guard.append(vec![intend(99)]).await;
                    assert!(matches!(again, Err(StoreError::Halted { .. })), "after {error}: {again:?}");
                    run.error = Some(error);
                    return run;
                }
            }
        }
        let mut next = guard.read().await.unwrap().snapshot.unwrap();
        next.serial = serial;
        run.tried = serial;
        if let Err(error) = guard.commit(next).await {
            run.error = Some(error);
            return run;
        }
        run.committed = serial;
    }
    run
}

/// What was acknowledged is in the store, and a run without faults goes on from there.
pub(crate) async fn check_after(dir: &Path, vault: &Vault, run: &Run, what: &str) {
    let store = FileStore::new(dir.to_owned()).with_vault(vault.clone());
    let loaded = store.read().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let known = loaded.snapshot.clone().unwrap_or_else(|| Snapshot::empty(LINEAGE));
    assert!((run.committed..=run.tried.max(run.committed)).contains(&known.serial), "{what}");
    for record in &run.acknowledged {
        let (kept, record) = match record {
            Record::Done { address, .. } => (known.objects.contains_key(address), record),
            Record::Intend { operation, address, .. } => {
                let is_open = loaded.pending.iter().any(|pending| pending.operation == *operation);
                (is_open || known.objects.contains_key(address), record)
            }
            other => (false, other),
        };
        assert!(kept, "{what}: {record:?} was acknowledged");
    }
    let guard = lock(&store).await;
    guard.begin(LINEAGE.to_owned()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    guard.append(vec![intend(loaded.next_operation)]).await.unwrap();
    guard.commit(Snapshot { serial: known.serial + 1, ..known }).await.unwrap();
    assert_eq!(guard.read().await.unwrap().pending.len(), loaded.pending.len() + 1, "{what}");
}

/// The n-th step on disk fails, alone or with all after it (which is a crash, as the disk sees it), for every n.
#[tokio::test]
async fn every_step_may_fail() {
    let mut failures = 0;
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS, Errno::ACCESS] {
        for for_ever in [false, true] {
            for nth in 0.. {
                let dir = scratch();
                let count = Mutex::new(0);
                let failed = Arc::new(Mutex::new(None));
                let told = Arc::clone(&failed);
                let store = probed(dir.path(), move |step, name| {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    if *count - 1 == nth || (for_ever && *count > nth) {
                        told.lock().unwrap().get_or_insert_with(|| format!("{step:?} {name}"));
                        return Err(errno.into());
                    }
                    Ok(())
                });
                let run = run(&store).await;
                let Some(step) = failed.lock().unwrap().clone() else {
                    assert!(run.error.is_none() && run.committed == 3);
                    break;
                };
                let what = format!("{errno:?} at step {nth} ({step}), for ever: {for_ever}");
                if let Some(error) = &run.error {
                    let denied = errno == Errno::ROFS || errno == Errno::ACCESS;
                    let named = if denied { "Denied" } else { "Io" };
                    assert!(format!("{error:?}").starts_with(named), "{what}: {error:?}");
                    failures += 1;
                }
                check_after(dir.path(), &Vault::clear(), &run, &what).await;
            }
        }
    }
    assert!(failures > 100, "{failures} failures were seen");
}

#[tokio::test]
async fn a_full_disk_is_said_and_a_commit_needs_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = probed(dir.path(), |step, name| match (step, name) {
        (Step::Write, "journal") => Err(rustix::io::Errno::NOSPC.into()),
        _ => Ok(()),
    });
    let guard = lock(&store).await;
    guard.begin(LINEAGE.to_owned()).await.unwrap();
    let place = dir.path().display();
    let first = guard.append(vec![intend(1)]).await.unwrap_err().to_string();
    assert_eq!(first, format!("{place}/journal cannot be written: No space left on device (os error 28)"));
    let second = guard.append(vec![intend(2)]).await.unwrap_err().to_string();
    assert_eq!(second, format!("an earlier write to the journal failed ({first}): nothing more is appended"));
    guard.commit(snapshot(1)).await.unwrap();
    assert_eq!(store.read().await.unwrap().snapshot, Some(snapshot(1)));
}

#[tokio::test]
async fn files_are_their_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let store = FileStore::new(dir.clone());
    let guard = lock(&store).await;
    guard.commit(snapshot(1)).await.unwrap();
    guard.commit(snapshot(2)).await.unwrap();
    guard.append(vec![intend(1)]).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["", "..", "history"] {
        assert_eq!(mode(&dir.join(folder)), 0o700, "{folder}");
    }
    for file in ["state.json", "journal", "lineage", "lock", "history/state-1.json"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn the_last_snapshots_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let guard = lock(&store).await;
    let last = HISTORY_MAX as u64 + 5;
    for serial in 1..=last {
        guard.commit(snapshot(serial)).await.unwrap();
    }
    let names = fs::read_dir(dir.path().join("history")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    let count = |begin: &str| names.iter().filter(|name| name.starts_with(begin)).count();
    // The last one too: no record tells what is in it.
    assert_eq!((count("state-"), count("journal-")), (HISTORY_MAX + 1, HISTORY_MAX));
    for serial in last - HISTORY_MAX as u64..=last {
        let bytes = fs::read(dir.path().join(format!("history/state-{serial}.json"))).unwrap();
        assert_eq!(Snapshot::decode(&bytes), Ok(snapshot(serial)));
    }
}

#[tokio::test]
async fn where_files_have_one_name_the_last_snapshot_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    let store = probed(dir.path(), |step, _| match step {
        Step::Link => Err(rustix::io::Errno::PERM.into()),
        _ => Ok(()),
    });
    let guard = lock(&store).await;
    guard.commit(snapshot(1)).await.unwrap();
    guard.commit(snapshot(2)).await.unwrap();
    let bytes = fs::read(dir.path().join("history/state-1.json")).unwrap();
    assert_eq!(Snapshot::decode(&bytes), Ok(snapshot(1)));
}

#[tokio::test]
async fn a_lock_that_was_taken_away_stops_every_write() {
    let losses: &[(&str, Damage)] = &[
        ("removed", |dir| fs::remove_file(dir.join("lock")).unwrap()),
        ("replaced", |dir| drop(fs::rename(dir.join("state.json"), dir.join("lock")))),
        ("the folder moved", |dir| fs::rename(dir, dir.with_extension("old")).unwrap()),
    ];
    for (what, lose) in losses {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let store = FileStore::new(dir.clone());
        let guard = lock(&store).await;
        guard.commit(snapshot(1)).await.unwrap();
        guard.append(vec![intend(1)]).await.unwrap();
        lose(&dir);
        if *what == "the folder moved" {
            // Whoever comes now makes a folder and a lock of its own; this guard's folder is still its own.
            drop(lock(&store).await);
            guard.append(vec![intend(2)]).await.unwrap();
            continue;
        }
        for refused in [guard.append(vec![intend(2)]).await, guard.commit(snapshot(2)).await] {
            assert!(matches!(refused, Err(StoreError::LockLost { .. })), "{what}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_lock_that_nobody_waits_for_any_more_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    let holder = holder();
    for _ in 0..20 {
        let mut locking = store.lock(&holder);
        // Begun, and given up before or after the thread has the lock.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = locking.as_mut().poll(&mut context);
        drop(locking);
        drop(lock(&store).await);
    }
}

#[tokio::test]
async fn a_lock_that_is_a_link_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", dir.path().join("lock")).unwrap();
    let refused = FileStore::new(dir.path().to_owned()).lock(&holder()).await.err().unwrap();
    assert!(matches!(refused, StoreError::Denied { .. }), "{refused}");
}

#[tokio::test]
async fn a_holder_that_cannot_be_told_is_still_a_holder() {
    let texts: &[(&[u8], &str)] = &[
        (b"", "the state is locked"),
        (b"{\"oper", "the state is locked"),
        (&[0xff; 10], "the state is locked"),
        (&[b'['; 16_000], "the state is locked"),
        (
            b"{\"operation\":\"apply\\u001b[31m\\n\",\"who\":\"a@b\",\"pid\":7,\"since\":\"now\",\"run_url\":null}",
            "the state is locked by apply[31m of a@b (process 7) since now",
        ),
    ];
    for (text, message) in texts {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().to_owned());
        let guard = lock(&store).await;
        let file = fs::OpenOptions::new().write(true).open(dir.path().join("lock")).unwrap();
        file.set_len(0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, text, 0).unwrap();
        assert_eq!(store.lock(&holder()).await.err().unwrap().to_string(), *message);
        drop(guard);
    }
}

/// A reader without a lock sees a whole state at every moment of a run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_states_while_a_run_writes() {
    let dir = scratch();
    let store = FileStore::new(dir.path().to_owned());
    let stop = Arc::new(AtomicBool::new(false));
    let readers = [store.clone(), store.clone()].map(|reader| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let (mut reads, mut newest) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                let loaded = reader.read().await.unwrap();
                let serial = loaded.snapshot.map_or(0, |snapshot| snapshot.serial);
                assert!(serial >= newest, "serial {serial} was read after {newest}");
                (reads, newest) = (reads + 1, serial);
            }
            reads
        })
    });
    let guard = lock(&store).await;
    guard.begin(LINEAGE.to_owned()).await.unwrap();
    for serial in 1..=2000 {
        guard.append(vec![intend(serial)]).await.unwrap();
        guard.append(vec![done(serial, Some(object("made")))]).await.unwrap();
        guard.commit(snapshot(serial)).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 10);
    }
}
