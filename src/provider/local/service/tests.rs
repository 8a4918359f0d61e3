use super::TYPE;
use super::folder::{Folder, Life, Role, RunFile};
use super::launch::bind;
use super::process;
use super::program::{self, Port};
use super::spec::Spec;
use crate::lang::value::Value;
use crate::provider::local::tests::{Project, address, shown};
use crate::provider::object::{attribute, with};
use crate::provider::{Change, ErrorClass, ProviderError, Subject};
use mlo_state::Address;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// SHA-256 of `examples/iris/model/iris.onnx`.
fn iris_digest() -> String {
    mlo_model::inspect(&iris()).unwrap().digest
}

fn iris() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/iris/model/iris.onnx")
}

fn subject(address: &Address) -> Subject<'_> {
    Subject { type_name: TYPE, address, token: "token" }
}

/// A project with the iris model, whose server program is there.
async fn project() -> Project {
    let project = Project::new().await;
    let program = project.surroundings.programs.join("mlo-runtime");
    assert!(program.is_file(), "{} is missing: run `cargo build --workspace`", program.display());
    fs::copy(iris(), project.path("iris.onnx")).unwrap();
    project
}

/// A project whose server program is this shell script.
async fn project_with(script: &str) -> Project {
    let project = Project::with([("MLO_RUNTIME", "server")]).await;
    // Written by another process: a file that a fork of this one still has open for writing cannot be run.
    let write = "printf '#!/bin/sh\\n%s\\n' \"$0\" > server && chmod 755 server";
    let mut shell = std::process::Command::new("sh");
    let written = shell.args(["-c", write, script]).current_dir(project.path("")).status().unwrap();
    assert!(written.success());
    fs::copy(iris(), project.path("iris.onnx")).unwrap();
    project
}

/// Ends the services of a test that failed in the middle.
struct Cleanup<'a>(&'a Project);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        for service in services(self.0) {
            let path = self.0.surroundings.home.join("services").join(service).join("run.json");
            let run = fs::read(path).ok().and_then(|text| serde_json::from_slice::<RunFile>(&text).ok());
            if let Some(run) = run.filter(|run| process::is_running(run.pid, run.start_ticks)) {
                let _ = rustix::process::kill_process(pid_of(run.pid), rustix::process::Signal::KILL);
            }
        }
    }
}

fn pid_of(pid: i32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(pid).unwrap()
}

fn running(project: &Project, address: &Address) -> Option<i32> {
    match Folder::find(&project.surroundings, subject(address)).ok()??.life(Role::Service) {
        Life::Running(run) => Some(run.pid),
        _ => None,
    }
}

fn services(project: &Project) -> Vec<String> {
    let Ok(entries) = fs::read_dir(project.surroundings.home.join("services")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn port_of(object: &Value) -> u16 {
    attribute(object, "port").as_number().unwrap().as_i64().unwrap().try_into().unwrap()
}

/// A port that no other test uses: below those that the kernel gives out, above those that services choose. A service
/// that is restarted must find its port free.
fn own_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 20;
    std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed))
        .find(|port| bind([127, 0, 0, 1].into(), *port).is_ok())
        .unwrap()
}

