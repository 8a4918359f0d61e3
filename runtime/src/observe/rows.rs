//! Inputs and answers as rows of named values.

use super::Observation;
use crate::answer::{Labels, Outputs};
use crate::request::Port;
use crate::tensor::{Data, Element, Tensor};

/// The rows of one request. Inputs with more than one value in a row that have no columns are left out.
pub(super) struct Rows {
    /// Names of the columns, in order.
    pub(super) columns: Vec<String>,
    /// Whether the names are the model's or the operator's own, not made up from their places.
    pub(super) named: bool,
    pub(super) count: usize,
    /// For each column where its values are.
    places: Vec<Place>,
    tensors: Vec<Tensor>,
    /// What was decided in each row, as text.
    pub(super) decisions: Vec<String>,
}

/// Where the values of a column are: the tensor, and the place in its rows.
#[derive(Clone, Copy)]
struct Place {
    tensor: usize,
    offset: usize,
    width: usize,
}

/// One value of a row.
pub(super) enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

impl Rows {
    pub(super) fn of(observation: &Observation) -> Self {
        let taking = &observation.served.taking;
        let (mut columns, mut places) = (Vec::new(), Vec::new());
        let mut named = true;
        for (index, (port, tensor)) in taking.inputs.iter().zip(&observation.inputs).enumerate() {
            let width = tensor.row_len();
            let single = taking.inputs.len() == 1;
            for offset in 0..width {
                let own = taking.columns.get(offset).filter(|_| single);
                named &= own.is_some() || !single;
                columns.push(own.cloned().unwrap_or_else(|| made_up(port, single, width, offset)));
                places.push(Place { tensor: index, offset, width });
            }
        }
        let count = observation.inputs.first().map_or(0, Tensor::rows);
        let tensors = observation.inputs.clone();
        Self { columns, named, count, places, tensors, decisions: decisions(observation) }
    }

    /// The type in which the model takes a column.
    pub(super) fn element(&self, column: usize) -> Option<Element> {
        let place = self.places.get(column)?;
        Some(self.tensors.get(place.tensor)?.data().element())
    }

    /// The value of a row in a column.
    pub(super) fn value(&self, row: usize, column: usize) -> Option<Value<'_>> {
        let place = self.places.get(column)?;
        let index = row * place.width + place.offset;
        match self.tensors.get(place.tensor)?.data() {
            Data::Text(texts) => texts.get(index).map(|text| Value::Text(text)),
            data => data.number(index).map(Value::Number),
        }
    }
}

fn made_up(port: &Port, single: bool, width: usize, offset: usize) -> String {
    match (single, width) {
        (true, _) => format!("feature_{offset}"),
        (false, 1) => port.name.clone(),
        (false, _) => format!("{}_{offset}", port.name),
    }
}

/// What was decided, as the answer has it: the class as the model calls it, by its place where it has no name of the
/// model's own, or the number.
fn decisions(observation: &Observation) -> Vec<String> {
    let (served, done) = (&observation.served, &observation.done);
    let rows = done.rows.clone();
    let labels = served.reading.labels(&done.outputs);
    let scores = served.reading.scores(&done.outputs);
    let text = |tensor: &Tensor, index: usize| match tensor.data() {
        Data::Text(texts) => texts.get(index).cloned(),
        // The shortest decimal, as the answer has it, not the one of the same number in 64 bits.
        Data::Float(numbers) => numbers.get(index).map(f32::to_string),
        data => data.number(index).map(|number| number.to_string()),
    };
    let by_class = done.outputs.classes.is_some() || !served.names.is_empty();
    rows.map(|row| match (labels, scores) {
        (Some(labels), _) => text(labels, row),
        (None, Some(scores)) if by_class => best(scores, row).map(|place| class(&done.outputs, place)),
        (None, Some(scores)) if scores.row_len() == 1 => text(scores, row),
        _ => None,
    })
    .map(Option::unwrap_or_default)
    .collect()
}

fn class(outputs: &Outputs, place: usize) -> String {
    match &outputs.classes {
        Some(Labels::Numbers(classes)) => classes.get(place).map(i64::to_string),
        Some(Labels::Texts(classes)) => classes.get(place).cloned(),
        None => None,
    }
    .unwrap_or_else(|| place.to_string())
}

fn best(scores: &Tensor, row: usize) -> Option<usize> {
    let width = scores.row_len();
    let value = |column: usize| scores.data().number(row * width + column).unwrap_or(f64::NEG_INFINITY);
    // The first of equals.
    (0..width).rev().max_by(|a, b| value(*a).total_cmp(&value(*b)))
}
