//! Objects of a cluster whose control plane is real: planned, applied, waited for, put back, taken away.

use crate::support::Project;
use crate::support::cluster::{Cluster, Namespace};
use std::time::Duration;

/// A project whose provider asks the cluster, and whose variables name the namespace.
fn project(namespace: &Namespace<'_>, body: &str) -> Project {
    let project = Project::new();
    let provider = format!(
        "provider \"kubernetes\" {{\n  config_path = {:?}\n  namespace   = {:?}\n}}\n",
        namespace.cluster.kubeconfig().display().to_string(),
        namespace.name
    );
    project.write("provider.hcl", provider);
    project.write("main.hcl", body);
    // Whether such objects may be made is not the question here.
    project.ungoverned()
}

/// A Deployment whose image has this tag: the nodes do what it says.
fn deployment(tag: &str, more: &str) -> String {
    format!(
        r#"
resource "kubernetes_object" "web" {{
  manifest = {{
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = {{ name = "web" }}
    spec = {{
      replicas = 2
      selector = {{ matchLabels = {{ app = "web" }} }}
      template = {{
        metadata = {{ labels = {{ app = "web" }}, annotations = {{ "cluster.test/log" = "no such column: age" }} }}
        spec = {{
          containers = [{{
            name      = "server"
            image     = "registry.example/server:{tag}"
            resources = {{ limits = {{ cpu = "1000m", memory = "512Mi" }} }}
          }}]
        }}
      }}
    }}
  }}
  {more}
}}
"#
    )
}

#[expect(clippy::disallowed_methods, reason = "what is measured is how long a command takes")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// A plan that says that there is nothing to do.
#[track_caller]
fn is_settled(project: &Project) {
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(0).has(&["No changes."]);
}

