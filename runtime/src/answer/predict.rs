//! The answer to `/predict`: what was decided for each row.

use std::ops::Range;

use super::{Labels, Outputs, json, write_element, write_elements, write_nested};
use crate::batch::Done;
use crate::protocol::By;
use crate::request::{Form, Port};
use crate::tensor::{Data, Element, Tensor};

/// Which outputs mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    /// The output with one class a row, if there is one.
    label: Option<usize>,
    /// The output with a score for each class, or numbers.
    scores: Option<usize>,
}

impl Reading {
    /// Tells classes from scores by type: classes are integers or texts, one a row; scores are floating point. A
    /// model with other outputs than at most one of each is not a classifier: neither is there then.
    pub(crate) fn of(outputs: &[Port]) -> Self {
        let mut reading = Reading::default();
        for (index, output) in outputs.iter().enumerate() {
            let one_a_row = matches!(output.dims.as_slice(), [] | [_] | [_, Some(1)]);
            let place = match output.element {
                Element::Float | Element::Double if output.dims.len() <= 2 => &mut reading.scores,
                Element::Text | Element::Int64 | Element::Int32 if one_a_row => &mut reading.label,
                _ => return Reading::default(),
            };
            if place.is_some() {
                return Reading::default();
            }
            *place = Some(index);
        }
        reading
    }

    /// The output with a class for each row.
    pub(crate) fn labels<'o>(&self, outputs: &'o Outputs) -> Option<&'o Tensor> {
        self.label.and_then(|index| outputs.tensors.get(index))
    }

    /// The output with scores.
    pub(crate) fn scores<'o>(&self, outputs: &'o Outputs) -> Option<&'o Tensor> {
        self.scores.and_then(|index| outputs.tensors.get(index))
    }
}

/// What the writing of one answer needs to know.
struct Writing<'a> {
    outputs: &'a Outputs,
    ports: &'a [Port],
    labels: Option<&'a Tensor>,
    scores: Option<&'a Tensor>,
    names: &'a [String],
    /// Whether what is decided is a class.
    by_class: bool,
}

/// The answer to `/predict`, in the form that the request had.
///
/// - `names`: the operator's class names, or none.
/// - `{"instances":…}`: `{"predictions":[{"prediction","label"?,"confidence"?,"probabilities"?}],…}`.
/// - one row in `features`: the same for that row, at the top.
/// - rows in `features`: `{"predictions":[…]}`, only what was decided.
///
/// `prediction` is the model's own class; else, where scores have classes (by `names` or by the model's maps), the
/// class with the highest score, the first of equals; else the number itself, or the row of numbers; of a model with
/// other outputs an object with the row of each.
pub(crate) fn predictions(
    form: Form,
    done: &Done,
    reading: Reading,
    ports: &[Port],
    names: &[String],
    by: &By<'_>,
) -> Vec<u8> {
    let (labels, scores) = (reading.labels(&done.outputs), reading.scores(&done.outputs));
    let by_class = labels.is_some() || done.outputs.classes.is_some() || !names.is_empty();
    let writing = Writing { outputs: &done.outputs, ports, labels, scores, names, by_class };
    let mut out = Vec::with_capacity(256);
    match form {
        Form::Instances => {
            out.extend(b"{\"predictions\":[");
            each(done.rows.clone(), &mut out, |row, out| {
                out.push(b'{');
                writing.prediction(row, out);
                out.push(b'}');
            });
            out.push(b']');
            signature(done, by, &mut out);
        }
        Form::FeatureRows => {
            out.extend(b"{\"predictions\":[");
            each(done.rows.clone(), &mut out, |row, out| writing.decision(row, out));
            out.extend(b"]}");
        }
        Form::FeatureRow => {
            out.push(b'{');
            writing.prediction(done.rows.start, &mut out);
            signature(done, by, &mut out);
        }
    }
    out
}

/// What every prediction says about its model.
fn signature(done: &Done, by: &By<'_>, out: &mut Vec<u8>) {
    out.extend(b",\"model_name\":");
    json(by.model_name, out);
    out.extend(b",\"model_version\":");
    json(&by.model_version, out);
    out.extend(b",\"inference_time_ms\":");
    json(&((done.took.as_secs_f64() * 1e6).round() / 1e3), out);
    out.extend(b",\"request_id\":");
    json(by.request_id, out);
    out.push(b'}');
}

