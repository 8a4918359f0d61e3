//! The cluster that other tests run on: what is asked of its pods happens, and is told as by a real one.

use crate::support::cluster::{Cluster, Namespace, iris, is_true, url, wait};
use crate::support::{get, post};
use serde_json::{Value, json};

/// A Deployment of one pod. Each of the values is put in the place of its name.
const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  replicas: 1
  progressDeadlineSeconds: 4
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}, annotations: ANNOTATIONS}
    spec: {containers: [CONTAINER]}
";

fn deploy(namespace: &Namespace<'_>, name: &str, annotations: &Value, container: &Value) {
    let mut container = container.clone();
    container["name"] = json!("main");
    let text = DEPLOYMENT.replace("NAME", name).replace("ANNOTATIONS", &annotations.to_string());
    namespace.apply(&text.replace("CONTAINER", &container.to_string()));
}

/// The state of a pod's container.
fn state(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]
}

fn last(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
}

#[test]
fn a_deployment_becomes_ready_and_its_owners_are_told_apart() {
    let namespace = Cluster::shared().namespace();
    deploy(&namespace, "web", &json!({}), &json!({"image": "registry.test/web:1.0"}));
    let web = namespace.until("deployment/web", "is available", |web| is_true(web, "Available"));
    let managers: Vec<_> = web["metadata"]["managedFields"].as_array().into_iter().flatten().collect();
    assert!(managers.is_empty(), "kubectl shows them only when asked to");
    let shown = namespace.kubectl(&["get", "deployment/web", "--output=json", "--show-managed-fields"]);
    shown.has(&[r#""manager": "kubectl""#, r#""manager": "kube-controller-manager""#]);
    let pod = namespace.kubectl(&["get", "pods", "--output=json", "--show-managed-fields"]);
    pod.has(&[r#""manager": "kubelet""#]);
}

#[test]
fn what_goes_wrong_in_a_pod_is_told_as_by_a_kubelet() {
    let namespace = Cluster::shared().namespace();
    let quick = json!([{"httpGet": {"path": "/ready", "port": 80}, "periodSeconds": 1}])[0].clone();
    deploy(&namespace, "missing", &json!({}), &json!({"image": "registry.test/web:no-image"}));
    let log = json!({"cluster.test/log": "Traceback: no such model"});
    deploy(&namespace, "crashing", &log, &json!({"image": "registry.test/web:crash"}));
    let hungry = json!({"cluster.test/outcome": "out-of-memory"});
    deploy(&namespace, "hungry", &hungry, &json!({"image": "registry.test/web:1.0"}));
    let sick = json!({"image": "registry.test/web:never-ready", "readinessProbe": quick});
    deploy(&namespace, "sick", &json!({}), &sick);
    let keyless = json!({"image": "a", "envFrom": [{"secretRef": {"name": "keys"}}]});
    deploy(&namespace, "keyless", &json!({}), &keyless);

    namespace.pod_until("app=missing", "without its image", |pod| {
        state(pod)["waiting"]["reason"] == "ImagePullBackOff"
            && state(pod)["waiting"]["message"]
                .as_str()
                .unwrap()
                .contains("registry.test/web:no-image: not found")
    });
    let crashing = namespace.pod_until("app=crashing", "in a loop", |pod| {
        state(pod)["waiting"]["reason"] == "CrashLoopBackOff" && last(pod)["exitCode"] == 1
    });
    let name = crashing["metadata"]["name"].as_str().unwrap();
    assert_eq!(namespace.kubectl(&["logs", name, "--previous"]).out, "Traceback: no such model\n");
    namespace.pod_until("app=hungry", "killed for its memory", |pod| {
        last(pod)["reason"] == "OOMKilled" && last(pod)["exitCode"] == 137
    });
    namespace.pod_until("app=keyless", "waiting for its secret", |pod| {
        state(pod)["waiting"]
            == json!({"reason": "CreateContainerConfigError", "message": "secret \"keys\" not found"})
    });
    namespace.pod_until("app=sick", "running", |pod| state(pod)["running"].is_object());
    for name in ["missing", "sick"] {
        namespace.until(&format!("deployment/{name}"), "exceeds its deadline", |deployment| {
            let conditions = deployment["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|one| one["reason"] == "ProgressDeadlineExceeded")
        });
    }
    namespace.kubectl(&["events"]).has(&[
        "Failed to pull image \"registry.test/web:no-image\"",
        "Back-off restarting failed container main",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
    ]);
    namespace.kubectl(&["create", "secret", "generic", "keys", "--from-literal=a=b"]);
    namespace.until("deployment/keyless", "is available", |keyless| is_true(keyless, "Available"));
}

#[test]
fn a_pod_that_wants_a_gpu_lands_where_one_is() {
    let namespace = Cluster::shared().namespace();
    let pod = |name: &str, count: u32, tolerations: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec:\n  \
             tolerations: {tolerations}\n  containers:\n    - {{name: main, image: a, resources: {{limits: \
             {{nvidia.com/gpu: {count}}}}}}}\n"
        )
    };
    let tolerant = "[{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]";
    namespace.apply(&pod("tolerant", 1, tolerant));
    namespace.apply(&pod("intolerant", 1, "[]"));
    namespace.apply(&pod("greedy", 9, tolerant));

    let placed = namespace.until("pod/tolerant", "is ready", |pod| is_true(pod, "Ready"));
    assert!(placed["spec"]["nodeName"].as_str().unwrap().starts_with("gpu-"), "{placed:#}");
    let why = |name: &str| {
        let pod = namespace.until(&format!("pod/{name}"), "is refused", |pod| {
            pod["status"]["conditions"].as_array().is_some_and(|all| all[0]["reason"] == "Unschedulable")
        });
        pod["status"]["conditions"][0]["message"].as_str().unwrap().to_owned()
    };
    assert!(why("intolerant").contains("2 node(s) had untolerated taint {nvidia.com/gpu: true}"));
    assert!(why("greedy").contains("5 Insufficient nvidia.com/gpu"));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whether its end waits for a hook is seen by the time that it takes"
)]
fn a_pod_can_be_a_real_server() {
    let namespace = Cluster::shared().namespace();
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 5});
    let container = json!({
        "image": "registry.test/iris:process",
        "args": ["--model", iris(), "--model-name", "$(NAME)", "--port", "8080"],
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "MLO_RUNTIME_HOST", "value": "0.0.0.0"},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "startupProbe": probe("/health"), "livenessProbe": probe("/health"), "readinessProbe": probe("/ready"),
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
    });
    deploy(&namespace, "iris", &json!({}), &container);
    namespace.until("deployment/iris", "is available", |iris| is_true(iris, "Available"));
    let pod = &namespace.pods("app=iris")[0];
    let name = pod["metadata"]["name"].as_str().unwrap();

    let (status, body) = post(&url(pod, 8080, "/predict"), r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#);
    assert!(status == 200 && body.contains(r#""prediction":0"#), "{body}");
    assert!(body.contains(r#""model_name":"iris""#), "the pod's label reached it by a variable: {body}");
    // The same through the API server, which is how somebody outside a cluster reaches its pods.
    let proxied = format!("/api/v1/namespaces/{}/pods/{name}:8080/proxy/metrics", namespace.name);
    namespace.kubectl(&["get", "--raw", &proxied]).has(&["inference_requests_total{"]);
    namespace.kubectl(&["logs", name, "--tail=1"]).has(&["model ready"]).has_not(&["listening"]);

    let begun = std::time::Instant::now();
    namespace.kubectl(&["delete", "pod", name]);
    assert!(begun.elapsed().as_secs_f32() > 1.0, "its hook came first");
    assert_eq!(get(&url(pod, 8080, "/health")), None, "its process is gone");
}

#[test]
fn nodes_are_a_matter_of_the_test_that_started_them() {
    let cluster = Cluster::own(&[]);
    let ready = |name: &str| {
        let said = cluster.kubectl(&["get", "node", name, "--output=json"]);
        is_true(&serde_json::from_str::<Value>(&said.out).unwrap(), "Ready")
    };
    assert!(ready("cpu-0") && ready("gpu-1"));
    cluster.kubectl(&["annotate", "node", "cpu-0", "cluster.test/ready=false"]);
    wait(|| (!ready("cpu-0")).then_some(())).expect("the node is not ready any more");
    let kubeconfig = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    assert!(kubeconfig.contains(&cluster.server) && Cluster::shared().server != cluster.server);
}

#[test]
fn an_autoscaler_sees_what_pods_use() {
    let namespace = Cluster::shared().namespace();
    let busy = json!({"cluster.test/cpu": "90m"});
    deploy(&namespace, "web", &busy, &json!({"image": "a", "resources": {"requests": {"cpu": "100m"}}}));
    namespace.kubectl(&["autoscale", "deployment/web", "--min=1", "--max=3", "--cpu-percent=50"]);
    namespace.until("deployment/web", "has three replicas", |web| web["spec"]["replicas"] == 3);
}
