//! The module `mlo://model-deployment/kubernetes`: what it makes of a manifest, and what becomes of that in a cluster.

#[cfg(target_os = "linux")]
mod on_a_cluster;
mod rules;

use crate::support::{Project, repository};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An image as the policies want it: by its digest. Its tag is read by the cluster's nodes.
const IMAGE: &str =
    "registry.example/server:ready@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A project of the example whose one module has more arguments.
fn iris(arguments: &str) -> Project {
    let project = Project::copy_of("examples/kubernetes");
    project.write(
        "main.hcl",
        format!(
            "module \"model\" {{\n  for_each = manifest\n  source   = \"mlo://model-deployment/kubernetes\"\n  \
             model    = each.value\n  image    = \"{IMAGE}\"\n{arguments}\n}}\n\noutput \"rules\" {{\n  value = \
             module.model[\"iris\"].rules\n}}\n"
        ),
    );
    // What is approved in `dev` by the manifest has to be listed elsewhere.
    let data = std::fs::read_to_string(repository().join("policies/data.yaml")).unwrap();
    let listed = data.replace("data_sources: []", "data_sources: [sklearn.datasets.load_iris]");
    assert_ne!(listed, data);
    project.write("rules/data.yaml", listed);
    for name in ["model-governance.rego", "deployment-policy.rego"] {
        project.write(
            &format!("rules/{name}"),
            std::fs::read(repository().join("policies").join(name)).unwrap(),
        );
    }
    project
}

/// What is planned in an environment, by name of the resource, without a cluster.
fn planned(project: &Project, environment: &str) -> BTreeMap<String, Value> {
    planned_with(project, environment, 0)
}

/// The same, of a plan that ends with this code.
fn planned_with(project: &Project, environment: &str, code: i32) -> BTreeMap<String, Value> {
    let document = project.json(&["plan", "--env", environment, "--policies", "rules"], code);
    let changes = document["resource_changes"].as_array().unwrap();
    let object = |change: &Value| {
        (change["name"].as_str().unwrap().to_owned(), change["change"]["after"]["manifest"].clone())
    };
    changes.iter().map(object).collect()
}