/// Arguments of a service of the iris model, with further ones.
fn service(further: &str) -> String {
    format!(r#"{{"name":"iris","model":"iris.onnx"{further}}}"#)
}

/// The status and body of an answer.
fn http(port: u16, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn predicts(object: &Value) -> bool {
    let body = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;
    let request = format!(
        "POST /predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = http(port_of(object), &request);
    status == 200 && answer.contains(r#""predictions""#)
}

fn assert_error(error: &ProviderError, class: ErrorClass, summary: &str) {
    assert_eq!((error.class, error.summary.as_str()), (class, summary), "{error:?}");
    assert!(!error.help.is_empty(), "it says what to do: {error:?}");
}

#[tokio::test]
async fn a_service_is_made_read_changed_and_ended() {
    let project = project().await;
    let at = address("module.model[\"iris\"].local_inference_service.this");
    let _cleanup = Cleanup(&project);
    let port = own_port();
    let wanted = service(&format!(
        r#","model_version":"1.0.0","framework":"sklearn","labels":["setosa","versicolor","virginica"],
        "metrics":{{"accuracy":0.9667}},"port":{port}"#
    ));
    let planned = project.plan(TYPE, None, &wanted).await.unwrap();
    let row = ["digest", "host", "url", "pid", "id", "status"].map(|name| shown(&planned, name));
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(row, [&iris_digest(), "127.0.0.1", &url, "?", "?", "ready"], "what is known before");

    let object = project.create(subject(&at), &wanted).await.unwrap();
    assert!(predicts(&object));
    assert_eq!(shown(&object, "url"), format!("http://127.0.0.1:{}", port_of(&object)));
    assert_eq!(
        shown(&attribute(&object, "endpoints"), "predict"),
        format!("{}/predict", shown(&object, "url"))
    );
    assert_eq!(services(&project), [shown(&object, "id")]);
    assert_eq!(project.read(subject(&at), &object).await, Some(object.clone()), "no drift");
    assert_eq!(project.plan(TYPE, Some(&object), &wanted).await.unwrap(), object, "no changes");
    let again = project.start(subject(&at), Change::Create { planned: &planned }).await;
    assert_eq!(again, Ok(Some(object.clone())), "the same create again makes nothing");

    let wanted = wanted.replace("1.0.0", "1.1.0");
    let planned = project.plan(TYPE, Some(&object), &wanted).await.unwrap();
    let row = ["model_version", "pid", "started_at", "id"].map(|name| shown(&planned, name));
    assert_eq!(row, ["1.1.0", "?", "?", &shown(&object, "id")]);
    for kept in ["port", "url", "endpoints", "log_file", "digest"] {
        assert_eq!(attribute(&planned, kept), attribute(&object, kept), "{kept} is kept");
    }
    let changed = project.update(subject(&at), &object, &wanted).await.unwrap();
    assert_ne!(attribute(&changed, "pid"), attribute(&object, "pid"));
    assert!(predicts(&changed));
    assert!(http(port_of(&changed), "GET /ready HTTP/1.0\r\n\r\n").1.contains(r#""version":"1.1.0""#));
    assert_eq!(project.read(subject(&at), &changed).await, Some(changed.clone()), "no drift");

    let wanted = wanted.replace(r#""name""#, r#""ready_timeout":"5m","name""#);
    let patient = project.update(subject(&at), &changed, &wanted).await.unwrap();
    assert_eq!(patient, with(&changed, [("ready_timeout", Value::string("5m"))]), "a wait needs no restart");

    let pid = running(&project, &at).unwrap();
    project.delete(subject(&at), &patient).await;
    assert!(!process::is_running(pid, None));
    assert!(TcpStream::connect(("127.0.0.1", port_of(&patient))).is_err());
    assert_eq!(services(&project), [""; 0], "nothing is left");
    project.delete(subject(&at), &patient).await;
}

#[tokio::test]
async fn a_server_that_was_killed_is_gone_and_comes_back_on_its_port() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let asked = service(&format!(r#","port":{}"#, own_port()));
    let object = project.create(subject(&at), &asked).await.unwrap();
    let pid = running(&project, &at).unwrap();
    rustix::process::kill_process(pid_of(pid), rustix::process::Signal::KILL).unwrap();
    while process::is_running(pid, None) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(project.read(subject(&at), &object).await, None);
    assert_eq!(project.connection.find(subject(&at)).await, Ok(None));

    let port = port_of(&object);
    for token in ["token", "next"] {
        let again = Subject { token, ..subject(&at) };
        let object = project.create(again, &service("")).await.unwrap();
        assert_eq!(port_of(&object), port, "{token}: the port that it had, not the first that is free");
        assert_eq!(services(&project), [shown(&object, "id")], "what the dead one left is swept up");
        let run = Folder::find(&project.surroundings, again).unwrap().unwrap().run(Role::Service).unwrap();
        rustix::process::kill_process(pid_of(run.pid), rustix::process::Signal::KILL).unwrap();
        while process::is_running(run.pid, None) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_there_but_not_ready_and_is_restarted() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let wanted = service(&format!(r#","port":{}"#, own_port()));
    let object = project.create(subject(&at), &wanted).await.unwrap();
    let pid = running(&project, &at).unwrap();
    rustix::process::kill_process(pid_of(pid), rustix::process::Signal::STOP).unwrap();
    while !all_threads_are_stopped(pid) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let drifted = project.read(subject(&at), &object).await.unwrap();
    assert_eq!(shown(&drifted, "status"), "does not answer: no answer within 5 s");
    let planned = project.plan(TYPE, Some(&drifted), &wanted).await.unwrap();
    assert_eq!(["status", "pid"].map(|name| shown(&planned, name)), ["ready", "?"]);

    let repaired = project.update(subject(&at), &drifted, &wanted).await.unwrap();
    assert!(predicts(&repaired));
    project.delete(subject(&at), &repaired).await;
}

fn all_threads_are_stopped(pid: i32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut stats = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")).unwrap());
    stats.all(|stat| stat.rsplit_once(") ").unwrap().1.starts_with('T'))
}

#[tokio::test]
async fn a_port_that_is_asked_for_and_taken_is_an_error_and_another_is_found_if_none_is() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let port = own_port();
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let wanted = service(&format!(r#","port":{port}"#));
    let planned = project.plan(TYPE, None, &wanted).await.unwrap();
    assert_eq!(
        shown(&planned, "url"),
        format!("http://127.0.0.1:{port}"),
        "a port that is asked for is known"
    );
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    assert_error(&error, ErrorClass::Conflict, &format!("port {port} is taken by another program"));
    assert_eq!(error.path.unwrap().to_string(), "port");
    assert_eq!(services(&project), [""; 0]);
    drop(taken);
    // A process that another test starts at this moment may have inherited it.
    while bind([127, 0, 0, 1].into(), port).is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let object = project.create(subject(&at), &wanted).await.unwrap();
    assert_eq!(port_of(&object), port);

    // Whether 8080 is free is the machine's; two services never get the same port.
    let other = address("local_inference_service.b");
    let second = Subject { token: "second", ..subject(&other) };
    let third = Subject { token: "third", ..subject(&other) };
    let wanted = service("");
    let (one, two) = tokio::join!(project.create(second, &wanted), project.create(third, &wanted));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(port_of(&one), port_of(&two));
    assert!(predicts(&one) && predicts(&two));

    let wanted = service(&format!(r#","port":{}"#, port_of(&one)));
    let error = project.update(subject(&at), &object, &wanted).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert_eq!(error.object.as_deref(), Some(&object), "the old one is kept");
    assert!(predicts(&object));
    for (subject, object) in [(subject(&at), object), (second, one), (third, two)] {
        project.delete(subject, &object).await;
    }
}

#[tokio::test]
async fn a_model_that_does_not_load_is_an_error_with_the_log_and_leaves_nothing() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let digest = format!("sha256:{}", "0".repeat(64));
    let wanted =
        format!(r#"{{"name":"iris","model":"iris.onnx","model_version":"1.0.0","digest":"{digest}"}}"#);
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    assert_error(
        &error,
        ErrorClass::Permanent,
        "the server of iris 1.0.0 ended before it was ready (exit status: 1)",
    );
    assert!(error.detail.starts_with("Its last log lines:\n"), "{}", error.detail);
    assert!(error.detail.contains("sha256"), "the log says what is wrong: {}", error.detail);
    assert_eq!(error.object, None);
    assert_eq!(services(&project), [""; 0]);
}

#[tokio::test]
async fn a_model_that_is_absent_or_damaged_is_found_before_anything_is_done() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let error = project.plan(TYPE, None, r#"{"name":"iris","model":"nowhere.onnx"}"#).await.unwrap_err();
    let path = project.path("nowhere.onnx");
    assert_error(&error, ErrorClass::Permanent, &format!("the model {} cannot be served", path.display()));
    assert_eq!(error.path.unwrap().to_string(), "model");

    let wanted = format!(r#"{{"name":"iris","model":"nowhere.onnx","digest":"{}"}}"#, iris_digest());
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    assert_error(&error, ErrorClass::Permanent, &format!("there is no model at {}", path.display()));

    damage(&project);
    let error = project.plan(TYPE, None, r#"{"name":"iris","model":"iris.onnx"}"#).await.unwrap_err();
    let path = project.path("iris.onnx");
    assert_error(&error, ErrorClass::Permanent, &format!("the model {} cannot be served", path.display()));
}

fn damage(project: &Project) {
    fs::File::create(project.path("iris.onnx")).unwrap().write_all(b"not a model").unwrap();
}

#[tokio::test]
async fn a_change_to_a_model_that_does_not_load_leaves_the_old_one_serving() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let wanted = service(r#","model_version":"1.0.0""#);
    let object = project.create(subject(&at), &wanted).await.unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    let wrong =
        format!(r#"{{"name":"iris","model":"iris.onnx","model_version":"1.1.0","digest":"{digest}"}}"#);
    let error = project.update(subject(&at), &object, &wrong).await.unwrap_err();
    assert_error(
        &error,
        ErrorClass::RolledBack,
        "the server of iris 1.1.0 ended before it was ready (exit status: 1)",
    );
    assert_eq!(error.help.last().unwrap(), "iris 1.0.0 still serves as before");
    assert_eq!(error.object.as_deref(), Some(&object));
    assert_eq!(project.read(subject(&at), &object).await, Some(object.clone()), "the same process as before");
    assert!(predicts(&object));
    project.delete(subject(&at), &object).await;
}

#[tokio::test]
async fn a_new_server_that_fails_only_in_the_old_ones_place_is_put_back() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let wanted = service(&format!(r#","model_version":"1.0.0","port":{}"#, own_port()));
    let object = project.create(subject(&at), &wanted).await.unwrap();

    // A server program that works on trial and nowhere else with the new version.
    let program = project.surroundings.programs.join("mlo-runtime");
    let script = format!(
        "case \"$*\" in *trial*|*=1.0.0*) exec {} \"$@\";; esac\necho refused >&2\nexit 3",
        program.display()
    );
    let mut picky = project_with(&script).await;
    picky.surroundings.home.clone_from(&project.surroundings.home);
    picky.surroundings.project.clone_from(&project.surroundings.project);
    fs::rename(picky.folder.path().join("server"), project.path("server")).unwrap();
    picky.reconnect().await;
    let error = picky.update(subject(&at), &object, &wanted.replace("1.0.0", "1.1.0")).await.unwrap_err();
    assert_error(
        &error,
        ErrorClass::RolledBack,
        "the server of iris 1.1.0 ended before it was ready (exit status: 3)",
    );
    assert_eq!(error.detail, "Its last log lines:\nrefused");
    let back = error.object.unwrap();
    assert_eq!(port_of(&back), port_of(&object));
    assert_ne!(attribute(&back, "pid"), attribute(&object, "pid"));
    assert_eq!(project.read(subject(&at), &back).await.as_ref(), Some(&*back));
    assert!(predicts(&back));
    project.delete(subject(&at), &back).await;
}

#[tokio::test]
async fn a_server_that_a_crash_left_behind_is_found_by_its_token() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let wanted = service(r#","model_version":"1.0.0","labels":["a","b","c"]"#);
    assert_eq!(project.connection.find(subject(&at)).await, Ok(None));
    let planned = project.plan(TYPE, None, &wanted).await.unwrap();
    {
        // Started, and forgotten before it is ready: as far as a crash at any moment lets it come.
        let mut start = std::pin::pin!(project.start(subject(&at), Change::Create { planned: &planned }));
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut start).await.is_err());
        while services(&project).is_empty() || running_or_starting(&project, &at).is_none() {
            assert!(
                tokio::time::timeout(Duration::from_millis(1), &mut start).await.is_err(),
                "not ready yet"
            );
        }
    }
    let found = project.connection.find(subject(&at)).await.unwrap().expect("it lives");
    assert_eq!(shown(&found, "status"), "ready");
    assert!(predicts(&found));
    assert_eq!(
        project.plan(TYPE, Some(&found), &wanted).await.unwrap(),
        found,
        "adopted, it needs no change"
    );
    let other = Subject { token: "other", ..subject(&at) };
    assert_eq!(project.connection.find(other).await, Ok(None));
    project.delete(subject(&at), &found).await;
}

fn running_or_starting(project: &Project, address: &Address) -> Option<()> {
    match Folder::find(&project.surroundings, subject(address)).ok()??.life(Role::Service) {
        Life::Gone => None,
        Life::Nameless | Life::Running(_) => Some(()),
    }
}

#[test]
fn this_process_is_alive_and_a_later_one_of_its_number_is_another() {
    let pid = i32::try_from(std::process::id()).unwrap();
    let ticks = process::started(pid).unwrap();
    assert!(process::is_running(pid, Some(ticks)) && process::is_running(pid, None));
    assert!(!process::is_running(pid, Some(ticks + 1)));
    // Groups and what cannot be a process.
    for pid in [0, -1, -pid, i32::MAX] {
        assert!(!process::is_running(pid, None), "{pid}");
    }
}

#[tokio::test]
async fn a_trial_that_a_crash_left_behind_is_ended() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let wanted = service(&format!(r#","model_version":"1.0.0","port":{}"#, own_port()));
    let mut object = project.create(subject(&at), &wanted).await.unwrap();
    let folder = Folder::find(&project.surroundings, subject(&at)).unwrap().unwrap();
    let spec = Spec::of(&object, &project.surroundings.project).unwrap();
    for version in ["1.1.0", "gone"] {
        let arguments = program::arguments(&spec, Port::Any, &folder.trial(), &folder.run_file(Role::Trial));
        let log = folder.open_log(Role::Trial).unwrap();
        let mut command = std::process::Command::new(program::locate(&project.surroundings).unwrap());
        let mut trial = command.args(arguments).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        drop(command);
        if version == "gone" {
            project.delete(subject(&at), &object).await;
        } else {
            object = project.update(subject(&at), &object, &wanted.replace("1.0.0", version)).await.unwrap();
            assert!(predicts(&object));
        }
        assert!(trial.wait().unwrap().success(), "ended politely");
    }
    assert_eq!(services(&project), [""; 0]);
}

#[tokio::test]
async fn a_process_that_only_has_the_number_is_never_touched() {
    let project = project().await;
    let at = address("local_inference_service.a");
    let _cleanup = Cleanup(&project);
    let object = project.create(subject(&at), r#"{"name":"iris","model":"iris.onnx"}"#).await.unwrap();
    let folder = Folder::find(&project.surroundings, subject(&at)).unwrap().unwrap();
    let run = folder.run(Role::Service).unwrap();
    process::stop(&run).await.unwrap();

    let mut bystander = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pid = i32::try_from(bystander.id()).unwrap();
    let forged = |ticks: &str| {
        let text = format!(
            r#"{{"format_version":1,"pid":{pid},"port":1,"url":"","instance":"{}","started_at":"","start_ticks":{ticks}}}"#,
            run.instance
        );
        fs::File::create(folder.run_file(Role::Service)).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let ticks = process::started(pid).unwrap();
    for ticks in [(ticks + 1).to_string(), ticks.to_string(), "null".to_owned()] {
        forged(&ticks);
        assert_eq!(project.read(subject(&at), &object).await, None, "nobody holds the log");
        let run = folder.run(Role::Service).unwrap();
        if ticks != "null" && Some(ticks.parse().unwrap()) != process::started(pid) {
            process::stop(&run).await.unwrap();
        }
    }
    project.delete(subject(&at), &object).await;
    assert_eq!(bystander.try_wait().unwrap(), None, "the bystander lives");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_ready_in_time_does_not_stay() {
    let project = project_with("echo loading >&2\nexec sleep 60").await;
    let at = address("local_inference_service.a");
    let wanted = service(r#","ready_timeout":"1s""#);
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    let expected = "the server of iris was not ready within 1 s: it does not listen yet";
    assert_error(&error, ErrorClass::Permanent, expected);
    assert_eq!(error.detail, "Its last log lines:\nloading");
    assert_eq!(services(&project), [""; 0]);
}

#[tokio::test]
async fn an_error_quotes_the_last_twenty_lines_without_secrets() {
    let project = project_with("seq 100\necho key=$KEY\nexit 7").await;
    let at = address("local_inference_service.a");
    let wanted = service(r#","environment":{"KEY":"hunter2"}"#);
    let planned = project.plan(TYPE, None, &wanted).await.unwrap();
    let secret = attribute(&planned, "environment").marked(crate::lang::value::Marks::SENSITIVE);
    let planned = with(&planned, [("environment", secret)]);
    let error = project.start(subject(&at), Change::Create { planned: &planned }).await.unwrap_err();
    let lines: Vec<_> = error.detail.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!([lines[0], lines[1], lines[20]], ["Its last log lines:", "82", "key=(sensitive value)"]);
}

#[tokio::test]
async fn a_server_gets_only_the_environment_that_it_needs() {
    let project = project_with("env | cut -d= -f1 | sort | tr '\\n' ' '\nexit 1").await;
    let at = address("local_inference_service.a");
    let wanted = service(r#","environment":{"EXTRA":"1"}"#);
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    let names: Vec<_> = error.detail.lines().nth(1).unwrap().split(' ').collect();
    assert!(names.contains(&"EXTRA") && names.contains(&"PATH"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("CARGO")), "{names:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let mut project = project().await;
    let at = address("local_inference_service.a");
    std::os::unix::fs::symlink("/nowhere/at/all", project.path("link")).unwrap();
    for (home, expected) in [("iris.onnx", "cannot read "), ("link", "cannot keep the service in ")] {
        project.surroundings.home = project.path(home);
        project.reconnect().await;
        let error = project.create(subject(&at), r#"{"name":"iris","model":"iris.onnx"}"#).await.unwrap_err();
        let expected = format!("{expected}{}/services", project.path(home).display());
        assert!(error.summary.starts_with(&expected), "{error}");
        assert_eq!(error.help.len(), 1, "{error:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_nowhere_is_an_error_with_the_places() {
    let mut project = Project::with([("PATH", "/nowhere/bin:relative")]).await;
    project.surroundings.programs = "/nowhere/programs".into();
    project.reconnect().await;
    fs::copy(iris(), project.path("iris.onnx")).unwrap();
    let at = address("local_inference_service.a");
    let wanted = service("");
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    assert_error(&error, ErrorClass::Permanent, "cannot find the server program `mlo-runtime`");
    let places = "It was looked for at:\n  /nowhere/programs/mlo-runtime\n  /nowhere/bin/mlo-runtime";
    assert_eq!(error.detail, places);

    let project = Project::with([("MLO_RUNTIME", "/nowhere/server")]).await;
    fs::copy(iris(), project.path("iris.onnx")).unwrap();
    let error = project.create(subject(&at), &wanted).await.unwrap_err();
    let summary = "there is no server program at /nowhere/server, which `MLO_RUNTIME` names";
    assert_error(&error, ErrorClass::Permanent, summary);
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let project = project().await;
    let rows = [
        (r#""name":"""#, "`name`: an empty text is not usable"),
        (r#""name":"a\u001bb""#, "`name`: \"a\\u{1b}b\" holds a control character"),
        (r#""labels":["a\nb"]"#, "`labels`: \"a\\nb\" holds a control character"),
        (r#""digest":"9242e3fb""#, "`digest`: \"9242e3fb\" is not usable"),
        (r#""host":"example.org""#, "`host`: \"example.org\" is not usable"),
        (r#""port":0"#, "`port`: 0 is not a port"),
        (r#""port":80.5"#, "`port`: 80.5 is not a port"),
        (r#""port":65536"#, "`port`: 65536 is not a port"),
        (r#""metrics":{"accuracy":null}"#, "`metrics`: \"accuracy\" is null"),
        (r#""ready_timeout":"0s""#, "`ready_timeout`: \"0s\" is not usable"),
        (r#""ready_timeout":"2h""#, "`ready_timeout`: \"2h\" is not usable"),
        (r#""ready_timeout":"soon""#, "`ready_timeout`: \"soon\" is not usable"),
        (
            r#""environment":{"A=B":"c"}"#,
            "`environment`: \"A=B\" is not a variable that a program can be given",
        ),
    ];
    for (argument, expected) in rows {
        let wanted = format!(r#"{{"name":"iris","model":"iris.onnx",{argument}}}"#);
        let error = project.plan(TYPE, None, &wanted).await.unwrap_err();
        assert_eq!(error.summary, expected, "{argument}");
        let at = error.path.unwrap().to_string();
        assert!(argument.starts_with(&format!("\"{at}\"")), "{argument}: {at}");
    }
}

#[tokio::test]
async fn a_model_file_whose_bytes_change_is_a_change() {
    let project = project().await;
    let wanted = service("");
    let planned = project.plan(TYPE, None, &wanted).await.unwrap();
    let digest = Value::string(format!("sha256:{}", "0".repeat(64)));
    let prior = with(&planned, [("digest", digest), ("port", Value::from(8080)), ("pid", Value::from(1))]);
    let changed = project.plan(TYPE, Some(&prior), &wanted).await.unwrap();
    assert_eq!(["digest", "pid"].map(|name| shown(&changed, name)), [&iris_digest(), "?"]);
    let offline = project.plan_with(None, TYPE, Some(&prior), &wanted).await.unwrap();
    assert_eq!(shown(&offline, "digest"), "?", "without a connection the file is not read");
    let renamed = project.plan(TYPE, Some(&prior), r#"{"name":"other","model":"iris.onnx"}"#).await.unwrap();
    assert_eq!(["id", "port", "url"].map(|name| shown(&renamed, name)), ["?", "?", "?"], "another object");
}
