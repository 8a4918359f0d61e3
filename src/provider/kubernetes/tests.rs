//! The provider against a server that answers as each test says: what a real cluster does only now and then.

use super::object::{TOKEN, change_type, value_of};
use super::*;
use crate::lang::value::{Path, Type};
use crate::provider::object::{attribute, empty, with};
use crate::provider::retry;
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// What a server answers to a request: a status, headers and a body; nothing to hang up.
type Answer = Option<(u16, &'static str, Json)>;
/// Method, path with query, body, credential.
type Asked = (String, String, Json, String);

/// A server on this machine.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                std::thread::spawn(move || serve(&stream, &*answer, &seen));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Methods and paths of the requests, queries aside.
    fn requests(&self) -> Vec<String> {
        self.asked()
            .iter()
            .map(|(method, path, ..)| format!("{method} {}", path.split('?').next().unwrap()))
            .collect()
    }

    async fn connected(&self, more: &[(&str, Value)]) -> Arc<dyn Connection> {
        let given = [("host", Value::string(self.address.as_str()))];
        let config = with(&empty(&config::schema()), given);
        let config = with(&config, more.iter().cloned());
        Kubernetes::new().connect(&config, &Surroundings::nowhere()).await.unwrap()
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(usize, &Asked) -> Answer, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() == 0 {
            return;
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (mut length, mut credential) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => value.clone_into(&mut credential),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let asked = (method, path, serde_json::from_slice(&body).unwrap_or_default(), credential);
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(asked.clone());
            seen.len() - 1
        };
        let Some((code, headers, body)) = answer(number, &asked) else { return };
        let body = body.to_string();
        let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let mut stream = stream;
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        if sent.is_err() {
            return;
        }
    }
}

fn config_map(name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "p"}, "data": {"k": "v"}})
}

/// The object of a manifest after an apply.
fn applied(manifest: &Json) -> Value {
    let made = [
        ("manifest", value_of(manifest)),
        ("id", Value::string("id")),
        ("uid", Value::string("u")),
        ("object", Value::string("whole")),
        ("ready", Value::bool(true)),
        ("outside_changes", Value::list(change_type(), [])),
    ];
    with(&empty(&object::schema().block), made)
}

/// The object of a manifest before an apply.
fn wanted(manifest: &Json) -> Value {
    let unknown = ["id", "uid", "object"].map(|name| (name, Value::unknown(Type::Any)));
    with(&applied(manifest), unknown)
}

fn list(items: &[Json]) -> Json {
    json!({"kind": "List", "metadata": {}, "items": items})
}

fn refusal(code: u16, message: &str) -> Json {
    json!({"kind": "Status", "code": code, "message": message, "details": {}})
}

fn live(manifest: &Json, token: &str) -> Json {
    let mut live = manifest.clone();
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["annotations"] = json!({TOKEN: token});
    live
}

/// What a change comes to, asked until it does.
async fn carried_out(
    connection: &dyn Connection,
    change: Change<'_>,
) -> Result<Option<Value>, ProviderError> {
    let address = "kubernetes_object.a".parse().unwrap();
    let subject = Subject { type_name: TYPE, address: &address, token: "t" };
    let mut progress = connection.start(subject, change).await?;
    loop {
        match progress {
            Progress::Done(value) => return Ok(value),
            Progress::Pending { handle, after } => {
                tokio::time::sleep(after.min(std::time::Duration::from_millis(5))).await;
                progress = connection.poll(subject, &handle).await?;
            }
        }
    }
}

async fn read(connection: &dyn Connection, prior: &Value) -> Result<Option<Value>, ProviderError> {
    let address = "kubernetes_object.a".parse().unwrap();
    connection.read(Subject { type_name: TYPE, address: &address, token: "t" }, prior).await
}

