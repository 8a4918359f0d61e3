use super::*;
use crate::provider::{Connection, Provider, local::Local};
use mlo_state::Address;
use std::path::Path;
use std::sync::Arc;

fn command(script: &str) -> Value {
    Value::list(Type::String, ["sh", "-c", script].map(Value::from))
}

fn object(create: &str, find: &str) -> Value {
    let folder = Value::map(Type::String, [("SUB".into(), Value::from("things"))]);
    Value::object([
        ("create".into(), command(create)),
        ("find".into(), command(find)),
        ("read".into(), command("test -e $SUB/$MLO_ID")),
        ("delete".into(), command("rm $SUB/$MLO_ID")),
        ("update".into(), Value::null_of(Type::list(Type::String))),
        ("environment".into(), folder),
        ("id".into(), Value::unknown(Type::String)),
    ])
}

fn surroundings(folder: &Path) -> Surroundings {
    let (project, home, programs) = (folder.to_owned(), folder.join(".mlo"), folder.to_owned());
    Surroundings { project, home, programs, ..Surroundings::nowhere() }
}

async fn connect(folder: &Path) -> Arc<dyn Connection> {
    Local::new().connect(&Value::object([]), &surroundings(folder)).await.unwrap()
}

async fn finish(
    connection: &dyn Connection,
    subject: Subject<'_>,
    change: Change<'_>,
) -> Result<Option<Value>, ProviderError> {
    match connection.start(subject, change).await? {
        Progress::Done(done) => Ok(done),
        Progress::Pending { handle, .. } => match connection.poll(subject, &handle).await? {
            Progress::Done(done) => Ok(done),
            Progress::Pending { .. } => panic!("one poll runs a command to its end"),
        },
    }
}

fn address() -> Address {
    "local_command.a".parse().unwrap()
}

const CREATE: &str = "mkdir -p $SUB && touch $SUB/$MLO_TOKEN && echo $MLO_TOKEN";
const FIND: &str = "test -e $SUB/$MLO_TOKEN && echo $MLO_TOKEN";

#[tokio::test]
async fn an_object_is_made_read_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connect(folder.path()).await;
    let address = address();
    let subject = Subject { type_name: TYPE, address: &address, token: "t1" };
    let planned = object(CREATE, FIND);
    let made = finish(&*connection, subject, Change::Create { planned: &planned }).await.unwrap().unwrap();
    assert_eq!(made.get("id"), Some(&Value::from("t1")));
    assert!(folder.path().join("things/t1").exists());
    assert_eq!(connection.read(subject, &made).await.unwrap(), Some(made.clone()));
    assert_eq!(finish(&*connection, subject, Change::Delete { prior: &made }).await.unwrap(), None);
    assert_eq!(connection.read(subject, &made).await.unwrap(), None);
    // What is gone already is no failure.
    assert_eq!(finish(&*connection, subject, Change::Delete { prior: &made }).await.unwrap(), None);
    assert_eq!(std::fs::read_dir(folder.path().join(".mlo/commands")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_an_earlier_run_made_is_found_by_its_handle_and_nothing_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let address = address();
    let subject = Subject { type_name: TYPE, address: &address, token: "t1" };
    let planned = object(CREATE, FIND);
    let begun =
        connect(folder.path()).await.start(subject, Change::Create { planned: &planned }).await.unwrap();
    let Progress::Pending { handle, .. } = begun else { panic!("a create is durable before it runs") };
    let later = connect(folder.path()).await;
    assert_eq!(later.poll(subject, &handle).await.unwrap(), Progress::Done(None), "it was never run");
    std::fs::create_dir(folder.path().join("things")).unwrap();
    std::fs::File::create(folder.path().join("things/t1")).unwrap();
    let Progress::Done(Some(found)) = later.poll(subject, &handle).await.unwrap() else {
        panic!("it is there")
    };
    assert_eq!(found.get("id"), Some(&Value::from("t1")));
}

#[tokio::test]
async fn failures_say_what_the_command_said_and_what_is_half_made_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let address = address();
    for (create, find, summary, kept) in [
        ("echo no >&2; exit 3", FIND, "`create` ended with exit code 3", false),
        ("mkdir -p $SUB; touch $SUB/$MLO_TOKEN; exit 3", FIND, "`create` ended with exit code 3", true),
        ("true", FIND, "`create` printed no id", false),
        ("echo a; echo b", FIND, "`create` printed more than one line", false),
        ("yes", "kill -9 $$", "", false),
    ] {
        let connection = connect(folder.path()).await;
        let subject = Subject { type_name: TYPE, address: &address, token: summary };
        let subject = Subject { token: &subject.token.replace(['`', ' '], "-"), ..subject };
        let planned = object(create, find);
        if create == "yes" {
            let look = Run {
                surroundings: &surroundings(folder.path()),
                subject,
                object: &planned,
                time_max: Duration::from_millis(100),
            };
            assert_eq!(look.alone("create").await.unwrap().ended, Ended::TimedOut);
            assert!(look.look("find").await.is_err(), "killed is not `there is nothing`");
            continue;
        }
        let error = finish(&*connection, subject, Change::Create { planned: &planned }).await.unwrap_err();
        assert_eq!((error.summary.as_str(), error.object.is_some()), (summary, kept), "{create}");
        assert_eq!(error.class, ErrorClass::Permanent);
    }
}

