//! From what the model gave to the bytes of an answer.
//!
//! In: output tensors, and which of their rows an answer is about. Out: JSON, or tensors as bytes. Never: a number
//! with more or fewer digits than its type holds, a word that JSON does not have (what is not finite becomes `null`).
//!
//! - `predict`  the answer to `/predict`
//! - `infer`    the answer of the Open Inference Protocol

mod infer;
mod predict;

use std::ops::Range;

use half::{bf16, f16};

pub(crate) use infer::{Signed, inference};
pub(crate) use predict::{Reading, predictions};

use crate::tensor::{Data, Tensor, each};

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outputs {
    /// In the model's order. Maps from class to score are a tensor of scores.
    pub(crate) tensors: Vec<Tensor>,
    /// The classes that the scores of a map belong to.
    pub(crate) classes: Option<Labels>,
}

/// Classes as the model names them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Labels {
    /// By number.
    Numbers(Vec<i64>),
    /// By word.
    Texts(Vec<String>),
}

impl Labels {
    /// As JSON.
    pub(crate) fn values(&self) -> serde_json::Value {
        match self {
            Labels::Numbers(labels) => serde_json::json!(labels),
            Labels::Texts(labels) => serde_json::json!(labels),
        }
    }
}

impl Outputs {
    /// Whether every output has as many rows as were asked for.
    pub(crate) fn has_rows(&self, rows: usize) -> bool {
        self.tensors.iter().all(|tensor| !tensor.shape().is_empty() && tensor.rows() == rows)
    }
}

/// What an element type is in JSON.
trait ToJson {
    fn write(&self, out: &mut Vec<u8>);
}

/// Writes what `serde_json` has a form for; writing to memory does not fail.
fn json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("numbers and texts are always JSON");
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl ToJson for $kind {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                json(self, out);
            }
        }
    )*};
}

// serde_json writes `null` for floats that are not finite.
plain!(bool, u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, String);

impl ToJson for f16 {
    fn write(&self, out: &mut Vec<u8>) {
        json(&self.to_f32(), out);
    }
}

impl ToJson for bf16 {
    fn write(&self, out: &mut Vec<u8>) {
        json(&self.to_f32(), out);
    }
}

fn write_element(data: &Data, index: usize, out: &mut Vec<u8>) {
    each!(data, values => match values.get(index) {
        Some(value) => value.write(out),
        None => out.extend(b"null"),
    });
}

/// `1,2,3`: elements without brackets.
fn write_elements(data: &Data, range: Range<usize>, out: &mut Vec<u8>) {
    each!(data, values => {
        for (place, value) in values.get(range).unwrap_or_default().iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            value.write(out);
        }
    });
}

/// Elements in lists as deep as the shape: `[[1,2],[3,4]]`, or one element where there are no dimensions.
fn write_nested(data: &Data, shape: &[usize], start: usize, out: &mut Vec<u8>) {
    let Some((length, inner)) = shape.split_first() else { return write_element(data, start, out) };
    out.push(b'[');
    if inner.is_empty() {
        write_elements(data, start..start + length, out);
    } else {
        let step: usize = inner.iter().product();
        for index in 0..*length {
            if index > 0 {
                out.push(b',');
            }
            write_nested(data, inner, start + index * step, out);
        }
    }
    out.push(b']');
}

/// Appends elements in their binary form: little-endian; texts after their length in 4 bytes.
pub(crate) fn encode(data: &Data, range: Range<usize>, out: &mut Vec<u8>) {
    macro_rules! bytes {
        ($values:expr) => {
            $values.get(range).unwrap_or_default().iter().for_each(|value| out.extend(value.to_le_bytes()))
        };
    }
    match data {
        Data::Bool(values) => {
            out.extend(values.get(range).unwrap_or_default().iter().map(|value| u8::from(*value)));
        }
        Data::Uint8(values) => out.extend(values.get(range).unwrap_or_default()),
        Data::Uint16(values) => bytes!(values),
        Data::Uint32(values) => bytes!(values),
        Data::Uint64(values) => bytes!(values),
        Data::Int8(values) => bytes!(values),
        Data::Int16(values) => bytes!(values),
        Data::Int32(values) => bytes!(values),
        Data::Int64(values) => bytes!(values),
        Data::Half(values) => bytes!(values),
        Data::Bfloat(values) => bytes!(values),
        Data::Float(values) => bytes!(values),
        Data::Double(values) => bytes!(values),
        Data::Text(values) => {
            for text in values.get(range).unwrap_or_default() {
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                out.extend(length.to_le_bytes());
                out.extend(text.as_bytes());
            }
        }
    }
}
