//! Requests whose answers are known: a model that gives others is not served.
//!
//! In: a file of lines `{"request":{"instances":…},"response":{"predictions":…}}`, and a model that answers. Out:
//! nothing, or the first line that it fails. Never: a model that is served because its file could not be read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::answer;
use crate::clock;
use crate::model::Served;
use crate::protocol::By;
use crate::request;

/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Time for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// How far numbers may be from those that are known, for every 1 of their size: libraries round differently.
const TOLERANCE: f64 = 1e-4;

/// Why a model fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GoldenError {
    #[error("cannot read the golden requests {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the golden requests {} have nothing in them", path.display())]
    Empty { path: PathBuf },
    #[error("golden request {line}: not `{{\"request\":…,\"response\":…}}`: {source}")]
    Shape { line: usize, source: serde_json::Error },
    #[error("golden request {line}: {reason}")]
    Failed { line: usize, reason: String },
    #[error("golden request {line}: {path} is {got}, and {expected} is known")]
    Other { line: usize, path: String, got: String, expected: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    request: Value,
    response: Value,
}

/// Asks every request of the file and compares what the answers must hold.
pub(crate) fn check(path: &Path, served: &Served) -> Result<usize, GoldenError> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| GoldenError::Read { path: path.to_owned(), source })?;
    let mut count = 0;
    for (index, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = index + 1;
        let Line { request, response } =
            serde_json::from_str(text).map_err(|source| GoldenError::Shape { line, source })?;
        let got = ask(request.to_string().as_bytes(), served)
            .map_err(|reason| GoldenError::Failed { line, reason })?;
        if let Some((path, got, expected)) = difference("response", &response, &got) {
            return Err(GoldenError::Other { line, path, got, expected });
        }
        count += 1;
    }
    if count == 0 { Err(GoldenError::Empty { path: path.to_owned() }) } else { Ok(count) }
}

fn ask(body: &[u8], served: &Served) -> Result<Value, String> {
    let (form, inputs) = request::rows(body, &served.taking).map_err(|error| error.to_string())?;
    let deadline = clock::instant() + ANSWER_TIME_MAX;
    let answer = served.queue.submit(inputs, deadline, served.queue.arriving(), None);
    let answer = answer.map_err(|refused| format!("the queue refuses it: {refused:?}"))?;
    let done = answer.blocking_recv().map_err(|_| "the model has stopped".to_owned())?;
    let done = done.map_err(|failure| format!("{failure:?}"))?;
    let by = By { model_name: "", model_version: None, request_id: "" };
    let body = answer::predictions(form, &done, served.reading, &served.outputs, &served.names, &by);
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

/// Where an answer does not hold what is expected of it; what else it holds does not matter.
fn difference(path: &str, expected: &Value, got: &Value) -> Option<(String, String, String)> {
    let differ = || Some((path.to_owned(), got.to_string(), expected.to_string()));
    match (expected, got) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            if (a - b).abs() <= TOLERANCE * (1.0 + a.abs()) { None } else { differ() }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| difference(&format!("{path}[{index}]"), a, b))
        }
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(key, a)| {
            let place = format!("{path}.{key}");
            difference(&place, a, b.get(key).unwrap_or(&Value::Null))
        }),
        (a, b) if a == b => None,
        _ => differ(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_must_hold_what_is_known_and_may_hold_more() {
        let got = json!({"predictions": [{"prediction": 1, "confidence": 0.920_01}], "request_id": "x"});
        let rows = [
            (json!({"predictions": [{"prediction": 1}]}), None),
            (json!({"predictions": [{"confidence": 0.92}]}), None),
            (json!({"predictions": [{"confidence": 0.93}]}), Some("response.predictions[0].confidence")),
            (json!({"predictions": []}), Some("response.predictions")),
            (json!({"predictions": [{"label": "a"}]}), Some("response.predictions[0].label")),
            (json!({"predictions": [{"prediction": "1"}]}), Some("response.predictions[0].prediction")),
        ];
        for (expected, path) in rows {
            let found = difference("response", &expected, &got).map(|(path, ..)| path);
            assert_eq!(found.as_deref(), path, "{expected}");
        }
    }
}
