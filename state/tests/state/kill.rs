//! A process that is killed loses nothing that it was told is durable, and leaves no lock.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use mlo_state::{FileStore, Snapshot, Store};

use crate::journal::{done, holder, intend, object};

/// Names the folder to the child.
const DIR: &str = "MLO_STATE_TEST_DIR";

/// Kills, at moments spread over runs of the child.
const KILLS: usize = 20;

/// Not a test: what the child of [`a_killed_writer_loses_nothing`] does until it is killed.
#[tokio::test]
#[ignore = "a child process of another test"]
#[expect(clippy::disallowed_methods, reason = "the parent's only way to name the folder")]
async fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let store = FileStore::new(dir.into());
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    let first = guard.read().await.unwrap();
    let mut snapshot = first.snapshot.unwrap();
    for operation in first.next_operation.max(snapshot.objects.len() as u64).. {
        for record in [intend(operation), done(operation, Some(object("made")))] {
            guard.append(vec![record]).await.unwrap();
        }
        snapshot.objects.insert(format!("t.n[{operation}]").parse().unwrap(), object("made"));
        if operation % 5 == 4 {
            snapshot.serial += 1;
            guard.commit(snapshot.clone()).await.unwrap();
        }
        writeln!(std::io::stdout(), "acknowledged {operation}").unwrap();
    }
}

/// Starts the child, kills it after some lines, and returns the last operation that it said was durable.
fn run_and_kill(dir: &Path, lines: usize) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged =
        |line: std::io::Result<String>| line.ok()?.rsplit_once("acknowledged ")?.1.parse().ok();
    let mut last = output.by_ref().filter_map(acknowledged).take(lines).last();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts too; a last line may be torn.
    last = output.map_while(Result::ok).filter_map(|line| acknowledged(Ok(line))).last().or(last);
    last
}

#[tokio::test]
async fn a_killed_writer_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::new(dir.path().to_owned());
    for kill in 0..KILLS {
        let last = run_and_kill(dir.path(), 1 + kill % 7).expect("the child gets to work");
        // No wait, no try again: the lock went with the process.
        let guard = store.lock(&holder()).await.unwrap();
        let loaded = guard.read().await.unwrap();
        let snapshot: Snapshot = loaded.snapshot.unwrap();
        for operation in 0..=last {
            let address = format!("t.n[{operation}]").parse().unwrap();
            assert!(snapshot.objects.contains_key(&address), "operation {operation} was acknowledged");
        }
        // One may have been under way: its intent is there, or its outcome, or neither was acknowledged.
        assert!(loaded.pending.len() <= 1);
        for pending in loaded.pending {
            guard.append(vec![done(pending.operation, Some(object("adopted")))]).await.unwrap();
        }
    }
}
