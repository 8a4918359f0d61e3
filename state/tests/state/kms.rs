//! Keys of AWS KMS, against moto and against a server that answers as KMS does where moto does not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use mlo_aws::{Access, Account, Service};
use mlo_state::seal::{DataKey, Key, Kind, KmsKey, KmsSettings, Scope, Subject, Wrapped};
use mlo_state::{FileStore, Snapshot, Store, Vault};
use serde_json::{Value, json};

use crate::journal::holder;
use crate::seal::{random, team};
use crate::server::{ACCESS_KEY, SECRET_KEY, Server};

fn settings(endpoint: &str, key_id: &str) -> KmsSettings {
    let access = Access { region: Some("eu-west-1".to_owned()), ..Access::default() };
    KmsSettings { key_id: key_id.to_owned(), access, endpoint: Some(endpoint.to_owned()) }
}

fn kms(server: &Server, key_id: &str) -> KmsKey {
    KmsKey::new("prod", settings(&format!("http://{}", server.address), key_id))
        .with_keys(ACCESS_KEY, SECRET_KEY)
}

/// A call to the server's KMS that no key makes.
async fn call(server: &Server, action: &str, body: Value) -> Value {
    let settings = settings(&format!("http://{}", server.address), "");
    let keys = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
    let account = Account::new(settings.access.configure(Some(&keys), true).await);
    let service = Service::new(&account, ("kms", "KMS"), settings.endpoint.as_deref()).unwrap();
    let answer = service.json(&format!("TrentService.{action}"), body.to_string().as_bytes()).await.unwrap();
    // Some calls answer with nothing.
    serde_json::from_slice(&answer).unwrap_or_default()
}

