//! Every check of the repository, the cheap ones first; the first that fails ends the run.

use std::path::Path;
use std::process::Command;

use crate::cache::Cache;
use crate::command;
use crate::failure::Failure;
use crate::onnxruntime;
use crate::steps::Steps;
use crate::tools;
use crate::workspace::Workspace;

/// What `--full` sets: cases of each property test, where the default is proptest's own 256.
const FULL_CASES: &str = "10000";

/// Runs the checks. `full` raises the counts of the random ones.
pub(crate) fn run(workspace: &Workspace, cache: &Cache, full: bool) -> Result<(), Failure> {
    let cargo = |arguments: &[&str]| command::show(&mut workspace.cargo(arguments));
    let mut steps = Steps::default();

    steps.step("format", || cargo(&["fmt", "--all", "--check"]))?;
    steps.step("lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    })?;
    let deny = steps.step("cargo-deny", || tools::cargo_deny(workspace, cache))?;
    steps.step("dependencies", || {
        let mut command = Command::new(deny);
        command.args(["check", "licenses", "bans", "sources"]);
        command::show(command.current_dir(workspace.root()))
    })?;
    let opa = steps.step("opa", || tools::opa(cache))?;
    steps.step("policies", || {
        command::show(Command::new(&opa).args(["test", "policies"]).current_dir(workspace.root()))
    })?;
    let cases = steps.step("OPA's cases", || tools::opa_cases(cache))?;
    let library = steps.step("ONNX Runtime", || onnxruntime::obtain(workspace, cache))?;
    let versitygw = steps.step("versitygw", || tools::versitygw(cache))?;
    let promtool = steps.step("promtool", || tools::promtool(cache))?;
    let moto = steps.step("moto", || tools::moto(cache))?;
    let triton = steps.step("tritonclient", || tools::python_packages(cache, &tools::TRITON))?;
    let mlserver = steps.step("MLServer", || tools::python_packages(cache, &tools::MLSERVER))?;
    let mlflow = steps.step("MLflow", || tools::python_packages(cache, &tools::MLFLOW))?;
    // Its nodes need the addresses that only Linux gives the loopback interface: elsewhere no test asks for it.
    let cluster = cfg!(target_os = "linux")
        .then(|| steps.step("Kubernetes", || tools::test_cluster(workspace, cache)))
        .transpose()?;
    let mut parts = vec![
        ("MLO_TEST_OPA", &*opa),
        ("MLO_TEST_OPA_CASES", &*cases),
        ("MLO_ONNXRUNTIME", &*library),
        ("MLO_TEST_VERSITYGW", &*versitygw),
        ("MLO_TEST_MOTO", &*moto),
        ("MLO_TEST_PROMTOOL", &*promtool),
        ("MLO_TEST_TRITON_PYTHON", &*triton),
        ("MLO_TEST_MLSERVER_PYTHON", &*mlserver),
        ("MLO_TEST_MLFLOW_PYTHON", &*mlflow),
    ];
    if let Some(built) = &cluster {
        parts.extend([("MLO_TEST_CLUSTER", &*built.cluster), ("MLO_TEST_KUBECTL", &*built.kubectl)]);
    }
    steps.step("tests", || command::show(&mut tests(workspace, &parts, full)))?;

    println!("{}", steps.table());
    Ok(())
}

/// Unit, integration and end-to-end tests in one build. They come last, so that Cargo's own count of them ends the run.
fn tests(workspace: &Workspace, parts: &[(&str, &Path)], full: bool) -> Command {
    let mut command = workspace.cargo(&["test", "--workspace", "--locked"]);
    command.envs(parts.iter().copied());
    if full {
        command.env("MLO_TEST_FULL", "1").env("PROPTEST_CASES", FULL_CASES);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables that the tests get, without those that the process has anyway.
    fn variables(full: bool) -> String {
        let workspace = Workspace::locate().unwrap();
        let command = tests(
            &workspace,
            &[("MLO_TEST_OPA", Path::new("/tools/opa")), ("MLO_ONNXRUNTIME", Path::new("/cache/ort.so"))],
            full,
        );
        let set = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
            Some(format!("{}={}", name.to_str()?, value?.to_str()?))
        };
        command.get_envs().filter_map(set).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_tests_are_told_where_the_real_parts_are() {
        assert_eq!(variables(false), "MLO_ONNXRUNTIME=/cache/ort.so MLO_TEST_OPA=/tools/opa");
    }

    #[test]
    fn full_raises_the_counts() {
        assert!(variables(true).ends_with("MLO_TEST_FULL=1 MLO_TEST_OPA=/tools/opa PROPTEST_CASES=10000"));
    }
}