impl Writing<'_> {
    /// The entries of one row's object.
    fn prediction(&self, row: usize, out: &mut Vec<u8>) {
        out.extend(b"\"prediction\":");
        self.decision(row, out);
        let Some((scores, best)) = self.best(row) else { return };
        let Some(best) = best else { return probabilities(scores, row, out) };
        if let Some(name) = self.names.get(best) {
            out.extend(b",\"label\":");
            json(name, out);
        }
        out.extend(b",\"confidence\":");
        write_element(scores.data(), row * scores.row_len() + best, out);
        probabilities(scores, row, out);
    }

    /// The scores of a classification, and the place of the highest.
    fn best(&self, row: usize) -> Option<(&Tensor, Option<usize>)> {
        let scores = self.scores.filter(|_| self.by_class)?;
        let width = scores.row_len();
        let range = row * width..(row + 1) * width;
        let best = match scores.data() {
            Data::Float(values) => highest(values.get(range)?),
            Data::Double(values) => highest(values.get(range)?),
            _ => None,
        };
        Some((scores, best))
    }

    fn decision(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(labels) = self.labels {
            return write_element(labels.data(), row, out);
        }
        if let Some((_, best)) = self.best(row) {
            return match (best, &self.outputs.classes) {
                (Some(best), Some(Labels::Numbers(classes))) => json(&classes.get(best), out),
                (Some(best), Some(Labels::Texts(classes))) => json(&classes.get(best), out),
                (best, _) => json(&best, out),
            };
        }
        match self.outputs.tensors.as_slice() {
            [only] => write_row(only, row, out),
            several => {
                out.push(b'{');
                for (index, (tensor, port)) in several.iter().zip(self.ports).enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    json(&port.name, out);
                    out.push(b':');
                    write_row(tensor, row, out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Writes each row, with commas between them.
fn each(rows: Range<usize>, out: &mut Vec<u8>, write: impl Fn(usize, &mut Vec<u8>)) {
    let first = rows.start;
    for row in rows {
        if row > first {
            out.push(b',');
        }
        write(row, out);
    }
}

fn probabilities(scores: &Tensor, row: usize, out: &mut Vec<u8>) {
    let width = scores.row_len();
    out.extend(b",\"probabilities\":[");
    write_elements(scores.data(), row * width..(row + 1) * width, out);
    out.push(b']');
}

/// One row: a lone value by itself.
fn write_row(tensor: &Tensor, row: usize, out: &mut Vec<u8>) {
    let width = tensor.row_len();
    match tensor.row_shape() {
        [1] => write_element(tensor.data(), row, out),
        shape => write_nested(tensor.data(), shape, row * width, out),
    }
}

/// The place of the highest number; what is not a number is passed over.
fn highest<T: PartialOrd + Copy>(values: &[T]) -> Option<usize> {
    let mut best: Option<(usize, T)> = None;
    for (index, value) in values.iter().copied().enumerate() {
        #[expect(clippy::eq_op, reason = "only what is not a number differs from itself")]
        let is_number = value == value;
        if is_number && best.is_none_or(|(_, highest)| value > highest) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    const BY: By<'_> = By { model_name: "m", model_version: None, request_id: "r" };

    fn port(name: &str, element: Element, dims: &[Option<usize>]) -> Port {
        Port { name: name.to_owned(), element, dims: dims.to_vec() }
    }

    fn written(form: Form, tensors: Vec<Tensor>, classes: Option<Labels>, names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let ports: Vec<Port> = tensors
            .iter()
            .enumerate()
            .map(|(index, tensor)| {
                let dims: Vec<_> = tensor.shape().iter().map(|length| Some(*length)).collect();
                port(["Y", "Z"][index], tensor.data().element(), &dims)
            })
            .collect();
        let rows = 0..tensors[0].rows();
        let outputs = Arc::new(Outputs { tensors, classes });
        let took = Duration::from_micros(1500);
        let done = Done { outputs, rows, alone: true, took, waited: Duration::ZERO, batch_rows: 1 };
        let reading = Reading::of(&ports);
        String::from_utf8(predictions(form, &done, reading, &ports, &names, &BY)).unwrap()
    }

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::new(shape.to_vec(), Data::Float(values.to_vec())).unwrap()
    }

    fn labels(values: &[i64]) -> Tensor {
        Tensor::new(vec![values.len()], Data::Int64(values.to_vec())).unwrap()
    }

    /// What it is, the outputs, the classes of maps, the operator's names, and the one row that is written.
    type Kind<'a> = (&'a str, Vec<Tensor>, Option<Labels>, &'a [&'a str], &'a str);

    #[test]
    fn each_kind_of_answer_has_its_shape() {
        let words = || Some(Labels::Texts(vec!["eggs".to_owned(), "ham".to_owned()]));
        let rows: Vec<Kind<'_>> = vec![
            (
                "classes and probabilities",
                vec![labels(&[1]), floats(&[1, 2], &[0.08, 0.92])],
                None,
                &[],
                r#"{"prediction":1,"confidence":0.92,"probabilities":[0.08,0.92]}"#,
            ),
            (
                "with the operator's names",
                vec![labels(&[1]), floats(&[1, 2], &[0.08, 0.92])],
                None,
                &["no", "yes"],
                r#"{"prediction":1,"label":"yes","confidence":0.92,"probabilities":[0.08,0.92]}"#,
            ),
            ("classes alone", vec![labels(&[1])], None, &[], r#"{"prediction":1}"#),
            (
                "scores of the model's own classes",
                vec![floats(&[1, 2], &[0.75, 0.25])],
                words(),
                &[],
                r#"{"prediction":"eggs","confidence":0.75,"probabilities":[0.75,0.25]}"#,
            ),
            (
                "scores of the operator's classes; the first of equals",
                vec![floats(&[1, 2], &[0.5, 0.5])],
                None,
                &["no", "yes"],
                r#"{"prediction":0,"label":"no","confidence":0.5,"probabilities":[0.5,0.5]}"#,
            ),
            ("a number", vec![floats(&[1, 1], &[2.5])], None, &[], r#"{"prediction":2.5}"#),
            (
                "numbers, one of them none",
                vec![floats(&[1, 2], &[2.5, f32::NAN])],
                None,
                &[],
                r#"{"prediction":[2.5,null]}"#,
            ),
            (
                "a score that is none is never the highest",
                vec![floats(&[1, 2], &[f32::NAN, 0.5])],
                None,
                &["no", "yes"],
                r#"{"prediction":1,"label":"yes","confidence":0.5,"probabilities":[null,0.5]}"#,
            ),
            (
                "deeper rows",
                vec![floats(&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0])],
                None,
                &[],
                r#"{"prediction":[[1.0,2.0],[3.0,4.0]]}"#,
            ),
            (
                "outputs of any kind, by their names",
                vec![
                    floats(&[1, 1, 1], &[1.0]),
                    Tensor::new(vec![1, 2], Data::Bool(vec![true, false])).unwrap(),
                ],
                None,
                &[],
                r#"{"prediction":{"Y":[[1.0]],"Z":[true,false]}}"#,
            ),
        ];
        for (what, tensors, classes, names, expected) in rows {
            let whole = format!(
                r#"{{"predictions":[{expected}],"model_name":"m","model_version":null,"inference_time_ms":1.5,"request_id":"r"}}"#
            );
            assert_eq!(written(Form::Instances, tensors, classes, names), whole, "{what}");
        }
    }

    #[test]
    fn features_are_answered_in_their_own_forms() {
        let tensors = || vec![labels(&[1, 0]), floats(&[2, 2], &[0.25, 0.75, 0.75, 0.25])];
        assert_eq!(written(Form::FeatureRows, tensors(), None, &[]), r#"{"predictions":[1,0]}"#);
        assert_eq!(
            written(Form::FeatureRow, tensors(), None, &[]),
            r#"{"prediction":1,"confidence":0.75,"probabilities":[0.25,0.75],"model_name":"m","model_version":null,"inference_time_ms":1.5,"request_id":"r"}"#
        );
    }
}