async fn new_key(server: &Server) -> String {
    let made = call(server, "CreateKey", json!({})).await;
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_of_kms_seals_a_state_and_says_what_keeps_it_from_that() {
    let server = Server::moto();
    let id = new_key(&server).await;
    let vault = |key: KmsKey| Vault::new(vec![Arc::new(key)], random());
    let dir = tempfile::tempdir().unwrap();
    let store = |vault: Vault| FileStore::new(dir.path().to_owned()).with_vault(vault);
    let guard = store(vault(kms(&server, &id))).lock(&holder()).await.unwrap();
    let snapshot = Snapshot { serial: 1, ..Snapshot::empty("5f2b-lineage") };
    guard.commit(snapshot.clone()).await.unwrap();
    drop(guard);
    call(&server, "CreateAlias", json!({ "AliasName": "alias/state", "TargetKeyId": id })).await;
    for name in [&*id, "alias/state"] {
        let loaded = store(vault(kms(&server, name))).read().await.unwrap();
        assert_eq!(loaded.snapshot, Some(snapshot.clone()), "{name}");
    }
    let refused = async |vault: Vault| store(vault).read().await.unwrap_err().to_string();
    let said = kms(&server, "alias/nothing").wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
    assert!(said.contains("there is no key alias/nothing in this region of this account"), "{said}");
    assert!(refused(team()).await.contains("the key `aws_kms.prod`, and no such key is configured"));
    let guard = store(vault(kms(&server, "alias/nothing"))).lock(&holder()).await.unwrap();
    let error = guard.commit(Snapshot { serial: 2, ..snapshot }).await.unwrap_err().to_string();
    assert!(error.contains("`aws_kms.prod`") && error.contains("there is no key alias/nothing"), "{error}");
}

#[tokio::test]
async fn what_was_wrapped_with_another_context_does_not_open() {
    let server = Server::moto();
    let id = new_key(&server).await;
    let body = json!({ "KeyId": id, "Plaintext": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "EncryptionContext": { "a": "b" } });
    let blob = call(&server, "Encrypt", body).await["CiphertextBlob"].as_str().unwrap().to_owned();
    let key = kms(&server, &id);
    let wrapped = Wrapped::AwsKms { key_arn: id.clone(), data_key: blob };
    let said = key.unwrap(&wrapped, &scope()).unwrap_err().to_string();
    assert!(said.contains("of KMS did not wrap it"), "{said}");
    // Nor does one that was wrapped for another serial.
    let wrapped = key.wrap(&data_key(), &scope(), &random()).unwrap();
    assert_eq!(key.unwrap(&wrapped, &scope()).unwrap().bytes(), data_key().bytes());
    let another = Subject::new(Kind::State, "5f2b-lineage", 4).scope();
    let said = key.unwrap(&wrapped, &another).unwrap_err().to_string();
    assert!(said.contains("did not wrap it, or for something else"), "{said}");
    for data_key in ["AAAA", "no Base64", ""] {
        let wrapped = Wrapped::AwsKms { key_arn: id.clone(), data_key: data_key.to_owned() };
        key.unwrap(&wrapped, &scope()).expect_err("it was never wrapped");
    }
}

#[test]
fn an_alias_that_leads_elsewhere_names_the_key_that_it_led_to() {
    let other = || (400, json!({ "__type": "IncorrectKeyException", "message": "another" }));
    let wrapped = |arn: &str| Wrapped::AwsKms { key_arn: arn.to_owned(), data_key: "AAAA".to_owned() };
    let first = "arn:aws:kms:eu-west-1:1:key/first";
    let led = format!("the key that alias/state leads to now did not wrap it: its header names {first}");
    for (configured, arn, says) in [
        ("alias/state", first, &*led),
        ("alias/state", "\u{1b}[2J", "the key alias/state of KMS did not wrap it"),
        ("k", first, "the key k of KMS did not wrap it, or for something else"),
    ] {
        let (endpoint, server) = answering(vec![other()]);
        let key = KmsKey::new("prod", settings(&endpoint, configured)).with_keys("a", "b");
        let said = key.unwrap(&wrapped(arn), &scope()).unwrap_err().to_string();
        assert!(said.contains(says) && !said.contains('\u{1b}'), "{said}");
        server.join().unwrap();
    }
}

#[test]
fn no_data_key_goes_over_a_line_that_others_can_read_or_to_another_key() {
    for endpoint in ["http://192.0.2.1:8080", "http://kms.example.org", "http://127.0.0.1@192.0.2.1"] {
        let key = KmsKey::new("prod", settings(endpoint, "k")).with_keys("a", "b");
        let said = key.wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
        assert!(said.contains("is not encrypted, and no other machine is asked without that"), "{said}");
    }
    let other = (200, json!({ "KeyId": "arn:aws:kms:eu-west-1:1:key/other", "CiphertextBlob": "AAAA" }));
    let (endpoint, server) = answering(vec![other]);
    let key = KmsKey::new("prod", settings(&endpoint, "k")).with_keys("a", "b");
    let said = key.wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
    assert!(said.contains("KMS used another key than k: arn:aws:kms:eu-west-1:1:key/other"), "{said}");
    server.join().unwrap();
}

/// A server that gives each request the next of these answers, and the requests that it got.
fn answering(answers: Vec<(u16, Value)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 4096]);
            let length = |request: &str| {
                let (head, body) = request.split_once("\r\n\r\n")?;
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
                Some(body.len() >= length.parse().unwrap())
            };
            while length(&request) != Some(true) {
                let read = stream.read(&mut buffer).unwrap();
                request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            requests.push(request);
        }
        requests
    });
    (endpoint, thread)
}

fn scope() -> Scope {
    Subject::new(Kind::State, "5f2b-lineage", 3).scope()
}

fn data_key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).unwrap()
}

