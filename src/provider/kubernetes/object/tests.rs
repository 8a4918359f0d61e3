use super::*;
use serde_json::json;

fn identity(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Identity {
    let namespace = namespace.map(str::to_owned);
    Identity { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace, name: name.to_owned() }
}

#[test]
fn a_manifest_names_one_object() {
    let of = |json: Json| Identity::of(&value_of(&json), "team");
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    assert_eq!(of(web), Some(identity("apps/v1", "Deployment", Some("team"), "web")));
    let prod = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "prod"}});
    assert_eq!(of(prod), Some(identity("v1", "Service", Some("prod"), "s")));
    let place =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "namespace": "ignored"}});
    assert_eq!(of(place), Some(identity("v1", "Namespace", None, "n")));
    assert_eq!(of(json!({"kind": "Service"})), None);
}

#[test]
fn an_id_leads_back_to_its_object() {
    for at in [
        identity("apps/v1", "Deployment", Some("prod"), "web"),
        identity("v1", "ConfigMap", Some("default"), "c"),
        identity("v1", "Namespace", None, "prod"),
        identity("rbac.authorization.k8s.io/v1", "ClusterRole", None, "system:x"),
        identity("e.com/v1beta1", "Thing", Some("a"), "t"),
    ] {
        assert_eq!(Identity::parse(&at.id(), "default"), Some(at.clone()), "{}", at.id());
    }
    assert_eq!(
        Identity::parse("v1/ConfigMap/c", "team"),
        Some(identity("v1", "ConfigMap", Some("team"), "c"))
    );
    for id in ["", "web", "apps/Deployment/web", "v1/ConfigMap", "v1/ConfigMap/a/", "v1/a/b/c/d", "v1//b"] {
        assert_eq!(Identity::parse(id, "default"), None, "{id}");
    }
}

#[test]
fn what_is_no_manifest_is_told_before_anything_is_asked() {
    let checked = |manifest: Value| {
        let all = Value::object([("manifest".into(), manifest)]);
        check(&all).map_err(|error| error.summary)
    };
    for (manifest, expected) in [
        (Value::string("kind: Pod"), "`manifest` is a text, not an object"),
        (Value::tuple([]), "`manifest` is no object"),
        (value_of(&json!({"kind": "Pod"})), "`manifest` has no `apiVersion`"),
        (value_of(&json!({"apiVersion": "v1", "kind": 1})), "`manifest.kind` is no text"),
        (value_of(&json!({"apiVersion": "v1", "kind": "Pod"})), "`manifest` has no `metadata`"),
        (
            value_of(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})),
            "`manifest.metadata` has no `name`",
        ),
        (
            value_of(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "x-"}})),
            "`manifest.metadata` has `generateName`: what is kept needs a name",
        ),
        (
            value_of(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "../x"}})),
            "`manifest.metadata.name` is no name of Kubernetes: \"../x\"",
        ),
        (
            value_of(&json!({"apiVersion": "v1", "kind": "List", "items": []})),
            "`manifest` is a list of objects, and each is a resource of its own",
        ),
    ] {
        assert_eq!(checked(manifest), Err(expected.to_owned()));
    }
    assert_eq!(
        checked(value_of(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}))),
        Ok(())
    );
    assert_eq!(checked(Value::unknown(Type::Any)), Ok(()));
}

#[test]
fn lengths_of_time_are_read() {
    for (text, expected) in [
        ("10m", Some(600)),
        ("90s", Some(90)),
        ("1h30m5s", Some(5405)),
        ("0s", None),
        ("10", None),
        ("m", None),
        ("1d", None),
        ("", None),
        ("99999999999999999999h", None),
        ("1é", None),
    ] {
        assert_eq!(duration(text).map(|time| time.as_secs()), expected, "{text}");
    }
}

#[test]
fn fields_are_taken_over_as_the_configuration_says() {
    let fields = Value::tuple([Value::string(".spec.replicas"), Value::string("metadata.labels")]);
    let force = Force::of(&fields).unwrap();
    for (field, expected) in
        [("spec.replicas", true), ("metadata.labels.app", true), ("spec.replicasX", false), ("spec", false)]
    {
        assert_eq!(force.takes(field), expected, "{field}");
    }
    assert_eq!(Force::of(&Value::bool(true)), Some(Force::All));
    assert_eq!(Force::of(&Value::null()), Some(Force::None));
    assert_eq!(Force::of(&Value::string("spec")), None);
}

#[test]
fn what_is_sent_has_its_place_its_token_and_no_text_that_cannot_be_read_back() {
    let at = identity("v1", "Secret", Some("prod"), "s");
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "x"}, "data": {"b": "eQ=="}, "status": {}});
    assert_eq!(
        body(&manifest, &at, "t"),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "prod", "annotations": {TOKEN: "t"}}, "data": {"a": "eA==", "b": "eQ=="}})
    );
}

#[test]
fn a_secret_is_marked_and_what_is_kept_of_it_too() {
    let manifest = value_of(
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}}),
    );
    assert!(marked(&manifest).marks_deep().is_sensitive());
    let live = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "managedFields": [], "resourceVersion": "1"}, "data": {"a": "eA=="}});
    let kept = kept_object(&live);
    assert!(kept.get("data").unwrap().marks().is_sensitive());
    assert_eq!(kept.get("metadata").unwrap(), &value_of(&json!({"name": "s"})));
}
