use super::*;
use serde_json::json;

#[test]
fn what_is_imported_is_what_somebody_said() {
    let live = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "p", "uid": "u", "resourceVersion": "1", "creationTimestamp": "t", "managedFields": [],
                     "labels": {"a": "b"}, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "data": {"k": "v"}, "status": {"x": 1}});
    assert_eq!(
        said(&live),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "p", "labels": {"a": "b"}}, "data": {"k": "v"}})
    );
}

#[test]
fn what_was_known_of_a_field_stays_while_the_field_does() {
    let known = change("spec.replicas", None);
    let prior = Value::object([("outside_changes".into(), Value::list(change_type(), [known.clone()]))]);
    let live = json!({"metadata": {"managedFields": [{"manager": "k", "operation": "Update", "time": "t", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}}]}});
    let paused = Field(["spec", "paused"].map(|name| Step::Name(name.to_owned())).to_vec());
    let after = changes(&prior, &[paused], &live);
    let items = after.as_items().unwrap();
    assert_eq!(items[0], known);
    assert_eq!((text(&items[1], "field"), text(&items[1], "manager")), (Some("spec.paused"), Some("k")));
    let again = changes(&prior, &[replicas()], &live);
    assert_eq!(again.as_items().unwrap().len(), 1, "a field that changed again is told once");
    assert_eq!(text(&again.as_items().unwrap()[0], "manager"), Some("k"));
}
