//! The shapes that leave the server as JSON.
//!
//! In: answers, problems, and what is known of the model. Out: bodies. Never: a decision, a path, another program's
//! words.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::queue::Done;
use crate::session::{Answer, Floats, Labels, Scores};
use crate::tensor::{Form, InputError, Problem};

/// What went wrong, for programs. The texts are the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    ModelNotLoaded,
    Validation,
    PayloadTooLarge,
    UnsupportedEncoding,
    RequestTimeout,
    Overloaded,
    PredictionTimeout,
    Prediction,
    NotFound,
    MethodNotAllowed,
    Internal,
}

impl Code {
    /// `MODEL_NOT_LOADED` and its kin.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Code::ModelNotLoaded => "MODEL_NOT_LOADED",
            Code::Validation => "VALIDATION_ERROR",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::UnsupportedEncoding => "UNSUPPORTED_ENCODING",
            Code::RequestTimeout => "REQUEST_TIMEOUT",
            Code::Overloaded => "OVERLOADED",
            Code::PredictionTimeout => "PREDICTION_TIMEOUT",
            Code::Prediction => "PREDICTION_ERROR",
            Code::NotFound => "NOT_FOUND",
            Code::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Code::Internal => "INTERNAL_ERROR",
        }
    }

    /// The HTTP status that goes with it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Code::ModelNotLoaded | Code::Overloaded => 503,
            Code::Validation => 422,
            Code::PayloadTooLarge => 413,
            Code::UnsupportedEncoding => 415,
            Code::RequestTimeout => 408,
            Code::PredictionTimeout => 504,
            Code::Prediction | Code::Internal => 500,
            Code::NotFound => 404,
            Code::MethodNotAllowed => 405,
        }
    }

    /// The reason in `ml_prediction_errors_total`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Code::ModelNotLoaded => "model_not_loaded",
            Code::Validation | Code::PayloadTooLarge | Code::UnsupportedEncoding => "validation",
            Code::RequestTimeout | Code::PredictionTimeout => "timeout",
            Code::Overloaded => "overloaded",
            Code::Prediction => "prediction",
            Code::NotFound | Code::MethodNotAllowed => "routing",
            Code::Internal => "internal",
        }
    }
}

/// A refusal, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// An object for programs, or null.
    pub(crate) details: Value,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Value::Null }
    }

    /// `{"error_code","message","details","request_id","timestamp"}`
    pub(crate) fn body(&self, request_id: &str) -> Value {
        json!({
            "error_code": self.code.text(),
            "message": self.message,
            "details": self.details,
            "request_id": request_id,
            "timestamp": clock::rfc3339(clock::now()),
        })
    }
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        let details = match &error {
            InputError::Malformed { line, column } => {
                json!({"problem": "malformed", "line": line, "column": column})
            }
            InputError::Value { path, problem: problem @ Problem::Width { expected, got } } => {
                json!({"path": path, "problem": problem.code(), "expected": expected, "got": got})
            }
            InputError::Value { path, problem } => json!({"path": path, "problem": problem.code()}),
        };
        Self { code: Code::Validation, message: error.to_string(), details }
    }
}

/// What every prediction says about its model.
#[derive(Clone, Copy)]
pub(crate) struct Signature<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) model_version: Option<&'a str>,
    pub(crate) request_id: &'a str,
}

/// One number as wide as the model gave it. What is not finite becomes null, for JSON has no word for it.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Figure {
    Single(f32),
    Double(f64),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Figures<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

/// What a model decided for one row.
#[derive(Serialize)]
#[serde(untagged)]
enum Decision<'a> {
    Number(i64),
    Text(&'a str),
    Figure(Figure),
    Figures(Figures<'a>),
}

#[derive(Serialize)]
struct Prediction<'a> {
    #[serde(rename = "prediction")]
    decision: Decision<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probabilities: Option<Figures<'a>>,
}

#[derive(Serialize)]
struct Predictions<'a> {
    #[serde(rename = "predictions")]
    rows: Vec<Prediction<'a>>,
    model_name: &'a str,
    model_version: Option<&'a str>,
    inference_time_ms: f64,
    request_id: &'a str,
}

#[derive(Serialize)]
struct OnePrediction<'a> {
    #[serde(flatten)]
    prediction: Prediction<'a>,
    model_name: &'a str,
    model_version: Option<&'a str>,
    inference_time_ms: f64,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Decisions<'a> {
    predictions: Vec<Decision<'a>>,
}

