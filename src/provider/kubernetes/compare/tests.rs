use super::*;
use serde_json::json;

/// A Deployment of which `spec` is given.
fn deployment(spec: &Json) -> Value {
    value_of(
        &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}),
    )
}

fn changed(applied: &Value, live: &Json) -> Vec<String> {
    let seen = compare(applied, live, &|_| false);
    if seen.changed.is_empty() {
        assert_eq!(&seen.manifest, applied, "without a change nothing is written otherwise");
    }
    seen.changed.iter().map(ToString::to_string).collect()
}

fn container(fields: &Json) -> Json {
    json!({"template": {"spec": {"containers": [fields]}}})
}

#[test]
fn what_only_the_server_says_is_no_change() {
    let applied = |spec: &Json| deployment(spec);
    for (why, spec, live) in [
        ("a default", json!({"replicas": 2}), json!({"replicas": 2, "progressDeadlineSeconds": 600})),
        ("an empty map that is left out", json!({"replicas": 2, "strategy": {}}), json!({"replicas": 2})),
        ("a false that is left out", json!({"paused": false}), json!({})),
        ("a null", json!({"paused": null, "replicas": 1}), json!({"replicas": 1})),
        (
            "a quantity in other words",
            container(
                &json!({"name": "a", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 1}}}),
            ),
            container(
                &json!({"name": "a", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}}),
            ),
        ),
        (
            "a container of another, and another order",
            json!({"template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}}),
            json!({"template": {"spec": {"containers": [
                {"name": "proxy", "image": "p"}, {"name": "b", "image": "y"}, {"name": "a", "image": "x", "terminationMessagePath": "/dev"}]}}}),
        ),
        (
            "ports go by number and protocol, which is TCP",
            container(&json!({"name": "a", "ports": [{"containerPort": 80}]})),
            container(&json!({"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]})),
        ),
        (
            "capabilities have no order",
            container(&json!({"name": "a", "securityContext": {"capabilities": {"drop": ["A", "B"]}}})),
            container(&json!({"name": "a", "securityContext": {"capabilities": {"drop": ["B", "A"]}}})),
        ),
        (
            "defaults in a list that belongs together",
            json!({"template": {"spec": {"tolerations": [{"key": "gpu"}]}}}),
            json!({"template": {"spec": {"tolerations": [{"key": "gpu", "operator": "Equal"}]}}}),
        ),
    ] {
        assert_eq!(
            changed(
                &applied(&spec),
                &json!({"metadata": {"name": "web", "uid": "u"}, "spec": live, "status": {}})
            ),
            [""; 0],
            "{why}"
        );
    }
}

#[test]
fn what_others_changed_is_told_by_its_field() {
    for (spec, live, expected) in [
        (json!({"replicas": 2}), json!({"replicas": 5}), "spec.replicas"),
        (json!({"replicas": 2}), json!({}), "spec.replicas"),
        (json!({"replicas": 2}), json!({"replicas": "2"}), "spec.replicas"),
        (
            container(&json!({"name": "a", "image": "x"})),
            container(&json!({"name": "a", "image": "y"})),
            "spec.template.spec.containers[name=\"a\"].image",
        ),
        (
            container(&json!({"name": "a", "image": "x"})),
            container(&json!({"name": "b", "image": "x"})),
            "spec.template.spec.containers[name=\"a\"]",
        ),
        (
            container(&json!({"name": "a", "resources": {"limits": {"cpu": "1"}}})),
            container(&json!({"name": "a", "resources": {"limits": {"cpu": "1001m"}}})),
            "spec.template.spec.containers[name=\"a\"].resources.limits.cpu",
        ),
        (
            container(&json!({"name": "a", "args": ["x", "y"]})),
            container(&json!({"name": "a", "args": ["y", "x"]})),
            "spec.template.spec.containers[name=\"a\"].args[0]",
        ),
        (
            container(&json!({"name": "a", "args": ["x"]})),
            container(&json!({"name": "a", "args": ["x", "y"]})),
            "spec.template.spec.containers[name=\"a\"].args",
        ),
        (
            json!({"selector": {"matchLabels": {"a": "b"}}}),
            json!({"selector": {"matchLabels": {"a": "b", "c": "d"}}}),
            "spec.selector.matchLabels",
        ),
    ] {
        let found = changed(&deployment(&spec), &json!({"metadata": {"name": "web"}, "spec": live}));
        assert_eq!(found.first().map(String::as_str), Some(expected), "{spec} {live}");
    }
}

#[test]
fn the_manifest_is_shown_as_it_is_now() {
    let applied = deployment(&json!({"replicas": 2, "paused": true}));
    let seen = compare(
        &applied,
        &json!({"metadata": {"name": "web"}, "spec": {"replicas": 5, "minReadySeconds": 3}}),
        &|_| false,
    );
    assert_eq!(seen.manifest, deployment(&json!({"replicas": 5})));
    let stays = compare(
        &applied,
        &json!({"metadata": {"name": "web"}, "spec": {"replicas": 5, "paused": true}}),
        &|field| field.to_string() == "spec.replicas",
    );
    assert_eq!((stays.manifest, stays.changed), (applied, vec![]));
}

#[test]
fn a_secret_is_compared_by_its_data_and_stays_sensitive() {
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hunter2"}});
    let applied = super::super::object::marked(&value_of(&manifest));
    let live = |data: &str| json!({"metadata": {"name": "s"}, "data": {"key": data, "other": "eA=="}, "type": "Opaque"});
    assert_eq!(changed(&applied, &live("aHVudGVyMg==")), [""; 0]);
    let seen = compare(&applied, &live("bmV3"), &|_| false);
    assert_eq!(seen.changed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["data.key"]);
    let now = seen.manifest.get("stringData").unwrap();
    assert!(now.marks_deep().is_sensitive(), "{now:?}");
    assert_eq!(now.get("key").unwrap().as_str(), Some("new"));
}

#[test]
fn lists_of_custom_resources_go_by_the_keys_that_we_manage_them_by() {
    let manifest = json!({"apiVersion": "e.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"parts": [{"id": "a", "size": 1}]}});
    let live = json!({
        "metadata": {"name": "t", "managedFields": [{"manager": "mlo", "operation": "Apply", "fieldsV1": {
            "f:spec": {"f:parts": {"k:{\"id\":\"a\"}": {"f:size": {}}}}}}]},
        "spec": {"parts": [{"id": "z", "size": 9}, {"id": "a", "size": 2}]}});
    assert_eq!(changed(&value_of(&manifest), &live), ["spec.parts[id=\"a\"].size"]);
}

#[test]
fn manifests_that_say_the_same_have_one_form() {
    let quantities = |cpu: &Json| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"overhead": {"cpu": cpu}, "containers": [{"name": "a", "resources": {"limits": {"cpu": cpu}}}]}});
    assert_eq!(canonical(&quantities(&json!("1000m"))), canonical(&quantities(&json!("1000m"))));
    let limits = |cpu: &Json| container(&json!({"name": "a", "resources": {"limits": {"cpu": cpu}}}));
    let of = |spec: &Json| canonical(&super::super::object::json_of(&deployment(spec)).unwrap());
    assert_eq!(of(&limits(&json!("1000m"))), of(&limits(&json!(1))));
    assert_ne!(of(&limits(&json!("1000m"))), of(&limits(&json!(2))));
    assert_ne!(of(&json!({"replicas": 1})), of(&json!({"replicas": "1"})), "only quantities are");
}

#[test]
fn places_of_difference_are_as_deep_as_both_have_them() {
    let fields = |before: &Json, after: &Json| {
        let found = differences(&deployment(before), &deployment(after));
        found.into_iter().map(|each| (each.field(), each.existed)).collect::<Vec<_>>()
    };
    assert_eq!(
        fields(&json!({"replicas": 1}), &json!({"replicas": 2})),
        [("spec.replicas".to_owned(), true)]
    );
    assert_eq!(fields(&json!({}), &json!({"replicas": 2})), [("spec.replicas".to_owned(), false)]);
    assert_eq!(
        fields(
            &container(&json!({"name": "a", "image": "x"})),
            &container(&json!({"name": "a", "image": "y"}))
        ),
        [("spec.template.spec.containers.image".to_owned(), true)]
    );
    assert_eq!(fields(&limits("1"), &limits("1000m")), []);
}

fn limits(cpu: &str) -> Json {
    container(&json!({"name": "a", "resources": {"limits": {"cpu": cpu}}}))
}
