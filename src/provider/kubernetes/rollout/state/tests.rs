use super::*;
use serde_json::json;

fn at(api_version: &str, kind: &str) -> Identity {
    Identity {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("p".to_owned()),
        name: "x".to_owned(),
    }
}

fn shown(api_version: &str, kind: &str, live: &Json, all: bool) -> String {
    match phase(&at(api_version, kind), live, all) {
        Phase::Ready => "ready".to_owned(),
        Phase::Going(what) => what,
        Phase::Failed { why, .. } => format!("failed: {why}"),
    }
}

fn condition(name: &str, status: &str, reason: &str, message: &str) -> Json {
    json!([{"type": name, "status": status, "reason": reason, "message": message}])
}

#[test]
fn workloads_say_how_far_they_are() {
    for (version, kind, live, expected) in [
        (
            "apps/v1",
            "Deployment",
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}),
            "its controller has not looked at it yet",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 1, "replicas": 2}}),
            "1 of 2 replicas are new",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 3}}),
            "1 old replicas are still there",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}}),
            "1 of 2 new replicas are available",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}}),
            "ready",
        ),
        ("apps/v1", "Deployment", json!({"spec": {"replicas": 0}, "status": {}}), "ready"),
        ("apps/v1", "Deployment", json!({"spec": {"paused": true}}), "ready"),
        (
            "apps/v1",
            "Deployment",
            json!({"status": {"conditions": condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: q")}}),
            "failed: a quota of the namespace is used up",
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"status": {"conditions": condition("Progressing", "False", "ProgressDeadlineExceeded", "")}}),
            "failed: it made no progress within its `progressDeadlineSeconds`",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}),
            "1 of 2 replicas are ready",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"}}),
            "1 of 2 replicas are new",
        ),
        (
            "apps/v1",
            "StatefulSet",
            json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 2, "updateRevision": "a", "currentRevision": "a"}}),
            "ready",
        ),
        (
            "apps/v1",
            "DaemonSet",
            json!({"status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2}}),
            "2 of 3 nodes have an available Pod",
        ),
    ] {
        assert_eq!(shown(version, kind, &live, false), expected, "{kind} {live}");
    }
}

#[test]
fn what_else_comes_up_by_itself_says_how_far_it_is() {
    for (version, kind, live, expected) in [
        ("batch/v1", "Job", json!({"status": {"active": 1}}), "0 of 1 Pods are done, 1 run"),
        (
            "batch/v1",
            "Job",
            json!({"status": {"conditions": condition("Complete", "True", "", "")}}),
            "ready",
        ),
        (
            "batch/v1",
            "Job",
            json!({"status": {"conditions": condition("Failed", "True", "BackoffLimitExceeded", "")}}),
            "failed: it failed (BackoffLimitExceeded)",
        ),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Pending"}}), "it is Pending"),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Bound"}}), "ready"),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({}),
            "condition Established is not there yet",
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": condition("NamesAccepted", "False", "PluralConflict", "taken")}}),
            "failed: its names are taken",
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"status": {"conditions": condition("NamesAccepted", "True", "NoConflicts", "no conflicts found")}}),
            "condition Established is not there yet",
        ),
        ("v1", "ConfigMap", json!({}), "ready"),
        ("example.com/v1", "Deployment", json!({}), "ready"),
        ("networking.k8s.io/v1", "Ingress", json!({}), "ready"),
    ] {
        assert_eq!(shown(version, kind, &live, false), expected, "{kind} {live}");
    }
}

#[test]
fn an_address_is_waited_for_where_that_is_asked() {
    assert_eq!(shown("networking.k8s.io/v1", "Ingress", &json!({}), true), "it has no address yet");
    let has = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    assert_eq!(shown("networking.k8s.io/v1", "Ingress", &has, true), "ready");
    assert_eq!(
        shown("v1", "Service", &json!({"spec": {"type": "LoadBalancer"}}), true),
        "it has no address yet"
    );
    assert_eq!(shown("v1", "Service", &json!({"spec": {"type": "ClusterIP"}}), true), "ready");
}