/// The answer to `/predict`, in the form that the request had.
///
/// - `names`: the operator's class names, or none.
/// - `{"instances":…}`: `{"predictions":[{"prediction","label"?,"confidence"?,"probabilities"?}],…}`.
/// - one-dimensional `features`: the same for that row, at the top.
/// - two-dimensional `features`: `{"predictions":[…]}`, only what was decided.
///
/// `prediction` is the model's own class; else, where scores have classes (by `names` or by the model's maps), the
/// class with the highest score, the first of equals; else the number itself, or the row of numbers.
pub(crate) fn predictions(form: Form, done: &Done, names: &[String], by: Signature<'_>) -> Vec<u8> {
    let answer = &done.answer;
    let rows = match (&answer.labels, &answer.scores) {
        (Some(labels), _) => labels.len(),
        (None, Some(scores)) => scores.len() / scores.columns,
        (None, None) => 0,
    };
    let mut predictions = (0..rows).filter_map(|row| prediction(answer, names, row));
    let Signature { model_name, model_version, request_id } = by;
    let inference_time_ms = (done.took.as_secs_f64() * 1e6).round() / 1e3;
    let written = match form {
        Form::Instances => serde_json::to_vec(&Predictions {
            rows: predictions.collect(),
            model_name,
            model_version,
            inference_time_ms,
            request_id,
        }),
        Form::FeatureRows => serde_json::to_vec(&Decisions {
            predictions: predictions.map(|prediction| prediction.decision).collect(),
        }),
        Form::FeatureRow => serde_json::to_vec(&predictions.next().map(|prediction| OnePrediction {
            prediction,
            model_name,
            model_version,
            inference_time_ms,
            request_id,
        })),
    };
    written.expect("numbers and texts are always JSON")
}

fn prediction<'a>(answer: &'a Answer, names: &'a [String], row: usize) -> Option<Prediction<'a>> {
    let figures = match &answer.scores {
        Some(scores) => Some(scores.row(row)?),
        None => None,
    };
    let by_class = answer.labels.is_some() || answer.classes.is_some() || !names.is_empty();
    if !by_class {
        let decision = match figures? {
            Figures::Single([one]) => Decision::Figure(Figure::Single(*one)),
            Figures::Double([one]) => Decision::Figure(Figure::Double(*one)),
            several => Decision::Figures(several),
        };
        return Some(Prediction { decision, label: None, confidence: None, probabilities: None });
    }
    let best = figures.as_ref().and_then(Figures::highest);
    let (index, confidence) = best.unzip();
    let decision = match (&answer.labels, &answer.classes) {
        (Some(labels), _) => labels.at(row)?,
        (None, Some(classes)) => classes.at(index?)?,
        (None, None) => Decision::Number(i64::try_from(index?).ok()?),
    };
    let label = index.and_then(|index| names.get(index)).map(String::as_str);
    Some(Prediction { decision, label, confidence, probabilities: figures })
}

impl Scores {
    fn len(&self) -> usize {
        match &self.values {
            Floats::Single(values) => values.len(),
            Floats::Double(values) => values.len(),
        }
    }

    fn row(&self, row: usize) -> Option<Figures<'_>> {
        let range = row * self.columns..(row + 1) * self.columns;
        match &self.values {
            Floats::Single(values) => values.get(range).map(Figures::Single),
            Floats::Double(values) => values.get(range).map(Figures::Double),
        }
    }
}

impl Figures<'_> {
    /// The place of the highest number and the number; what is not a number is passed over.
    fn highest(&self) -> Option<(usize, Figure)> {
        fn place<T: PartialOrd + Copy>(values: &[T]) -> Option<(usize, T)> {
            let mut best: Option<(usize, T)> = None;
            for (index, value) in values.iter().copied().enumerate() {
                #[expect(clippy::eq_op, reason = "only what is not a number differs from itself")]
                let is_number = value == value;
                if is_number && best.is_none_or(|(_, highest)| value > highest) {
                    best = Some((index, value));
                }
            }
            best
        }
        match self {
            Figures::Single(values) => place(values).map(|(index, value)| (index, Figure::Single(value))),
            Figures::Double(values) => place(values).map(|(index, value)| (index, Figure::Double(value))),
        }
    }
}

impl Labels {
    fn at(&self, index: usize) -> Option<Decision<'_>> {
        match self {
            Labels::Numbers(labels) => labels.get(index).copied().map(Decision::Number),
            Labels::Texts(labels) => labels.get(index).map(|label| Decision::Text(label)),
        }
    }

    fn values(&self) -> Value {
        match self {
            Labels::Numbers(labels) => json!(labels),
            Labels::Texts(labels) => json!(labels),
        }
    }
}