#[test]
fn what_kms_refuses_is_said_by_what_helps_and_names_no_credential() {
    let error =
        |code: &str| json!({ "__type": format!("com.amazonaws.kms#{code}"), "message": "as it says" });
    for (status, code, says) in [
        (400, "AccessDeniedException", "`kms:Encrypt` is not allowed on the key k: as it says"),
        (400, "DisabledException", "the key k is disabled in KMS"),
        (400, "NotFoundException", "there is no key k in this region of this account"),
        (400, "KMSInvalidStateException", "the key k cannot be used as it is: as it says"),
        (400, "ExpiredTokenException", "KMS does not take the credentials (ExpiredTokenException)"),
        (400, "UnrecognizedClientException", "KMS does not take the credentials"),
        (400, "LimitExceededException", "KMS refused: as it says (400 LimitExceededException)"),
    ] {
        let (endpoint, server) = answering(vec![(status, error(code))]);
        let key = KmsKey::new("prod", settings(&endpoint, "k")).with_keys("AKIDEXAMPLE", "hunter2-secret");
        let said = key.wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
        assert!(said.contains(says), "{code}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("AKIDEXAMPLE"), "{said}");
        let requests = server.join().unwrap();
        let [request] = &requests[..] else { panic!("it is not tried again: {requests:?}") };
        assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
        for part in [
            "x-amz-target: TrentService.Encrypt",
            "content-type: application/x-amz-json-1.1",
            "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
            "/eu-west-1/kms/aws4_request, SignedHeaders=",
            "\"EncryptionContext\":{\"mlo\":\"data key\",\"mlo-kind\":\"state\",\"mlo-lineage\":\"5f2b-lineage\",\"mlo-serial\":\"3\"}",
            "\"KeyId\":\"k\"",
        ] {
            assert!(request.contains(part), "{part} in {request}");
        }
        assert!(!request.contains("hunter2"), "{request}");
    }
}

#[test]
fn a_service_that_is_overloaded_is_asked_again_a_few_times() {
    let slow = || (400, json!({ "__type": "ThrottlingException", "message": "slow down" }));
    let done = (200, json!({ "KeyId": "arn:aws:kms:eu-west-1:1:key/k", "CiphertextBlob": "AAAA" }));
    let (endpoint, server) = answering(vec![slow(), (503, json!({})), done]);
    let key = KmsKey::new("prod", settings(&endpoint, "k")).with_keys("a", "b");
    let wrapped = key.wrap(&data_key(), &scope(), &random()).unwrap();
    let expected =
        Wrapped::AwsKms { key_arn: "arn:aws:kms:eu-west-1:1:key/k".into(), data_key: "AAAA".into() };
    assert_eq!(wrapped, expected);
    assert_eq!(server.join().unwrap().len(), 3);
    let (endpoint, server) = answering(vec![slow(), slow(), slow()]);
    let key = KmsKey::new("prod", settings(&endpoint, "k")).with_keys("a", "b");
    let said = key.wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
    assert!(said.contains("slow down (400 ThrottlingException)"), "{said}");
    assert_eq!(server.join().unwrap().len(), 3);
    // Nobody there.
    let said = key.wrap(&data_key(), &scope(), &random()).unwrap_err().to_string();
    assert!(said.contains("KMS cannot be asked: http://127.0.0.1:"), "{said}");
}

#[test]
fn a_data_key_is_unwrapped_once_in_a_run() {
    let answer = (200, json!({ "Plaintext": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }));
    let (endpoint, server) = answering(vec![answer]);
    let key = KmsKey::new("prod", settings(&endpoint, "k")).with_keys("a", "b");
    let wrapped = Wrapped::AwsKms { key_arn: "another".into(), data_key: "AAAA".into() };
    for _ in 0..3 {
        assert_eq!(key.unwrap(&wrapped, &scope()).unwrap().bytes(), &[0; 32]);
    }
    let requests = server.join().unwrap();
    assert!(requests[0].contains("\"KeyId\":\"k\""), "the configured key, not the header's: {}", requests[0]);
}

#[tokio::test]
async fn a_store_in_a_bucket_asks_kms_once_for_all_that_a_run_appends() {
    use crate::journal::intend;
    use mlo_state::S3Store;
    use mlo_state::s3::ModelBucket;
    let server = Server::moto();
    let key = Arc::new(kms(&server, &new_key(&server).await));
    let clock = crate::s3::clock();
    let bucket = Arc::new(ModelBucket::new(clock.clone()));
    let store = S3Store::new(bucket.clone(), "", clock).with_vault(Vault::new(vec![key], random()));
    let guard = store.lock(&holder()).await.unwrap();
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    for operation in 0..5 {
        guard.append(vec![intend(operation)]).await.unwrap();
    }
    guard.release().await.unwrap();
    assert_eq!(store.read().await.unwrap().pending.len(), 5);
    let mut wrapped = std::collections::BTreeSet::new();
    for name in bucket.keys().iter().filter(|name| name.starts_with("journal/")) {
        let found = mlo_state::s3::Bucket::get(&*bucket, name, u64::MAX).await.unwrap().unwrap();
        let text = String::from_utf8(found.body.to_vec()).unwrap();
        wrapped.extend(
            text.split("\"data_key\":\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
    }
    assert_eq!(wrapped.len(), 1, "one data key for all");
}
