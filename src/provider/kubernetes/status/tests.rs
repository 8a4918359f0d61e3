use super::*;
use serde_json::json;

fn refused(code: u16, body: &Json) -> Refusal {
    Refusal::of(code, body.to_string().as_bytes(), None)
}

#[test]
fn answers_are_told_by_class_and_in_the_servers_words() {
    for (code, message, class, expected) in [
        (401, "Unauthorized", ErrorClass::Permanent, "x: the cluster does not know who asks"),
        (
            403,
            "deployments.apps is forbidden: User \"u\" cannot patch resource",
            ErrorClass::Permanent,
            "x: the cluster does not allow it to whoever asks",
        ),
        (
            403,
            "pods \"a\" is forbidden: exceeded quota: q, requested: cpu=2",
            ErrorClass::Permanent,
            "x: a quota of the namespace is used up",
        ),
        (
            403,
            "admission webhook \"w.e.com\" denied the request: no",
            ErrorClass::Permanent,
            "x: an admission webhook denied it",
        ),
        (404, "not found", ErrorClass::Absent, "x: it is not there"),
        (422, "spec.x: Invalid value", ErrorClass::Permanent, "x: the cluster does not take it"),
        (429, "too many requests", ErrorClass::Retryable, "x: the cluster has too much to do"),
        (503, "apiserver is shutting down", ErrorClass::Retryable, "x: the cluster has a problem of its own"),
    ] {
        let error = Failure::Refused(Box::new(refused(code, &json!({"message": message})))).error("x");
        assert_eq!((error.class, error.summary.as_str()), (class, expected));
        assert!(error.detail.contains(message), "{}", error.detail);
    }
    let silent = Failure::Unreachable("connection refused".to_owned()).error("x");
    assert_eq!(silent.class, ErrorClass::Retryable);
}

#[test]
fn a_conflict_names_managers_and_fields() {
    let refusal = refused(
        409,
        &json!({"reason": "Conflict", "message": "Apply failed with 1 conflict", "details": {"causes": [
        {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using apps/v1", "field": ".spec.replicas"}]}}),
    );
    let conflicts = refusal.conflicts();
    assert_eq!(
        conflicts,
        [Conflict { manager: "kubectl-edit".to_owned(), field: "spec.replicas".to_owned() }]
    );
    let live = json!({"metadata": {"managedFields": [{"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T00:00:00Z"}]}});
    let at = Identity {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("p".to_owned()),
        name: "w".to_owned(),
    };
    let error = conflict(&at, &conflicts, Some(&live));
    assert_eq!(error.summary, "Deployment p/w: fields are managed by kubectl-edit");
    assert_eq!(error.detail, "spec.replicas is managed by kubectl-edit (Update at 2026-01-01T00:00:00Z)");
    assert!(error.help[0].contains("force_conflicts = [\"spec.replicas\"]"), "{:?}", error.help);
}

#[test]
fn what_cannot_change_and_when_to_ask_again_are_read() {
    let refusal = refused(
        422,
        &json!({"reason": "Invalid", "details": {"retryAfterSeconds": 3, "causes": [
        {"reason": "FieldValueInvalid", "message": "Invalid value: field is immutable", "field": "spec.selector"},
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.x"}]}}),
    );
    assert_eq!(refusal.immutable(), ["spec.selector"]);
    assert_eq!(refusal.after, Some(Duration::from_secs(3)));
    let proxy = Refusal::of(502, b"<html>bad gateway</html>", None);
    assert_eq!((proxy.message.as_str(), proxy.class()), ("<html>bad gateway</html>", ErrorClass::Retryable));
    let missing = refused(
        404,
        &json!({"message": "namespaces \"x\" not found", "details": {"name": "x", "kind": "namespaces"}}),
    );
    assert!(missing.lacks_namespace());
}