#[tokio::test]
async fn many_objects_are_read_by_one_list_in_pages() {
    let items: Vec<_> = (0..600).map(|number| live(&config_map(&format!("c{number}")), "t")).collect();
    let server = Server::new(move |_, (_, path, ..)| {
        let rest = path.contains("continue=next");
        let page = if rest { &items[500..] } else { &items[..500] };
        Some((200, "", json!({"metadata": {"continue": if rest { "" } else { "next" }}, "items": page})))
    });
    let connection = server.connected(&[]).await;
    let all: Vec<_> = (0..600).map(|number| applied(&config_map(&format!("c{number}")))).collect();
    let reads = all.iter().map(|prior| read(&*connection, prior));
    for (found, prior) in futures_util::future::join_all(reads).await.into_iter().zip(&all) {
        assert_eq!(&found.unwrap().unwrap(), prior);
    }
    assert_eq!(
        server.requests(),
        ["GET /api/v1/namespaces/p/configmaps", "GET /api/v1/namespaces/p/configmaps"]
    );
    assert!(server.asked()[0].1.contains("limit=500"));
}

#[tokio::test]
async fn who_may_not_list_is_asked_for_one_object() {
    let server = Server::new(|_, (_, path, ..)| {
        let one = path.ends_with("/configmaps/a");
        Some(if one {
            (200, "", live(&config_map("a"), "t"))
        } else {
            (403, "", refusal(403, "configmaps is forbidden: User cannot list"))
        })
    });
    let connection = server.connected(&[]).await;
    assert!(read(&*connection, &applied(&config_map("a"))).await.unwrap().is_some());
}

#[tokio::test]
async fn a_new_object_is_applied_under_our_name_with_its_token() {
    let server = Server::new(|_, (method, _, body, _)| {
        Some(if method == "GET" { (200, "", list(&[])) } else { (201, "", live(body, "t")) })
    });
    let connection = server.connected(&[]).await;
    let planned = wanted(&config_map("a"));
    let made = carried_out(&*connection, Change::Create { planned: &planned }).await.unwrap().unwrap();
    assert_eq!(made.get("uid").unwrap().as_str(), Some("u"));
    assert_eq!(made.get("id").unwrap().as_str(), Some("v1/ConfigMap/p/a"));
    let asked = server.asked();
    let (method, path, body, _) = asked.last().unwrap();
    assert_eq!(method, "PATCH");
    assert!(path.starts_with("/api/v1/namespaces/p/configmaps/a?fieldManager=mlo"), "{path}");
    assert!(path.contains("force=false") && !path.contains("dryRun"), "{path}");
    assert_eq!(body["metadata"]["annotations"][TOKEN], "t");
}

#[tokio::test]
async fn an_object_that_is_there_already_is_left_alone() {
    let server = Server::new(|_, _| Some((200, "", list(&[live(&config_map("a"), "of another")]))));
    let connection = server.connected(&[]).await;
    let planned = wanted(&config_map("a"));
    let error = carried_out(&*connection, Change::Create { planned: &planned }).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(
        error.help[0].contains("mlo import 'kubernetes_object.a' 'v1/ConfigMap/p/a'"),
        "{:?}",
        error.help
    );
    assert!(server.requests().iter().all(|request| request.starts_with("GET ")), "nothing is changed");
}

#[tokio::test]
async fn a_create_that_was_cut_off_is_found_by_its_token_and_never_repeated() {
    for (token, expected) in [("t", true), ("of another", false)] {
        let server = Server::new(move |_, _| Some((200, "", live(&config_map("a"), token))));
        let (begun, later) = (server.connected(&[]).await, server.connected(&[]).await);
        let address = "kubernetes_object.a".parse().unwrap();
        let subject = Subject { type_name: TYPE, address: &address, token: "t" };
        let planned = wanted(&config_map("a"));
        let started = begun.start(subject, Change::Create { planned: &planned }).await.unwrap();
        let Progress::Pending { handle, .. } = started else { panic!("{started:?}") };
        assert_eq!(server.asked().len(), 0, "the handle is kept before anything is sent");
        let Progress::Done(found) = later.poll(subject, &handle).await.unwrap() else {
            panic!("it is known")
        };
        assert_eq!(found.map(|found| attribute(&found, "uid")), expected.then(|| Value::string("u")));
        assert!(server.requests().iter().all(|request| request.starts_with("GET ")));
    }
}

