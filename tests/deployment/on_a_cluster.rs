//! The module on a control plane that is real, with servers that are real.

use super::iris;
use crate::support::cluster::{Cluster, Namespace, is_true, wait};
use crate::support::{Project, post, said};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const FLOWER: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

/// The example in a namespace, its pods real servers.
fn deployed(namespace: &Namespace<'_>) -> Project {
    let model = crate::support::cluster::iris().display().to_string();
    let project = iris(&format!(
        "  namespace = {:?}\n  pod_annotations = {{\n    \"cluster.test/outcome\" = \"process\"\n    \
         \"cluster.test/environment\" = jsonencode({{ MODEL_URI = {model:?} }})\n  }}",
        namespace.name
    ));
    let kubeconfig = namespace.cluster.kubeconfig().display().to_string();
    project
        .write("provider.hcl", format!("provider \"kubernetes\" {{\n  config_path = {kubeconfig:?}\n}}\n"));
    project
}

/// `kubectl proxy`: the API server without keys, for this process.
struct Proxy {
    child: Child,
    url: String,
}

impl Proxy {
    /// Leads to the model's Service, by way of the API server.
    fn to(namespace: &Namespace<'_>) -> Self {
        let mut command = namespace.command(&["proxy", "--port=0", "--accept-hosts=.*"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.trim().rsplit(' ').next().unwrap();
        let url = format!("http://{host}/api/v1/namespaces/{}/services/iris:80/proxy", namespace.name);
        Self { child, url }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_manifest_becomes_servers_that_are_replaced_without_losing_a_request() {
    let namespace = Cluster::shared().namespace();
    let project = deployed(&namespace);
    project.ok(&["apply", "--auto-approve"]).has(&["Apply complete! Resources: 7 added"]);
    let deployment = namespace.get(&["deployment/iris"]).unwrap();
    assert!(is_true(&deployment, "Available"), "what is applied is ready");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);

    let proxy = Proxy::to(&namespace);
    let predict = || post(&format!("{}/predict", proxy.url), FLOWER);
    let (status, body) = predict();
    assert!(status == 200 && body.contains(r#""prediction":0"#), "{status}: {body}");

    project.edit("iris.yaml", "version: 1.0.0", "version: 1.0.1");
    let (applied, asked) = (AtomicBool::new(false), AtomicU32::new(0));
    let lost: Vec<(u16, String)> = std::thread::scope(|scope| {
        let callers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut lost = Vec::new();
                while !applied.load(Ordering::Relaxed) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    lost.extend(Some(predict()).filter(|(status, _)| *status != 200));
                }
                lost
            })
        });
        project.ok(&["apply", "--auto-approve"]).has(&["Apply complete! Resources: 0 added"]);
        wait(|| (namespace.pods("app=iris").len() == 1).then_some(())).expect("the old server has gone");
        applied.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(lost, [], "of {} requests", asked.load(Ordering::Relaxed));
    assert!(asked.load(Ordering::Relaxed) > 100, "{asked:?} requests are too few to lose one");
    let (_, body) = predict();
    assert!(body.contains(r#""model_version":"1.0.1""#), "{body}");

    project.ok(&["destroy", "--auto-approve"]).has(&["7 destroyed"]);
    wait(|| namespace.pods("app=iris").is_empty().then_some(())).expect("the servers have gone");
}

/// What the Prometheus Operator defines, as far as a test needs it.
const OPERATOR: &str = r#"
resource "kubernetes_object" "definition" {
  for_each = { servicemonitors = "ServiceMonitor", prometheusrules = "PrometheusRule" }
  manifest = {
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = { name = "${each.key}.monitoring.coreos.com" }
    spec = {
      group = "monitoring.coreos.com"
      scope = "Namespaced"
      names = { plural = each.key, kind = each.value }
      versions = [{
        name    = "v1"
        served  = true
        storage = true
        schema  = { openAPIV3Schema = { type = "object", x-kubernetes-preserve-unknown-fields = true } }
      }]
    }
  }
}
"#;

#[test]
fn monitoring_comes_with_the_operator_of_the_same_plan_and_goes_with_it() {
    let cluster = Cluster::own(&[]);
    let namespace = cluster.namespace();
    let project = deployed(&namespace);
    project.edit("main.hcl", "\"process\"", "\"ready\"");
    project.write("operator.hcl", OPERATOR);
    // Nobody says that the kinds will be there, and they are not there yet.
    project.ok(&["plan"]).has(&["Plan: 9 to add"]).has_not(&["service_monitor"]);
    project.edit("main.hcl", "  namespace =", "  prometheus_operator = true\n  namespace =");
    project.ok(&["apply", "--auto-approve"]).has(&["11 added"]);
    let rules = namespace.get(&["prometheusrule/iris"]).unwrap();
    assert_eq!(rules["spec"]["groups"][1]["rules"][0]["alert"], "InferenceHighErrorRate");
    // They are there now, and whoever asks finds them.
    project.edit("main.hcl", "  prometheus_operator = true\n", "");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn what_is_planned_is_what_kubectl_would_do() {
    let namespace = Cluster::shared().namespace();
    let project = deployed(&namespace);
    project.edit("main.hcl", "\"process\"", "\"ready\"");
    project.ok(&["apply", "--auto-approve"]);
    let document = project.json(&["show"], 0);
    let mut looked_at = 0;
    for object in document["resources"].as_array().unwrap() {
        let manifest = object["values"]["manifest"].to_string();
        project.write("object.json", &manifest);
        let file = project.path().join("object.json").display().to_string();
        // As somebody else, who leaves alone what mlo notes down beside the manifest.
        let diff = said(&mut namespace.command(&["diff", "--server-side", "--filename", &file]));
        assert_eq!(diff.code, 0, "{}", diff.all());
        looked_at += 1;
    }
    assert_eq!(looked_at, 7);
}
