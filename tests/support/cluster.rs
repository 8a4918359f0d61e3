//! A Kubernetes cluster whose control plane is real and whose nodes are played: the program of `tests/cluster`.
//!
//! All tests of a process share one, each with a namespace of its own; a test that changes nodes or definitions of
//! custom resources starts its own. It ends with the process that started it, however that ends.

use super::tools::obtained;
use super::{Said, fed, repository, said};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a second of a probe's delay and period takes here: pods that are probed every five seconds are ready in one.
const PROBE_SECOND: &str = "100ms";

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// How often is looked at what takes a second or two where there is nothing else to do: for a minute and a half.
const LOOKS_MAX: u32 = 450;

/// A cluster that runs.
pub(crate) struct Cluster {
    child: Child,
    kubeconfig: PathBuf,
    /// `https://127.0.0.1:port` of the API server.
    pub(crate) server: String,
}

impl Cluster {
    /// The one that the tests of this process share; the first to ask starts it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::own(&[]))
    }

    /// One for a test alone, with more arguments of the program.
    pub(crate) fn own(arguments: &[&str]) -> Self {
        let mut command = Command::new(obtained("MLO_TEST_CLUSTER", "cluster-v1.33.13-", "bin/cluster"));
        let runtime = Path::new(env!("CARGO_BIN_EXE_mlo")).with_file_name("mlo-runtime");
        command
            .args(["-second", PROBE_SECOND])
            .arg("-program")
            .arg(format!("mlo-runtime={}", runtime.display()));
        for name in ["PATH", "HOME", "XDG_CACHE_HOME", "MLO_ONNXRUNTIME", "ORT_DYLIB_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.arg("-program-env").arg(format!("{name}={}", value.display()));
            }
        }
        // Its standard input is a pipe of this process: it closes when the process ends, and so does the cluster.
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the cluster did not start ({error}): {line}"));
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { child, kubeconfig: text("kubeconfig").into(), server: text("server") }
    }

    /// A file that lets whoever reads it do everything.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `kubectl` with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(obtained("MLO_TEST_KUBECTL", "cluster-v1.33.13-", "bin/kubectl"));
        command.args(arguments).env_clear().env("KUBECONFIG", &self.kubeconfig).env("HOME", self.home());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Where `kubectl` keeps what it knows of the API.
    fn home(&self) -> &Path {
        self.kubeconfig.parent().unwrap()
    }

    /// Runs `kubectl`, which must succeed.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Said {
        let said = said(&mut self.command(arguments));
        assert_eq!(said.code, 0, "kubectl {}\n{}", arguments.join(" "), said.all());
        said
    }

    /// A namespace of its own for a test.
    pub(crate) fn namespace(&self) -> Namespace<'_> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.kubectl(&["create", "namespace", &name]);
        let namespace = Namespace { cluster: self, name };
        namespace.until("serviceaccount/default", "is there", |_| true);
        namespace
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A namespace of a cluster; it goes with the test.
pub(crate) struct Namespace<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) name: String,
}

impl Namespace<'_> {
    /// `kubectl` in this namespace.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.cluster.command(&[&["--namespace", &self.name], arguments].concat())
    }

    /// Runs `kubectl` in this namespace.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    /// Runs `kubectl` in this namespace, which must succeed.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Said {
        let said = self.try_kubectl(arguments);
        assert_eq!(said.code, 0, "kubectl {}\n{}", arguments.join(" "), said.all());
        said
    }

    /// `kubectl apply --server-side` of YAML.
    #[track_caller]
    pub(crate) fn apply(&self, yaml: &str) {
        fed(&mut self.command(&["apply", "--server-side", "--filename", "-"]), yaml).ends_with(0);
    }

    /// An object, such as `deployment/web`, or the objects of a kind; nothing if it is not there.
    pub(crate) fn get(&self, arguments: &[&str]) -> Option<Value> {
        let said = self.try_kubectl(&[&["get", "--output", "json"], arguments].concat());
        if said.code != 0 && said.err.contains("NotFound") {
            return None;
        }
        said.ends_with(0);
        Some(serde_json::from_str(&said.out).unwrap())
    }

    /// An object, once it is as it should be.
    #[track_caller]
    pub(crate) fn until(&self, object: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = wait(|| self.get(&[object]).filter(&is));
        found.unwrap_or_else(|| {
            let (last, events) = (self.get(&[object]).unwrap_or_default(), self.try_kubectl(&["events"]).out);
            panic!("{object} in {}: not what was waited for ({what})\n{last:#}\n{events}", self.name)
        })
    }

    /// The pods that have a label, such as `app=web`, in the order of their names.
    pub(crate) fn pods(&self, label: &str) -> Vec<Value> {
        let found = self.get(&["pods", "--selector", label]).unwrap();
        found["items"].as_array().unwrap().clone()
    }

    /// A pod that has a label, once one is as it should be.
    #[track_caller]
    pub(crate) fn pod_until(&self, label: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = wait(|| self.pods(label).into_iter().find(&is));
        found.unwrap_or_else(|| panic!("no pod {label} is {what}\n{:#?}", self.pods(label)))
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // Its pods must not go on beside the tests that follow; nobody waits for it.
        let _ = self.cluster.command(&["delete", "namespace", &self.name, "--wait=false"]).output();
    }
}

/// What there is once there is something; nothing if it takes too long.
pub(crate) fn wait<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    (0..LOOKS_MAX).find_map(|_| {
        look().or_else(|| {
            std::thread::sleep(LOOK);
            None
        })
    })
}

/// Whether a condition of an object is true.
pub(crate) fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == condition && one["status"] == "True"))
}

/// Where the program of a pod is reached from this machine: a pod's 10.N.x.y is 127.N.x.y here.
pub(crate) fn url(pod: &Value, port: u16, path: &str) -> String {
    let address = pod["status"]["podIP"].as_str().unwrap();
    format!("http://127.{}:{port}{path}", address.strip_prefix("10.").unwrap())
}

/// The model of the iris example.
pub(crate) fn iris() -> PathBuf {
    repository().join("examples/iris/model/iris.onnx")
}