#[tokio::test]
async fn a_command_whose_run_is_gone_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let address = address();
    let subject = Subject { type_name: TYPE, address: &address, token: "t1" };
    let planned = object(CREATE, FIND);
    let around = surroundings(folder.path());
    let run = Run { surroundings: &around, subject, object: &planned, time_max: LOOK_TIME_MAX };
    assert!(!run.is_busy().unwrap());
    std::fs::create_dir_all(folder.path().join(".mlo/commands")).unwrap();
    let path = folder.path().join(".mlo/commands/t1.lock");
    let file = std::fs::File::create(&path).unwrap();
    file.lock().unwrap();
    assert!(run.is_busy().unwrap());
    let handle = to_json(&with(&planned, [("id", Value::null())]), &schema().block.implied_type()).unwrap();
    let polled = connect(folder.path()).await.poll(subject, &handle.to_string()).await.unwrap();
    assert!(matches!(polled, Progress::Pending { .. }));
    drop(file);
    assert!(!run.is_busy().unwrap());
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let address = address();
    let subject = Subject { type_name: TYPE, address: &address, token: "t1" };
    let planned = object("sleep 3600 & echo $! > child; wait", FIND);
    let around = surroundings(folder.path());
    let run = Run { surroundings: &around, subject, object: &planned, time_max: CHANGE_TIME_MAX };
    let pid = folder.path().join("child");
    let begun = async {
        while !std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = run.alone("create") => panic!("it sleeps"),
        () = begun => {}
    }
    let pid = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    let gone = async {
        let alive =
            || rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid).unwrap()).is_ok();
        let is_zombie = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") Z ")
        };
        while alive() && !is_zombie() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn however_much_a_command_says_only_what_is_looked_at_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let address = address();
    let around = surroundings(folder.path());
    let commands = folder.path().join(".mlo/commands");
    for (script, out, err) in [
        (
            "seq 200000; echo; sleep 0.5; yes no | head -c 3000000 >&2; sleep 0.5; echo end >&2",
            "1\n2\n3\n",
            "no\nend\n",
        ),
        ("echo id; exec >&- 2>&-; sleep 0.1", "id\n", ""),
        // What it leaves behind keeps nobody waiting.
        ("sleep 600 & echo $!", "", ""),
    ] {
        let planned = object(script, FIND);
        let subject = Subject { type_name: TYPE, address: &address, token: "t1" };
        let run = Run { surroundings: &around, subject, object: &planned, time_max: LOOK_TIME_MAX };
        let finished = run.alone("create").await.unwrap();
        assert_eq!(finished.ended, Ended::Well, "{script}");
        let said = String::from_utf8(finished.out.clone()).unwrap();
        assert!(said.starts_with(out) && said.len() <= 64 * 1024, "{script}: {} bytes", said.len());
        let detail = finished.failure("create").detail;
        assert!(detail.ends_with(err.trim()) && detail.len() <= 2048, "{script}: {detail}");
        assert_eq!(std::fs::read_dir(&commands).unwrap().count(), 0, "{script}");
        if script.contains("sleep 600") {
            let pid = rustix::process::Pid::from_raw(said.trim().parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    }
}