#[test]
fn from_manifest_to_ready_pods_in_one_apply_and_then_nothing_is_left_to_do() {
    let namespace = Cluster::shared().namespace();
    let name = format!("{}-own", namespace.name);
    let inner = |kind: &str, api: &str, rest: &str| {
        format!(
            "resource \"kubernetes_object\" \"{}\" {{\n  manifest = {{ apiVersion = \"{api}\", kind = \"{kind}\", metadata = {{ name = \"web\", namespace = \"{name}\" }}, {rest} }}\n}}\n",
            kind.to_lowercase()
        )
    };
    // Nothing refers to anything, and names come in no good order.
    let body = [
        inner("Deployment", "apps/v1", r#"spec = { selector = { matchLabels = { app = "web" } }, template = { metadata = { labels = { app = "web" } }, spec = { serviceAccountName = "web", containers = [{ name = "server", image = "x:ready", envFrom = [{ configMapRef = { name = "web" } }, { secretRef = { name = "web" } }] }] } } }"#),
        inner("ConfigMap", "v1", r#"data = { A = "1" }"#),
        inner("Secret", "v1", r#"stringData = { TOKEN = "hunter2hunter2" }"#),
        inner("ServiceAccount", "v1", "automountServiceAccountToken = false"),
        inner("Service", "v1", r#"spec = { selector = { app = "web" }, ports = [{ port = 80, targetPort = 8080 }] }"#),
        inner("HorizontalPodAutoscaler", "autoscaling/v2", r#"spec = { scaleTargetRef = { apiVersion = "apps/v1", kind = "Deployment", name = "web" }, minReplicas = 1, maxReplicas = 3, metrics = [{ type = "Resource", resource = { name = "cpu", target = { type = "Utilization", averageUtilization = 70 } } }] }"#),
        inner("PodDisruptionBudget", "policy/v1", r#"spec = { maxUnavailable = 1, selector = { matchLabels = { app = "web" } } }"#),
        format!("resource \"kubernetes_object\" \"namespace\" {{\n  manifest = {{ apiVersion = \"v1\", kind = \"Namespace\", metadata = {{ name = \"{name}\" }} }}\n}}\n"),
    ]
    .concat();
    let project = project(&namespace, &body);
    project.mlo(&["plan"]).ends_with(0).has(&["8 to add"]).has_not(&["hunter2"]);
    project.mlo(&APPLY).ends_with(0).has(&["8 added"]).has_not(&["hunter2"]);
    let cluster = namespace.cluster;
    let found = cluster.kubectl(&[
        "get",
        "deployment/web",
        "--namespace",
        &name,
        "--output",
        "jsonpath={.status.availableReplicas}",
    ]);
    assert_eq!(found.out, "1", "the apply waited for it");
    is_settled(&project);
    for entry in walk(&project.path().join(".mlo")) {
        let held = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).contains("hunter2");
        assert!(!held || is_private(&entry), "{}", entry.display());
    }
    project.mlo(&["destroy", "--auto-approve"]).ends_with(0).has(&["8 destroyed"]);
    let gone = crate::support::said(&mut cluster.command(&["get", "namespace", &name]));
    assert!(gone.err.contains("NotFound"), "{}", gone.all());
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn is_private(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).unwrap().permissions().mode().trailing_zeros() >= 6
}

#[test]
fn a_change_that_fails_is_put_back_at_once_with_its_cause() {
    let namespace = Cluster::shared().namespace();
    let project = project(&namespace, &deployment("ready", ""));
    project.mlo(&APPLY).ends_with(0);
    for (tag, cause) in [
        ("no-image", vec!["the image of container server cannot be pulled"]),
        ("crash", vec!["ends again and again with exit code 1", "no such column: age"]),
        ("out-of-memory", vec!["needs more memory than its limit (OOMKilled, exit code 137)"]),
    ] {
        project.write("main.hcl", deployment(tag, ""));
        let begun = clock();
        let said = project.mlo(&APPLY);
        let took = begun.elapsed();
        said.ends_with(7).has(&cause).has(&["was put back as it was"]);
        // The bound is for a machine that does much else; by itself it takes a few seconds.
        assert!(took < Duration::from_mins(1), "{tag}: {took:?}, where the time-out is 600 s");
        let live = namespace.get(&["deployment/web"]).unwrap();
        assert_eq!(
            live["spec"]["template"]["spec"]["containers"][0]["image"],
            "registry.example/server:ready"
        );
        assert_eq!(live["status"]["availableReplicas"], 2, "it works again");
    }
    project.write("main.hcl", deployment("ready", ""));
    is_settled(&project);
}

#[test]
fn a_new_object_that_fails_is_left_to_be_looked_at_and_made_anew() {
    let namespace = Cluster::shared().namespace();
    let gpu = deployment("ready", "").replace(
        "containers = [{",
        "nodeSelector = { \"no.such/label\" = \"true\" }\n          containers = [{",
    );
    let project = project(&namespace, &gpu);
    project.mlo(&APPLY).ends_with(1).has(&["no node takes its Pod", "nodes are available"]);
    project.write("main.hcl", deployment("ready", ""));
    project.mlo(&APPLY).ends_with(0).has(&["1 added", "1 destroyed"]);
    is_settled(&project);
}

#[test]
fn a_quota_is_told_at_once_in_the_clusters_words() {
    let namespace = Cluster::shared().namespace();
    namespace.kubectl(&["create", "quota", "small", "--hard=pods=0"]);
    let project = project(&namespace, &deployment("ready", "rollback = false"));
    project.mlo(&APPLY).ends_with(1).has(&["a quota of the namespace is used up", "exceeded quota: small"]);
}

/// A resource of any kind, by what stands after its metadata.
fn object(kind: &str, api: &str, name: &str, rest: &str) -> String {
    let resource = format!("resource \"kubernetes_object\" \"{name}\"");
    let named = format!("apiVersion = \"{api}\", kind = \"{kind}\", metadata = {{ name = \"{name}\" }}");
    format!("{resource} {{\n  manifest = {{ {named}, {rest} }}\n}}\n")
}

/// What stands in a workload for its Pods, which have a label of this name and are not started again where `more` says so.
fn pods(label: &str, image: &str, more: &str) -> String {
    let metadata = format!(
        "metadata = {{ labels = {{ app = \"{label}\" }}, annotations = {{ \"cluster.test/log\" = \"no such column: age\" }} }}"
    );
    format!(
        "template = {{ {metadata}, spec = {{ containers = [{{ name = \"server\", {image} }}] {more} }} }}"
    )
}

/// Beside a template, how its Pods are found.
fn selector(label: &str) -> String {
    format!("selector = {{ matchLabels = {{ app = \"{label}\" }} }}")
}

const NEVER: &str = ", restartPolicy = \"Never\"";

#[test]
fn every_kind_of_workload_is_waited_for() {
    let namespace = Cluster::shared().namespace();
    let ready = |label: &str| format!("{}, {}", selector(label), pods(label, "image = \"x:ready\"", ""));
    let set = format!("spec = {{ replicas = 2, serviceName = \"set\", {} }}", ready("set"));
    let agent = format!("spec = {{ {} }}", ready("agent"));
    let once = format!("spec = {{ {} }}", pods("once", "image = \"x:succeed\"", NEVER));
    let body = [
        object("StatefulSet", "apps/v1", "set", &set),
        object("DaemonSet", "apps/v1", "agent", &agent),
        object("Job", "batch/v1", "once", &once),
    ]
    .concat();
    let project = project(&namespace, &body);
    project.mlo(&APPLY).ends_with(0).has(&["3 added"]);
    let field = |object: &str, name: &str| namespace.get(&[object]).unwrap()["status"][name].clone();
    assert_eq!(
        (field("statefulset/set", "readyReplicas"), field("job/once", "succeeded")),
        (2.into(), 1.into())
    );
    assert_eq!(
        field("daemonset/agent", "numberAvailable"),
        field("daemonset/agent", "desiredNumberScheduled")
    );
    is_settled(&project);
}

#[test]
fn what_will_never_work_is_told_with_its_cause() {
    let job = format!("spec = {{ backoffLimit = 0, {} }}", pods("web", "image = \"x:fail\"", NEVER));
    let probe = "image = \"x:unhealthy\", livenessProbe = { httpGet = { path = \"/health\", port = 8080 }, periodSeconds = 1, failureThreshold = 1 }";
    let probed = format!("spec = {{ {}, {} }}", selector("web"), pods("web", probe, ""));
    let claim =
        r#"spec = { accessModes = ["ReadWriteOnce"], resources = { requests = { storage = "1Gi" } } }"#;
    for (object, causes) in [
        (
            object("Job", "batch/v1", "web", &job),
            vec!["it failed (BackoffLimitExceeded)", "exit code 1", "no such column: age"],
        ),
        (
            object("Deployment", "apps/v1", "web", &probed),
            vec!["container server fails its probe and is ended", "Liveness probe failed"],
        ),
        (
            object("PersistentVolumeClaim", "v1", "web", claim),
            vec!["there is no volume for it", "no storage class is set"],
        ),
    ] {
        let namespace = Cluster::shared().namespace();
        project(&namespace, &object).mlo(&APPLY).ends_with(1).has(&causes);
    }
}

#[test]
fn a_server_must_be_well_and_serve_the_expected_model() {
    let namespace = Cluster::shared().namespace();
    let iris = crate::support::cluster::iris();
    let digest = {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(std::fs::read(&iris).unwrap());
        digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    };
    let container = format!(
        "image = \"x:process\", args = [\"--model\", {:?}, \"--port\", \"8080\"], env = [{{ name = \"MLO_RUNTIME_HOST\", value = \"0.0.0.0\" }}], readinessProbe = {{ httpGet = {{ path = \"/ready\", port = 8080 }} }}",
        iris.display().to_string()
    );
    let expecting = |digest: &str, note: &str| {
        let pods = pods("web", &container, "").replace("no such column: age", note);
        let all =
            object("Deployment", "apps/v1", "web", &format!("spec = {{ {}, {pods} }}", selector("web")));
        all.replace("}\n}\n", &format!("}}\n  health_check {{ digest = \"{digest}\" }}\n}}\n"))
    };
    let project = project(&namespace, &expecting(&digest, "first"));
    project.mlo(&APPLY).ends_with(0);
    is_settled(&project);
    project.write("main.hcl", expecting("sha256:of-another", "second"));
    let said = project.mlo(&APPLY);
    said.ends_with(7).has(&["its Pods serve another model than the expected one", &digest, "was put back"]);
}

#[test]
fn what_others_changed_is_shown_with_who_and_when_and_put_back() {
    let namespace = Cluster::shared().namespace();
    let project = project(&namespace, &deployment("ready", ""));
    project.mlo(&APPLY).ends_with(0);
    // Controllers, defaults and what others add are no difference.
    namespace.kubectl(&["annotate", "deployment/web", "someone=else"]);
    is_settled(&project);
    namespace.kubectl(&["scale", "deployment/web", "--replicas=4"]);
    let plan = project.mlo(&["plan", "--detailed-exitcode"]);
    plan.ends_with(2).has(&["outside_changes", "spec.replicas", "kubectl", "Update of scale"]);
    project.mlo(&APPLY).ends_with(0).has(&["1 changed"]);
    let live = namespace.get(&["deployment/web"]).unwrap();
    assert_eq!(
        (live["spec"]["replicas"].as_i64(), &live["metadata"]["annotations"]["someone"]),
        (Some(2), &"else".into())
    );
    is_settled(&project);
    // What is left to others stays as they make it.
    project.write(
        "main.hcl",
        deployment("ready", "lifecycle {\n    ignore_changes = [manifest.spec.replicas]\n  }"),
    );
    namespace.kubectl(&["scale", "deployment/web", "--replicas=3"]);
    is_settled(&project);
}

#[test]
fn what_an_autoscaler_decides_is_left_to_it() {
    let namespace = Cluster::shared().namespace();
    let project = project(&namespace, &deployment("ready", ""));
    project.mlo(&APPLY).ends_with(0);
    namespace.kubectl(&["autoscale", "deployment/web", "--min=1", "--max=5", "--cpu-percent=50"]);
    let scaled = r#"--patch={"spec":{"replicas":3}}"#;
    let patch = [
        "patch",
        "deployment/web",
        "--subresource=scale",
        "--type=merge",
        "--field-manager=kube-controller-manager",
        scaled,
    ];
    namespace.kubectl(&patch);
    is_settled(&project);
    // A change of something else leaves the number too.
    project.edit("main.hcl", "512Mi", "256Mi");
    project.mlo(&APPLY).ends_with(0).has(&["1 changed"]);
    assert_eq!(namespace.get(&["deployment/web"]).unwrap()["spec"]["replicas"], 3);
    is_settled(&project);
    // Without the autoscaler it is a change like any other.
    namespace.kubectl(&["delete", "hpa/web"]);
    project
        .mlo(&["plan", "--detailed-exitcode"])
        .ends_with(2)
        .has(&["spec.replicas", "kube-controller-manager"]);
}

#[test]
fn fields_of_others_are_not_taken_without_a_word() {
    let namespace = Cluster::shared().namespace();
    let map = |data: &str, more: &str| {
        format!(
            "resource \"kubernetes_object\" \"c\" {{\n  manifest = {{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = {{ name = \"c\" }}, data = {{ {data} }} }}\n  {more}\n}}\n"
        )
    };
    let project = project(&namespace, &map("a = \"1\"", ""));
    project.mlo(&APPLY).ends_with(0);
    let name = &namespace.name;
    let other = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c, namespace: {name} }}\ndata: {{ b: theirs }}\n"
    );
    crate::support::fed(
        &mut namespace.command(&["apply", "--server-side", "--field-manager=team-b", "--filename", "-"]),
        &other,
    )
    .ends_with(0);
    is_settled(&project);
    project.write("main.hcl", map("a = \"1\", b = \"ours\"", ""));
    for arguments in [&["plan"][..], &APPLY] {
        project.mlo(arguments).ends_with(1).has(&[
            "fields are managed by team-b",
            "data.b",
            "force_conflicts = [\"data.b\"]",
        ]);
    }
    project.write("main.hcl", map("a = \"1\", b = \"ours\"", "force_conflicts = [\"data.b\"]"));
    project.mlo(&APPLY).ends_with(0);
    assert_eq!(namespace.get(&["configmap/c"]).unwrap()["data"]["b"], "ours");
    is_settled(&project);
}

#[test]
fn who_may_only_look_can_plan_and_is_told_what_is_missing_to_apply() {
    let namespace = Cluster::shared().namespace();
    namespace.kubectl(&["create", "serviceaccount", "reader"]);
    namespace.kubectl(&["create", "role", "reader", "--verb=get,list", "--resource=configmaps"]);
    let account = format!("--serviceaccount={}:reader", namespace.name);
    namespace.kubectl(&["create", "rolebinding", "reader", "--role=reader", &account]);
    let token = namespace.kubectl(&["create", "token", "reader"]).out;
    let project = project(&namespace, &object("ConfigMap", "v1", "c", "data = { a = \"1\" }"));
    let provider = format!(
        "provider \"kubernetes\" {{\n  host = {:?}\n  insecure = true\n  namespace = {:?}\n  token = {:?}\n}}\n",
        namespace.cluster.server,
        namespace.name,
        token.trim()
    );
    project.write("provider.hcl", provider);
    project.mlo(&["plan"]).ends_with(0).has(&["1 to add"]);
    let said = project.mlo(&APPLY);
    said.ends_with(1).has(&["the cluster does not allow it to whoever asks", "cannot patch resource"]);
    said.has_not(&[token.trim()]);
    assert_eq!(namespace.get(&["configmap/c"]), None);
}

#[test]
fn what_cannot_change_is_made_anew_and_the_plan_says_because_of_what() {
    let namespace = Cluster::shared().namespace();
    let project = project(&namespace, &deployment("ready", ""));
    project.mlo(&APPLY).ends_with(0);
    project.write("main.hcl", deployment("ready", "").replace("app = \"web\"", "app = \"other\""));
    project.mlo(&["plan"]).ends_with(0).has(&[
        "must be replaced",
        "# forces replacement",
        "1 to add, 0 to change, 1 to destroy",
    ]);
    project.mlo(&APPLY).ends_with(0);
    is_settled(&project);
}

#[test]
fn a_custom_resource_is_planned_and_made_together_with_its_definition() {
    let namespace = Cluster::shared().namespace();
    let group = format!("{}.example.com", namespace.name);
    let body = format!(
        r#"
resource "kubernetes_object" "a_thing" {{
  manifest = {{ apiVersion = "{group}/v1", kind = "Thing", metadata = {{ name = "t" }}, spec = {{ size = 3 }} }}
}}
resource "kubernetes_object" "definition" {{
  manifest = {{
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = {{ name = "things.{group}" }}
    spec = {{
      group = "{group}"
      scope = "Namespaced"
      names = {{ plural = "things", singular = "thing", kind = "Thing", listKind = "ThingList" }}
      versions = [{{
        name = "v1", served = true, storage = true
        schema = {{ openAPIV3Schema = {{ type = "object", properties = {{ spec = {{ type = "object", properties = {{ size = {{ type = "integer" }} }} }} }} }} }}
      }}]
    }}
  }}
}}
"#
    );
    let project = project(&namespace, &body);
    project.mlo(&["plan"]).ends_with(0).has(&["2 to add"]);
    project.mlo(&APPLY).ends_with(0).has(&["2 added"]);
    assert_eq!(namespace.get(&[&format!("things.{group}/t")]).unwrap()["spec"]["size"], 3);
    is_settled(&project);
    project.mlo(&["destroy", "--auto-approve"]).ends_with(0).has(&["2 destroyed"]);
}

#[test]
fn a_run_that_is_killed_while_it_waits_is_finished_by_the_next() {
    let namespace = Cluster::shared().namespace();
    let slow = deployment("ready", "")
        .replace("annotations = {", "annotations = { \"cluster.test/start-delay\" = \"4s\",");
    let project = project(&namespace, &slow);
    let mut child = project.command(&APPLY).spawn().unwrap();
    namespace.until("deployment/web", "is made", |_| true);
    child.kill().unwrap();
    child.wait().unwrap();
    project.mlo(&APPLY).ends_with(0);
    let live = namespace.get(&["deployment/web"]).unwrap();
    assert_eq!(
        (live["status"]["availableReplicas"].as_i64(), live["metadata"]["generation"].as_i64()),
        (Some(2), Some(1))
    );
    is_settled(&project);
}

#[test]
fn an_object_that_is_there_is_imported_and_read_as_data() {
    let namespace = Cluster::shared().namespace();
    namespace.kubectl(&["create", "configmap", "c", "--from-literal=a=1"]);
    let map = "resource \"kubernetes_object\" \"c\" {\n  manifest = { apiVersion = \"v1\", kind = \"ConfigMap\", metadata = { name = \"c\" }, data = { a = \"1\" } }\n}\n";
    let data = "data \"kubernetes_object\" \"c\" {\n  api_version = \"v1\"\n  kind = \"ConfigMap\"\n  name = \"c\"\n}\noutput \"a\" { value = data.kubernetes_object.c.object.data.a }\n";
    let project = project(&namespace, &format!("{map}{data}"));
    project.mlo(&APPLY).ends_with(1).has(&[
        "ConfigMap",
        "is there already, and was not made here",
        "mlo import",
    ]);
    let id = format!("v1/ConfigMap/{}/c", namespace.name);
    project.ok(&["import", "kubernetes_object.c", &id]);
    project.mlo(&APPLY).ends_with(0);
    assert_eq!(project.ok(&["output", "--raw", "a"]).out.trim(), "1");
    is_settled(&project);
}
