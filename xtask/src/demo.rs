//! `examples/iris`, from its manifest to a prediction, by the same commands that a user types.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::cache::Cache;
use crate::command;
use crate::failure::Failure;
use crate::http;
use crate::onnxruntime;
use crate::steps::Steps;
use crate::workspace::{Profile, Workspace};

const EXAMPLE: &str = "examples/iris";
const MODEL: &str = "iris";

/// The first flower of the data: sepal length and width, petal length and width, in cm.
const FLOWER: [f64; 4] = [5.1, 3.5, 1.4, 0.2];

/// The class of [`FLOWER`]: setosa.
const CLASS: i64 = 0;

/// Where the model answers.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint {
    /// `http://127.0.0.1:PORT`
    url: String,
    /// `http://127.0.0.1:PORT/predict`
    predict: String,
}

/// Runs the demo. Running it again changes nothing.
pub(crate) fn run(workspace: &Workspace, cache: &Cache) -> Result<(), Failure> {
    let mut steps = Steps::default();
    let mlo = steps.step("build", || workspace.build(&["mlo", "mlo-runtime"], Profile::Dev))?;
    // The server finds the library in the cache by itself, here as for every later command of the user.
    steps.step("ONNX Runtime", || {
        println!("    {}", onnxruntime::obtain(workspace, cache)?.display());
        Ok(())
    })?;

    let mlo_with = |arguments: &[&str]| {
        let mut command = Command::new(&mlo);
        command.args(arguments).current_dir(workspace.root());
        command
    };
    steps.step("mlo validate", || command::show(&mut mlo_with(&["validate", EXAMPLE])))?;
    steps.step("mlo plan", || command::show(&mut mlo_with(&["plan", EXAMPLE])))?;
    steps.step("mlo apply", || command::show(&mut mlo_with(&["apply", EXAMPLE, "--auto-approve"])))?;
    let endpoint = steps.step("mlo output", || {
        let mut command = mlo_with(&["output", "--json"]);
        endpoint(&command::read(command.current_dir(workspace.root().join(EXAMPLE)))?, MODEL)
    })?;
    steps.step("prediction", || predict(&endpoint))?;

    println!("Times:\n{}", steps.table());
    println!("{}", farewell(workspace.root(), &mlo, &endpoint));
    Ok(())
}

/// Where `model` answers, from the outputs: `endpoints` is a map from the model's name to its addresses.
fn endpoint(outputs: &str, model: &str) -> Result<Endpoint, Failure> {
    let bad = |what: &str| Failure::new(format!("`mlo output --json` {what}:\n    {}", outputs.trim_end()));
    let outputs: Value =
        serde_json::from_str(outputs).map_err(|error| bad(&format!("is not JSON ({error})")))?;
    let endpoints = output(&outputs, "endpoints").ok_or_else(|| bad("has no `endpoints`"))?;
    let of_model = endpoints.get(model).ok_or_else(|| bad(&format!("has no `endpoints` of {model}")))?;
    let address = |name: &str| {
        of_model
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| bad(&format!("has no `{name}`")))
    };
    Ok(Endpoint { url: address("url")?, predict: address("predict")? })
}

/// One output's value: outputs may lie under `outputs`, and each may be wrapped with its type as `value`.
fn output<'a>(outputs: &'a Value, name: &str) -> Option<&'a Value> {
    let output = outputs.get("outputs").unwrap_or(outputs).get(name)?;
    Some(output.get("value").unwrap_or(output))
}

fn predict(endpoint: &Endpoint) -> Result<(), Failure> {
    let question = json!({ "instances": [FLOWER] }).to_string();
    println!("    POST {} {question}", endpoint.predict);
    let answer = http::post(&endpoint.predict, &question)?;
    println!("    {}", answer.trim_end());
    let class = serde_json::from_str::<Value>(&answer)
        .ok()
        .and_then(|answer| answer.pointer("/predictions/0/prediction").and_then(Value::as_i64));
    match class {
        Some(CLASS) => Ok(()),
        Some(other) => {
            Err(Failure::new(format!("class {other} was predicted for a flower of class {CLASS}")))
        }
        None => Err(Failure::new("the answer has no `predictions[0].prediction`")),
    }
}

/// The server's address, and what to try next.
fn farewell(root: &Path, mlo: &Path, endpoint: &Endpoint) -> String {
    let mlo = mlo.strip_prefix(root).unwrap_or(mlo).display();
    format!(
        "{MODEL} answers at {url}

Try next:
  curl -s {predict} -H 'content-type: application/json' -d '{question}'
  {mlo} plan {EXAMPLE}      # no changes
  edit `version` in {EXAMPLE}/{MODEL}.yaml, then
  {mlo} plan {EXAMPLE}      # what changes, and why
  {mlo} destroy {EXAMPLE}   # stops the server",
        url = endpoint.url,
        predict = endpoint.predict,
        question = json!({ "instances": [FLOWER] }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_read_from_outputs_with_and_without_wrapping() {
        let iris = json!({ "url": "http://127.0.0.1:8080", "predict": "http://127.0.0.1:8080/predict" });
        let plain = json!({ "endpoints": { "iris": iris } });
        let typed = json!({ "endpoints": { "value": { "iris": iris }, "type": "map(object)" } });
        let named = json!({ "format_version": "1.0", "outputs": typed });
        let expected = Endpoint {
            url: "http://127.0.0.1:8080".to_owned(),
            predict: "http://127.0.0.1:8080/predict".to_owned(),
        };
        for outputs in [plain, typed, named] {
            assert_eq!(endpoint(&outputs.to_string(), "iris").unwrap(), expected, "{outputs}");
        }
    }

    #[test]
    fn outputs_without_the_model_are_shown_in_the_failure() {
        let text = endpoint(r#"{"endpoints":{"fraud":{}}}"#, "iris").unwrap_err().to_string();
        assert!(text.contains("no `endpoints` of iris"), "{text}");
        assert!(text.contains("fraud"), "{text}");
    }

    #[test]
    fn the_farewell_has_the_address_and_a_line_to_copy() {
        let endpoint = Endpoint {
            url: "http://127.0.0.1:9".to_owned(),
            predict: "http://127.0.0.1:9/predict".to_owned(),
        };
        let text = farewell(Path::new("/src/mlo"), Path::new("/src/mlo/target/debug/mlo"), &endpoint);
        assert!(text.starts_with("iris answers at http://127.0.0.1:9\n"), "{text}");
        assert!(text.contains(
            "curl -s http://127.0.0.1:9/predict -H 'content-type: application/json' \
             -d '{\"instances\":[[5.1,3.5,1.4,0.2]]}'"
        ));
        assert!(text.contains("  target/debug/mlo destroy examples/iris"));
    }
}