/// What `/model/info` says beside what the operator configured.
pub(crate) fn model_facts(served: &crate::model::Served) -> Value {
    let classes = served.classes.as_ref().map(Labels::values);
    json!({
        "digest": served.facts.digest,
        "size_bytes": served.facts.size_bytes,
        "inputs": served.facts.inputs,
        "outputs": served.facts.outputs,
        "input_features": served.want.columns,
        "classes": if served.names.is_empty() { classes } else { Some(json!(served.names)) },
        "opset": served.facts.opsets,
        "ir_version": served.facts.ir_version,
        "producer": format!("{} {}", served.facts.producer_name, served.facts.producer_version).trim(),
        "metadata": served.facts.metadata,
        "parameters": served.facts.parameters,
        "nodes": served.facts.nodes,
        "loaded_at": clock::rfc3339(served.loaded_at),
        "device": "cpu",
        "execution_provider": "CPUExecutionProvider",
    })
}

/// Adds the entries of one object to another.
pub(crate) fn merged(mut whole: Value, more: Value) -> Value {
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    whole
}

/// The operator's figures as an object.
pub(crate) fn figures(metrics: &BTreeMap<String, f64>) -> Value {
    json!(metrics)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BY: Signature<'_> = Signature { model_name: "m", model_version: None, request_id: "r" };

    fn written(form: Form, answer: Answer, names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let done = Done { answer, took: Duration::from_micros(1500) };
        String::from_utf8(predictions(form, &done, &names, BY)).unwrap()
    }

    fn scores(columns: usize, values: &[f32]) -> Scores {
        Scores { columns, values: Floats::Single(values.to_vec()) }
    }

    #[test]
    fn each_kind_of_answer_has_its_shape() {
        let labels = Some(Labels::Numbers(vec![1]));
        let words = Some(Labels::Texts(vec!["eggs".to_owned(), "ham".to_owned()]));
        let rows: Vec<(&str, Answer, &[&str], &str)> = vec![
            (
                "classes and probabilities",
                Answer { labels: labels.clone(), scores: Some(scores(2, &[0.08, 0.92])), classes: None },
                &[],
                r#"{"prediction":1,"confidence":0.92,"probabilities":[0.08,0.92]}"#,
            ),
            (
                "with the operator's names",
                Answer { labels: labels.clone(), scores: Some(scores(2, &[0.08, 0.92])), classes: None },
                &["no", "yes"],
                r#"{"prediction":1,"label":"yes","confidence":0.92,"probabilities":[0.08,0.92]}"#,
            ),
            ("classes alone", Answer { labels, ..Answer::default() }, &[], r#"{"prediction":1}"#),
            (
                "scores of the model's own classes",
                Answer { scores: Some(scores(2, &[0.75, 0.25])), classes: words, ..Answer::default() },
                &[],
                r#"{"prediction":"eggs","confidence":0.75,"probabilities":[0.75,0.25]}"#,
            ),
            (
                "scores of the operator's classes; the first of equals",
                Answer { scores: Some(scores(2, &[0.5, 0.5])), ..Answer::default() },
                &["no", "yes"],
                r#"{"prediction":0,"label":"no","confidence":0.5,"probabilities":[0.5,0.5]}"#,
            ),
            (
                "a number",
                Answer { scores: Some(scores(1, &[2.5])), ..Answer::default() },
                &[],
                r#"{"prediction":2.5}"#,
            ),
            (
                "numbers, one of them none",
                Answer { scores: Some(scores(2, &[2.5, f32::NAN])), ..Answer::default() },
                &[],
                r#"{"prediction":[2.5,null]}"#,
            ),
            (
                "a score that is none is never the highest",
                Answer { scores: Some(scores(2, &[f32::NAN, 0.5])), ..Answer::default() },
                &["no", "yes"],
                r#"{"prediction":1,"label":"yes","confidence":0.5,"probabilities":[null,0.5]}"#,
            ),
        ];
        for (what, answer, names, expected) in rows {
            let whole = format!(
                r#"{{"predictions":[{expected}],"model_name":"m","model_version":null,"inference_time_ms":1.5,"request_id":"r"}}"#
            );
            assert_eq!(written(Form::Instances, answer, names), whole, "{what}");
        }
    }

    #[test]
    fn features_are_answered_in_their_own_forms() {
        let answer = || Answer {
            labels: Some(Labels::Numbers(vec![1, 0])),
            scores: Some(scores(2, &[0.25, 0.75, 0.75, 0.25])),
            classes: None,
        };
        assert_eq!(written(Form::FeatureRows, answer(), &[]), r#"{"predictions":[1,0]}"#);
        assert_eq!(
            written(Form::FeatureRow, answer(), &[]),
            r#"{"prediction":1,"confidence":0.75,"probabilities":[0.25,0.75],"model_name":"m","model_version":null,"inference_time_ms":1.5,"request_id":"r"}"#
        );
    }
}
