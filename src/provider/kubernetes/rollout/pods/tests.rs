use super::*;
use serde_json::json;

fn now() -> jiff::Timestamp {
    "2026-01-01T00:10:00Z".parse().unwrap()
}

/// A Pod with one container.
fn pod(status: &Json) -> Json {
    json!({
        "metadata": {"name": "web-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "app", "readinessProbe": {"periodSeconds": 5}}]},
        "status": {"phase": "Running", "containerStatuses": [status]}})
}

fn event(reason: &str, message: &str) -> Json {
    json!({"reason": reason, "message": message})
}

#[test]
fn the_cause_is_told_in_the_words_of_whoever_knows() {
    let ended = |code: i64, reason: &str| json!({"name": "app", "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": code, "reason": reason}}});
    let waits = |reason: &str, message: &str| json!({"name": "app", "image": "x:1", "state": {"waiting": {"reason": reason, "message": message}}});
    for (status, events, why, said) in [
        (
            waits("ImagePullBackOff", "Back-off pulling image \"x:1\": not found"),
            vec![],
            "the image of container app cannot be pulled",
            "ImagePullBackOff: Back-off pulling image \"x:1\": not found",
        ),
        (
            waits("InvalidImageName", ""),
            vec![],
            "the image of container app has no valid name",
            "InvalidImageName (x:1)",
        ),
        (
            waits("CreateContainerConfigError", "secret \"s\" not found"),
            vec![],
            "container app cannot be made from its configuration",
            "CreateContainerConfigError: secret \"s\" not found",
        ),
        (
            ended(3, "Error"),
            vec![],
            "container app ends again and again with exit code 3",
            "exit code 3 (Error), started 2 times",
        ),
        (
            ended(137, "OOMKilled"),
            vec![],
            "container app needs more memory than its limit (OOMKilled, exit code 137)",
            "exit code 137 (OOMKilled), started 2 times",
        ),
        (
            ended(137, "Error"),
            vec![event("Unhealthy", "Liveness probe failed: HTTP 500")],
            "container app fails its probe and is ended",
            "Liveness probe failed: HTTP 500",
        ),
    ] {
        let found = trouble(&pod(&status), &events, now()).unwrap();
        assert_eq!((found.why.as_str(), found.said.as_str()), (why, said));
    }
}

#[test]
fn what_may_still_come_is_no_trouble() {
    for status in [
        json!({"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}),
        json!({"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": "timeout"}}}),
        json!({"name": "app", "restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T00:09:59Z"}}, "lastState": {"terminated": {"exitCode": 1}}}),
        json!({"name": "app", "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}),
        json!({"name": "app", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}),
    ] {
        assert_eq!(trouble(&pod(&status), &[], now()), None, "{status}");
    }
}

#[test]
fn a_container_that_nobody_probes_must_have_run_for_a_moment() {
    let unprobed = |state: Json| {
        let status = json!({"name": "app", "state": state});
        let spec = json!({"containers": [{"name": "app"}]});
        json!({"spec": spec, "status": {"containerStatuses": [status]}})
    };
    let running = |since: &str| json!({"running": {"startedAt": since}});
    for (state, expected) in [
        (running("2026-01-01T00:09:58Z"), true),
        (running("2026-01-01T00:09:57Z"), false),
        (json!({"terminated": {"exitCode": 1}}), true),
    ] {
        assert_eq!(has_just_started(&unprobed(state.clone()), now()), expected, "{state}");
    }
    assert!(is_unprobed(&json!({"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}})));
    let probed = json!({"name": "a", "readinessProbe": {}});
    assert!(!is_unprobed(&json!({"spec": {"template": {"spec": {"containers": [probed]}}}})));
    let just = json!({"name": "app", "state": running("2026-01-01T00:10:00Z")});
    assert!(!has_just_started(&pod(&just), now()), "a probe says more than time");
}

#[test]
fn a_container_that_does_not_become_ready_is_given_its_time() {
    let running = |since: &str, started: bool| json!({"name": "app", "started": started, "ready": false, "state": {"running": {"startedAt": since}}});
    let events = [event("Unhealthy", "Readiness probe failed: HTTP 503")];
    assert_eq!(trouble(&pod(&running("2026-01-01T00:09:30Z", true)), &events, now()), None, "30 s of 60");
    assert_eq!(
        trouble(&pod(&running("2026-01-01T00:00:00Z", false)), &events, now()),
        None,
        "its startup probe has not passed"
    );
    let found = trouble(&pod(&running("2026-01-01T00:08:00Z", true)), &events, now()).unwrap();
    assert_eq!(found.said, "Readiness probe failed: HTTP 503");
    assert_eq!(found.log, Some(("app".to_owned(), false)));
}

#[test]
fn a_pod_that_fits_nowhere_hopes_only_for_an_autoscaler() {
    let waits = |created: &str| {
        json!({
        "metadata": {"name": "web-1", "creationTimestamp": created},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."}]}})
    };
    assert_eq!(trouble(&waits("2026-01-01T00:09:58Z"), &[], now()), None, "somebody may make room");
    let found = trouble(&waits("2026-01-01T00:09:00Z"), &[], now()).unwrap();
    assert_eq!(found.said, "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.");
    let grows = [event("TriggeredScaleUp", "pod triggered scale-up")];
    assert_eq!(trouble(&waits("2026-01-01T00:00:00Z"), &grows, now()), None);
    let full = [event("NotTriggerScaleUp", "max node group size reached")];
    let found = trouble(&waits("2026-01-01T00:09:59Z"), &full, now()).unwrap();
    assert!(found.said.contains("max node group size reached"), "{}", found.said);
}

#[test]
fn pods_of_the_newest_revision_are_told_from_the_others() {
    let set = |revision: &str, hash: &str| {
        json!({
        "metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}, "labels": {"pod-template-hash": hash}, "ownerReferences": [{"uid": "d"}]}})
    };
    let deployment = json!({"metadata": {"uid": "d"}});
    let group = newest_set(&deployment, &[set("9", "old"), set("10", "new")]).unwrap();
    assert!(group.has(&json!({"metadata": {"labels": {"pod-template-hash": "new"}}})));
    assert!(!group.has(&json!({"metadata": {"labels": {"pod-template-hash": "old"}}})));
    assert_eq!(newest_set(&json!({"metadata": {"uid": "other"}}), &[set("1", "x")]), None);
}

#[test]
fn selectors_are_written_as_queries() {
    let live = json!({"spec": {"selector": {"matchLabels": {"a": "b"}, "matchExpressions": [
        {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "DoesNotExist"}]}}});
    assert_eq!(selector(&live).as_deref(), Some("a=b,c in (d,e),!f"));
    assert_eq!(selector(&json!({"spec": {"selector": {"app": "x"}}})).as_deref(), Some("app=x"));
    assert_eq!(selector(&json!({"spec": {}})), None);
}