#[tokio::test]
async fn fields_of_others_are_taken_over_only_where_that_was_said_or_shown() {
    let conflict = || {
        let cause = json!({"reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using v1", "field": ".data.k"});
        json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "conflict", "details": {"causes": [cause]}})
    };
    let manifest = |value: &str| {
        let mut manifest = config_map("a");
        manifest["data"]["k"] = json!(value);
        manifest
    };
    let unclaimed =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "p"}});
    let force = |value: Value| [("force_conflicts", value)];
    for (why, before, after, takes) in [
        ("the plan showed that it goes back", applied(&manifest("theirs")), applied(&manifest("ours")), true),
        ("it is claimed now for the first time", applied(&unclaimed), applied(&manifest("ours")), false),
        (
            "it was said",
            applied(&unclaimed),
            with(&applied(&manifest("ours")), force(Value::tuple([Value::string("data.k")]))),
            true,
        ),
        (
            "another field was said",
            applied(&unclaimed),
            with(&applied(&manifest("ours")), force(Value::tuple([Value::string("data.x")]))),
            false,
        ),
        (
            "all was said",
            applied(&unclaimed),
            with(&applied(&manifest("ours")), force(Value::bool(true))),
            true,
        ),
        ("nobody saw it change", applied(&manifest("ours")), applied(&manifest("ours")), false),
    ] {
        let server = Server::new(move |_, (method, path, body, _)| {
            Some(match method.as_str() {
                "PATCH" if path.contains("force=false") => (409, "", conflict()),
                "PATCH" => (200, "", live(body, "t")),
                _ => (200, "", live(&config_map("a"), "t")),
            })
        });
        let connection = server.connected(&[]).await;
        let ended = carried_out(&*connection, Change::Update { prior: &before, planned: &after }).await;
        assert_eq!(ended.is_ok(), takes, "{why}: {ended:?}");
        if let Err(error) = ended {
            assert_eq!(error.summary, "ConfigMap p/a: fields are managed by kubectl", "{why}");
            assert!(error.object.is_some(), "{why}: what is there is kept");
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_busy_or_silent_is_asked_again_and_nothing_is_lost() {
    for (why, first) in [
        ("too many requests", Some((429, "Retry-After: 1\r\n", refusal(429, "too many")))),
        ("a server that restarts", Some((503, "", refusal(503, "shutting down")))),
        ("a connection that breaks off", None),
    ] {
        let again = first.clone();
        let server = Server::new(move |number, _| {
            if number == 0 { again.clone() } else { Some((200, "", list(&[live(&config_map("a"), "t")]))) }
        });
        let connection = server.connected(&[]).await;
        let prior = applied(&config_map("a"));
        let begun = tokio::time::Instant::now();
        let found = retry(|| read(&*connection, &prior)).await.unwrap();
        assert!(found.is_some(), "{why}");
        if first.is_some_and(|(code, ..)| code == 429) {
            assert!(begun.elapsed() >= std::time::Duration::from_secs(1), "as long as the server said");
        }
    }
}

#[tokio::test]
async fn a_credential_that_ran_out_is_asked_for_anew() {
    let folder = tempfile::tempdir().unwrap();
    let count = format!("{}/n", folder.path().display());
    let print = r#"printf '{"status":{"token":"t%d"}}' "$(wc -l < N)""#.replace('N', &count);
    let script = format!("echo x >> {count}; {print}");
    let server = Server::new(|_, (_, _, _, credential)| {
        Some(match credential.as_str() {
            "Bearer t2" => (200, "", list(&[live(&config_map("a"), "t")])),
            _ => (401, "", refusal(401, "Unauthorized")),
        })
    });
    let exec = Value::object([
        ("api_version".into(), Value::string("client.authentication.k8s.io/v1")),
        ("command".into(), Value::string("sh")),
        ("args".into(), Value::list(Type::String, [Value::string("-c"), Value::string(script)])),
        ("env".into(), Value::null()),
    ]);
    let connection = server.connected(&[("exec", exec)]).await;
    assert!(read(&*connection, &applied(&config_map("a"))).await.unwrap().is_some());
    assert_eq!(server.asked().len(), 2);
    let server = Server::new(|_, _| Some((401, "", refusal(401, "Unauthorized"))));
    let connection = server.connected(&[("token", Value::string("hunter2"))]).await;
    let error = read(&*connection, &applied(&config_map("a"))).await.unwrap_err();
    assert_eq!(
        (error.class, server.asked().len()),
        (ErrorClass::Permanent, 1),
        "a fixed token does not get better"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_delete_is_of_our_object_alone_and_waits_until_it_is_gone() {
    let server = Server::new(|number, (method, _, body, _)| {
        if method == "DELETE" {
            assert_eq!(body["preconditions"]["uid"], "u");
            return Some((200, "", live(&config_map("a"), "t")));
        }
        Some(if number < 3 {
            (200, "", live(&config_map("a"), "t"))
        } else {
            (404, "", refusal(404, "not found"))
        })
    });
    let connection = server.connected(&[]).await;
    let prior = applied(&config_map("a"));
    assert_eq!(carried_out(&*connection, Change::Delete { prior: &prior }).await, Ok(None));
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_plan_tries_a_change_without_keeping_it() {
    let plan = async |answer: (u16, Json), before: Json, after: Json| {
        let (before, after) = (applied(&before), wanted(&after));
        let server = Server::new(move |_, (method, path, ..)| {
            assert!(method == "GET" || path.contains("dryRun=All"), "{method} {path}");
            Some(if method == "GET" { (200, "", list(&[])) } else { (answer.0, "", answer.1.clone()) })
        });
        let connection = server.connected(&[]).await;
        let request =
            PlanRequest { type_name: TYPE, prior: Some(&before), wanted: &after, proposed: after.clone() };
        Kubernetes::new().plan(Some(&*connection), request).await
    };
    let changed = || {
        let mut changed = config_map("a");
        changed["data"]["k"] = json!("new");
        changed
    };
    let cause = json!({"reason": "FieldValueInvalid", "message": "field is immutable", "field": "data.k"});
    let fixed = json!({"kind": "Status", "code": 422, "message": "m", "details": {"causes": [cause]}});
    let planned = plan((422, fixed), config_map("a"), changed()).await.unwrap();
    assert_eq!(planned.replace, [Path::root().name("manifest").name("data").name("k")]);
    let denied = refusal(403, "admission webhook \"w\" denied the request: no");
    let error = plan((403, denied), config_map("a"), changed()).await.unwrap_err();
    assert!(error.detail.contains("denied the request: no"), "{error:?}");
    let unable = refusal(403, "configmaps \"a\" is forbidden: User \"u\" cannot patch resource");
    assert!(plan((403, unable), config_map("a"), changed()).await.is_ok(), "who may not try plans without");
    assert!(
        plan((500, refusal(500, "not reached")), config_map("a"), config_map("a")).await.is_ok(),
        "what does not change is not tried"
    );
}

#[tokio::test]
async fn custom_resources_wait_for_their_definition_only_if_this_run_makes_it() {
    let thing =
        json!({"apiVersion": "e.com/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "p"}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.e.com"},
        "spec": {"group": "e.com", "names": {"kind": "Thing", "plural": "things"}}});
    for defined in [true, false] {
        let server = Server::new(|number, (method, path, body, _)| {
            Some(match (method.as_str(), path.split('?').next().unwrap()) {
                ("GET", "/apis/e.com/v1") if number > 6 => (
                    200,
                    "",
                    json!({"resources": [{"name": "things", "kind": "Thing", "namespaced": false}]}),
                ),
                ("GET", "/apis/e.com/v1/things") => (200, "", list(&[])),
                ("PATCH", "/apis/e.com/v1/things/t") => (201, "", live(body, "t")),
                _ => (404, "", refusal(404, "the server could not find the requested resource")),
            })
        });
        let connection = server.connected(&[]).await;
        if defined {
            let wanted = wanted(&definition);
            let request =
                PlanRequest { type_name: TYPE, prior: None, wanted: &wanted, proposed: wanted.clone() };
            Kubernetes::new().plan(Some(&*connection), request).await.unwrap();
        }
        let planned = wanted(&thing);
        let ended = carried_out(&*connection, Change::Create { planned: &planned }).await;
        match ended {
            Ok(made) => {
                assert!(defined && made.unwrap().get("id").unwrap().as_str() == Some("e.com/v1/Thing/t"));
            }
            Err(error) => {
                assert!(
                    !defined && error.summary == "the cluster has no kind Thing in e.com/v1",
                    "{error:?}"
                );
            }
        }
    }
}