fn container(objects: &BTreeMap<String, Value>) -> &Value {
    &objects["deployment"]["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn a_manifest_becomes_all_that_a_model_needs() {
    let objects = planned(&iris(""), "prod");
    let kind = |(name, object): (&String, &Value)| format!("{name} {}", object["kind"].as_str().unwrap());
    let kinds: Vec<_> = objects.iter().map(kind).collect();
    let expected = [
        "autoscaler HorizontalPodAutoscaler",
        "config ConfigMap",
        "deployment Deployment",
        "disruption_budget PodDisruptionBudget",
        "network_policy NetworkPolicy",
        "rules PrometheusRule",
        "service Service",
        "service_account ServiceAccount",
        "service_monitor ServiceMonitor",
    ];
    assert_eq!(kinds, expected);
    for object in objects.values() {
        assert_eq!(object["metadata"]["namespace"], "ml-inference");
        assert_eq!(object["metadata"]["labels"]["app"], "iris");
        assert_eq!(object["metadata"]["labels"]["version"], "1.0.0");
    }
    let spec = &objects["deployment"]["spec"];
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": 1, "maxUnavailable": 0}));
    let pod = &spec["template"]["spec"];
    let (sleep, grace) = (5, 30);
    assert_eq!(pod["terminationGracePeriodSeconds"], grace);
    assert_eq!(pod["containers"][0]["lifecycle"]["preStop"], json!({"sleep": {"seconds": sleep}}));
    let told = |name: &str| objects["config"]["data"][name].as_str().unwrap().parse::<i32>().unwrap();
    let (lame_duck, drain) = (told("MLO_RUNTIME_LAME_DUCK_SECONDS"), told("MLO_RUNTIME_DRAIN_SECONDS"));
    assert!(sleep >= lame_duck && grace >= sleep + lame_duck + drain, "no request is cut off");
    let security = json!({
        "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    assert_eq!(pod["securityContext"], security);
    let own = json!({
        "runAsNonRoot": true, "readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(pod["containers"][0]["securityContext"], own);
    let service = &objects["service"]["spec"];
    assert_eq!(service["type"], "ClusterIP");
    assert_eq!(
        service["ports"][0],
        json!({"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"})
    );
    assert_eq!(objects["disruption_budget"]["spec"]["maxUnavailable"], 1);
    assert_eq!(objects["service_monitor"]["spec"]["endpoints"][0]["path"], "/metrics");
}

#[test]
fn monitoring_is_left_out_where_the_caller_says_that_nobody_reads_it() {
    let planned = |project: &Project| planned(project, "dev").contains_key("rules");
    assert!(!planned(&iris("  prometheus_operator = false")));
    assert!(planned(&iris("  prometheus_operator = true")));
}

#[test]
fn probes_are_as_agreed_unless_the_manifest_says_more() {
    let probes = |project: &Project| {
        let objects = planned(project, "dev");
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|name| {
            let probe = &container(&objects)[name];
            let number = |name: &str| probe[name].as_i64().unwrap();
            let get = &probe["httpGet"];
            (
                format!("{}:{}", get["port"], get["path"].as_str().unwrap()),
                ["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"].map(number),
            )
        })
    };
    let project = iris("");
    let expected = [
        ("8080:/health".to_owned(), [5, 5, 3, 30]),
        ("8080:/health".to_owned(), [15, 10, 5, 3]),
        ("8080:/ready".to_owned(), [10, 5, 3, 3]),
    ];
    assert_eq!(probes(&project), expected);
    let more = "  inference:\n    healthCheck: { path: /live, initialDelaySeconds: 30 }\n    readinessCheck: { periodSeconds: 2 }\n";
    project.edit("iris.yaml", "  inference:\n", more);
    let expected = [
        ("8080:/live".to_owned(), [5, 5, 3, 30]),
        ("8080:/live".to_owned(), [30, 10, 5, 3]),
        ("8080:/ready".to_owned(), [10, 2, 3, 3]),
    ];
    assert_eq!(probes(&project), expected);
}

#[test]
fn each_environment_has_its_defaults() {
    let project = iris("");
    let manifest = project.read("iris.yaml");
    let (before, after) =
        (manifest.find("    autoscaling:").unwrap(), manifest.find("  monitoring:").unwrap());
    project.write("iris.yaml", format!("{}{}", &manifest[..before], &manifest[after..]));
    // Environment; replicas, least and most of the autoscaler; processors and memory; how strictly zones are spread over.
    let rows = [
        ("dev", [1, 1, 3], ["500m", "512Mi"], "ScheduleAnyway"),
        ("staging", [2, 2, 10], ["1000m", "1Gi"], "ScheduleAnyway"),
        ("prod", [3, 3, 50], ["2000m", "4Gi"], "DoNotSchedule"),
    ];
    for (environment, [replicas, least, most], [cpu, memory], zones) in rows {
        // The gate wants the manifest to limit the memory: what it lets through is not the question here.
        let objects = planned_with(&project, environment, 3);
        let spec = &objects["deployment"]["spec"];
        assert_eq!(spec["replicas"], replicas, "{environment}");
        let scaler = &objects["autoscaler"]["spec"];
        assert_eq!(
            (&scaler["minReplicas"], &scaler["maxReplicas"]),
            (&json!(least), &json!(most)),
            "{environment}"
        );
        let amounts = json!({"cpu": cpu, "memory": memory});
        let resources = json!({"requests": amounts, "limits": amounts});
        assert_eq!(container(&objects)["resources"], resources, "{environment}");
        let spread: Vec<_> =
            spec["template"]["spec"]["topologySpreadConstraints"].as_array().unwrap().iter().collect();
        let of = |key: &str| spread.iter().find(|one| one["topologyKey"] == key).unwrap();
        assert_eq!(of("topology.kubernetes.io/zone")["whenUnsatisfiable"], zones, "{environment}");
        assert_eq!(of("kubernetes.io/hostname")["whenUnsatisfiable"], "ScheduleAnyway");
        assert_eq!(objects["service"]["metadata"]["labels"]["environment"], environment);
    }
}

#[test]
fn the_autoscaler_behaves_as_agreed() {
    let objects = planned(&iris(""), "prod");
    let spec = &objects["autoscaler"]["spec"];
    let metric = |name: &str, percent: u32| {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        json!({"type": "Resource", "resource": {"name": name, "target": target}})
    };
    assert_eq!(spec["metrics"], json!([metric("cpu", 70), metric("memory", 80)]));
    let expected = json!({
        "scaleUp": {"stabilizationWindowSeconds": 60, "selectPolicy": "Min", "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 60}, {"type": "Percent", "value": 100, "periodSeconds": 60}]},
        "scaleDown": {"stabilizationWindowSeconds": 300, "selectPolicy": "Max", "policies": [
            {"type": "Pods", "value": 1, "periodSeconds": 120}]},
    });
    assert_eq!(spec["behavior"], expected);
    // The manifest's 1 to 3 is raised to what prod has at least.
    assert_eq!((&spec["minReplicas"], &spec["maxReplicas"]), (&json!(3), &json!(3)));
    assert_eq!(objects["deployment"]["spec"]["replicas"], 3);
}

#[test]
fn what_else_a_model_needs_is_said_by_variables() {
    let project = iris(
        r#"
  create_namespace = true
  role_arn            = "arn:aws:iam::123456789012:role/iris"
  host                = "iris.example.com"
  ingress             = { class_name = "nginx", annotations = { "example.com/a" = "b" } }
  callers             = ["shop"]
  node_selector       = { disk = "fast" }
  tolerations         = [{ key = "models", operator = "Exists" }]
  env                 = { MODEL_GOLDEN = "/golden/rows.jsonl" }
  secret_env          = { API_KEY = { secret = "keys", key = "api" } }
  model_uri           = "s3://models/iris"
"#,
    );
    let objects = planned(&project, "dev");
    let annotations = &objects["service_account"]["metadata"]["annotations"];
    assert_eq!(annotations["eks.amazonaws.com/role-arn"], "arn:aws:iam::123456789012:role/iris");
    let labels = &objects["namespace"]["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    let ingress = &objects["ingress"]["spec"];
    assert_eq!(ingress["ingressClassName"], "nginx");
    assert_eq!(ingress["tls"], json!([{"hosts": ["iris.example.com"], "secretName": "iris-tls"}]));
    assert_eq!(ingress["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"], "iris");
    let from = &objects["network_policy"]["spec"]["ingress"][0]["from"];
    let named =
        |name: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
    assert_eq!(*from, json!([{"podSelector": {}}, named("shop"), named("monitoring")]));
    let pod = &objects["deployment"]["spec"]["template"]["spec"];
    assert_eq!(pod["nodeSelector"], json!({"disk": "fast"}));
    assert_eq!(pod["tolerations"], json!([{"key": "models", "operator": "Exists"}]));
    let secret = json!([{"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}]);
    assert_eq!(container(&objects)["env"], secret);
    let settings = &objects["config"]["data"];
    assert_eq!(settings["MODEL_GOLDEN"], "/golden/rows.jsonl");
    assert_eq!(settings["MODEL_URI"], "s3://models/iris");
    assert_eq!(settings["MODEL_LABELS"], "setosa\nversicolor\nvirginica");
}

#[test]
fn a_model_on_a_gpu_asks_for_one_and_puts_up_with_its_taint() {
    let project = iris("");
    project.edit("iris.yaml", "  inference:\n", "  inference:\n    device: cuda\n");
    let objects = planned(&project, "dev");
    let pod = &objects["deployment"]["spec"]["template"]["spec"];
    let taint = json!([{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]);
    assert_eq!(pod["tolerations"], taint);
    for amounts in ["requests", "limits"] {
        assert_eq!(container(&objects)["resources"][amounts]["nvidia.com/gpu"], "1");
    }
    assert_eq!(objects["config"]["data"]["MLO_RUNTIME_PROVIDER"], "cuda");
}
