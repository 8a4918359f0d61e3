use super::super::object::value_of;
use super::*;
use crate::provider::Provider as _;
use crate::provider::kubernetes::Kubernetes;
use crate::provider::object::empty;
use serde_json::{Value as Json, json};

fn object(manifest: &Json) -> Value {
    with(&empty(&object::schema().block), [("manifest", value_of(manifest))])
}

/// The object after an apply.
fn applied(manifest: &Json) -> Value {
    let made = [
        ("id", Value::string("id")),
        ("uid", Value::string("u")),
        ("object", Value::string("whole")),
        ("ready", Value::bool(true)),
        ("outside_changes", Value::list(change_type(), [])),
    ];
    with(&object(manifest), made)
}

fn planned(prior: Option<&Value>, wanted: &Value) -> Result<Planned, ProviderError> {
    let proposed = crate_proposed(prior, wanted);
    let request = PlanRequest { type_name: object::TYPE, prior, wanted, proposed };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Kubernetes::new().plan(None, request))
}

/// As the engine proposes: computed attributes from the prior object, or unknown.
fn crate_proposed(prior: Option<&Value>, wanted: &Value) -> Value {
    let computed = ["id", "uid", "ready", "object", "outside_changes"]
        .map(|name| (name, prior.map_or_else(|| Value::unknown(Type::Any), |prior| attribute(prior, name))));
    with(wanted, computed)
}

fn deployment(spec: &Json) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
}

#[test]
fn a_new_object_is_planned_without_a_cluster() {
    let plan = planned(None, &object(&deployment(&json!({"replicas": 1})))).unwrap();
    assert!(plan.value.get("uid").unwrap().is_unknown() && plan.replace.is_empty());
    assert_eq!(plan.value.get("ready"), Some(&Value::bool(true)));
}

#[test]
fn the_same_in_other_words_is_no_change() {
    let limits = |cpu: &Json| {
        deployment(
            &json!({"template": {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": cpu}}}]}}}),
        )
    };
    let prior = applied(&limits(&json!("1000m")));
    let plan = planned(Some(&prior), &object(&limits(&json!(1)))).unwrap();
    assert!(same(&plan.value, &prior), "{:?}", plan.value);
    let plan = planned(Some(&prior), &object(&limits(&json!(2)))).unwrap();
    assert!(plan.value.get("object").unwrap().is_unknown());
}

#[test]
fn what_cannot_change_needs_a_new_object() {
    for (before, after, expected) in [
        (
            deployment(&json!({"selector": {"matchLabels": {"a": "b"}}})),
            deployment(&json!({"selector": {"matchLabels": {"a": "c"}}})),
            vec!["manifest.spec.selector.matchLabels.a"],
        ),
        (deployment(&json!({"replicas": 1})), deployment(&json!({"replicas": 2})), vec![]),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}),
            vec!["manifest.metadata.name"],
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}, "immutable": true}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2"}, "immutable": true}),
            vec!["manifest.data.x"],
        ),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}),
            vec![],
        ),
        (
            json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}}),
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}}),
            vec![],
        ),
    ] {
        let plan = planned(Some(&applied(&before)), &object(&after)).unwrap();
        let shown: Vec<_> = plan.replace.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{before} {after}");
    }
}

#[test]
fn what_did_not_become_ready_is_applied_again() {
    let manifest = deployment(&json!({"replicas": 1}));
    let prior = with(&applied(&manifest), [("ready", Value::bool(false))]);
    let plan = planned(Some(&prior), &object(&manifest)).unwrap();
    assert_eq!(plan.value.get("ready"), Some(&Value::bool(true)));
}

#[test]
fn who_changed_a_field_is_told_until_it_is_put_back() {
    let change = |field: &str| {
        Value::object(
            [("field", field), ("manager", "kubectl"), ("operation", "Update"), ("time", "2026")]
                .map(|(name, text)| (name.into(), Value::string(text))),
        )
    };
    let changes = Value::list(
        change_type(),
        [change("spec.replicas"), change("spec.template.spec.containers[name=\"a\"].image")],
    );
    let spec = |replicas: i64, image: &str| {
        deployment(
            &json!({"replicas": replicas, "template": {"spec": {"containers": [{"name": "a", "image": image}]}}}),
        )
    };
    let prior = with(&applied(&spec(5, "y")), [("outside_changes", changes.clone())]);
    let plan = planned(Some(&prior), &object(&spec(2, "y"))).unwrap();
    let left = plan.value.get("outside_changes").unwrap().as_items().unwrap().len();
    assert_eq!(left, 1, "the image stays as it was found, since the configuration keeps it");
    let plan = planned(Some(&prior), &object(&spec(5, "y"))).unwrap();
    assert!(same(&plan.value, &prior), "what is kept as it was found is no change");
}

#[test]
fn what_comes_first_is_made_first() {
    let rank = |kind: &str, api_version: &str| {
        let manifest = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "prod", "namespace": "prod"}});
        order(&object(&manifest))
            .into_iter()
            .find(|order| order.among == "namespace prod")
            .map(|order| order.rank)
    };
    let ranks = [
        ("Namespace", "v1"),
        ("ServiceAccount", "v1"),
        ("ConfigMap", "v1"),
        ("Service", "v1"),
        ("Deployment", "apps/v1"),
        ("Ingress", "networking.k8s.io/v1"),
    ];
    let ranks: Vec<_> = ranks.iter().map(|(kind, version)| rank(kind, version)).collect();
    assert!(ranks.iter().all(Option::is_some) && ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.e.com"}, "spec": {"group": "e.com", "names": {"kind": "Thing"}}});
    let thing = json!({"apiVersion": "e.com/v1", "kind": "Thing", "metadata": {"name": "t"}});
    let (definition, thing) = (order(&object(&crd)), order(&object(&thing)));
    let after = thing.iter().find(|order| order.among == definition[0].among).unwrap();
    assert!(definition[0].rank < after.rank);
}
