//! Dense tensors in the element types of ONNX.
//!
//! In: numbers, truth values and texts. Out: vectors of the tensor's own element type, and rows cut from them or put
//! together. Never: a tensor whose length is not the product of its shape, once it is in a [`Tensor`].

use half::{bf16, f16};

/// Rows of one request at most.
pub(crate) const ROWS_MAX: usize = 1_000;

/// Element types of tensors that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Half,
    Bfloat,
    Float,
    Double,
    Text,
}

/// Every element type with its name in the Open Inference Protocol and the bytes of one element in its binary form;
/// texts have a length before each.
const ELEMENTS: [(Element, &str, Option<usize>); 14] = [
    (Element::Bool, "BOOL", Some(1)),
    (Element::Uint8, "UINT8", Some(1)),
    (Element::Uint16, "UINT16", Some(2)),
    (Element::Uint32, "UINT32", Some(4)),
    (Element::Uint64, "UINT64", Some(8)),
    (Element::Int8, "INT8", Some(1)),
    (Element::Int16, "INT16", Some(2)),
    (Element::Int32, "INT32", Some(4)),
    (Element::Int64, "INT64", Some(8)),
    (Element::Half, "FP16", Some(2)),
    (Element::Bfloat, "BF16", Some(2)),
    (Element::Float, "FP32", Some(4)),
    (Element::Double, "FP64", Some(8)),
    (Element::Text, "BYTES", None),
];

impl Element {
    fn row(self) -> (Element, &'static str, Option<usize>) {
        ELEMENTS.into_iter().find(|(element, ..)| *element == self).unwrap_or((self, "", None))
    }

    /// Its name in the Open Inference Protocol.
    pub(crate) fn datatype(self) -> &'static str {
        self.row().1
    }

    /// The element type of that name.
    pub(crate) fn of_datatype(name: &str) -> Option<Self> {
        ELEMENTS.into_iter().find(|(_, datatype, _)| *datatype == name).map(|(element, ..)| element)
    }

    /// Bytes of one element in the binary form; `None` for texts.
    pub(crate) fn bytes(self) -> Option<usize> {
        self.row().2
    }

    /// Whether it can hold what is not a number.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Element::Half | Element::Bfloat | Element::Float | Element::Double)
    }
}

/// Elements of one type, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Half(Vec<f16>),
    Bfloat(Vec<bf16>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<String>),
}

/// The same expression for whichever vector a [`Data`] holds.
macro_rules! each {
    ($data:expr, $values:ident => $body:expr) => {
        match $data {
            $crate::tensor::Data::Bool($values) => $body,
            $crate::tensor::Data::Uint8($values) => $body,
            $crate::tensor::Data::Uint16($values) => $body,
            $crate::tensor::Data::Uint32($values) => $body,
            $crate::tensor::Data::Uint64($values) => $body,
            $crate::tensor::Data::Int8($values) => $body,
            $crate::tensor::Data::Int16($values) => $body,
            $crate::tensor::Data::Int32($values) => $body,
            $crate::tensor::Data::Int64($values) => $body,
            $crate::tensor::Data::Half($values) => $body,
            $crate::tensor::Data::Bfloat($values) => $body,
            $crate::tensor::Data::Float($values) => $body,
            $crate::tensor::Data::Double($values) => $body,
            $crate::tensor::Data::Text($values) => $body,
        }
    };
}
pub(crate) use each;

impl Data {
    /// No elements of this type yet, with room for some.
    pub(crate) fn with_capacity(element: Element, room: usize) -> Self {
        match element {
            Element::Bool => Data::Bool(Vec::with_capacity(room)),
            Element::Uint8 => Data::Uint8(Vec::with_capacity(room)),
            Element::Uint16 => Data::Uint16(Vec::with_capacity(room)),
            Element::Uint32 => Data::Uint32(Vec::with_capacity(room)),
            Element::Uint64 => Data::Uint64(Vec::with_capacity(room)),
            Element::Int8 => Data::Int8(Vec::with_capacity(room)),
            Element::Int16 => Data::Int16(Vec::with_capacity(room)),
            Element::Int32 => Data::Int32(Vec::with_capacity(room)),
            Element::Int64 => Data::Int64(Vec::with_capacity(room)),
            Element::Half => Data::Half(Vec::with_capacity(room)),
            Element::Bfloat => Data::Bfloat(Vec::with_capacity(room)),
            Element::Float => Data::Float(Vec::with_capacity(room)),
            Element::Double => Data::Double(Vec::with_capacity(room)),
            Element::Text => Data::Text(Vec::with_capacity(room)),
        }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Adds elements that mean nothing: zeros, `false`, empty texts.
    pub(crate) fn grow(&mut self, length: usize) {
        each!(self, values => values.resize_with(length, Default::default));
    }

    /// Its element type.
    pub(crate) fn element(&self) -> Element {
        match self {
            Data::Bool(_) => Element::Bool,
            Data::Uint8(_) => Element::Uint8,
            Data::Uint16(_) => Element::Uint16,
            Data::Uint32(_) => Element::Uint32,
            Data::Uint64(_) => Element::Uint64,
            Data::Int8(_) => Element::Int8,
            Data::Int16(_) => Element::Int16,
            Data::Int32(_) => Element::Int32,
            Data::Int64(_) => Element::Int64,
            Data::Half(_) => Element::Half,
            Data::Bfloat(_) => Element::Bfloat,
            Data::Float(_) => Element::Float,
            Data::Double(_) => Element::Double,
            Data::Text(_) => Element::Text,
        }
    }

    /// Bytes of memory that the elements take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Data::Text(texts) => texts.iter().map(|text| size_of::<String>() + text.len()).sum(),
            data => data.len() * data.element().bytes().unwrap_or(1),
        }
    }

    /// Elements `from..to`, as a tensor's own; fewer where there are not as many.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Data {
        fn cut<T: Clone>(values: &[T], from: usize, to: usize) -> Vec<T> {
            values.get(from..to.min(values.len())).map(<[T]>::to_vec).unwrap_or_default()
        }
        match self {
            Data::Bool(values) => Data::Bool(cut(values, from, to)),
            Data::Uint8(values) => Data::Uint8(cut(values, from, to)),
            Data::Uint16(values) => Data::Uint16(cut(values, from, to)),
            Data::Uint32(values) => Data::Uint32(cut(values, from, to)),
            Data::Uint64(values) => Data::Uint64(cut(values, from, to)),
            Data::Int8(values) => Data::Int8(cut(values, from, to)),
            Data::Int16(values) => Data::Int16(cut(values, from, to)),
            Data::Int32(values) => Data::Int32(cut(values, from, to)),
            Data::Int64(values) => Data::Int64(cut(values, from, to)),
            Data::Half(values) => Data::Half(cut(values, from, to)),
            Data::Bfloat(values) => Data::Bfloat(cut(values, from, to)),
            Data::Float(values) => Data::Float(cut(values, from, to)),
            Data::Double(values) => Data::Double(cut(values, from, to)),
            Data::Text(values) => Data::Text(cut(values, from, to)),
        }
    }

    /// Appends elements of the same type; `false`, with nothing done, where the types differ.
    #[must_use]
    pub(crate) fn append(&mut self, more: Data) -> bool {
        match (self, more) {
            (Data::Bool(values), Data::Bool(more)) => values.extend(more),
            (Data::Uint8(values), Data::Uint8(more)) => values.extend(more),
            (Data::Uint16(values), Data::Uint16(more)) => values.extend(more),
            (Data::Uint32(values), Data::Uint32(more)) => values.extend(more),
            (Data::Uint64(values), Data::Uint64(more)) => values.extend(more),
            (Data::Int8(values), Data::Int8(more)) => values.extend(more),
            (Data::Int16(values), Data::Int16(more)) => values.extend(more),
            (Data::Int32(values), Data::Int32(more)) => values.extend(more),
            (Data::Int64(values), Data::Int64(more)) => values.extend(more),
            (Data::Half(values), Data::Half(more)) => values.extend(more),
            (Data::Bfloat(values), Data::Bfloat(more)) => values.extend(more),
            (Data::Float(values), Data::Float(more)) => values.extend(more),
            (Data::Double(values), Data::Double(more)) => values.extend(more),
            (Data::Text(values), Data::Text(more)) => values.extend(more),
            _ => return false,
        }
        true
    }

    /// The place of the first element that is not a finite number, among floating-point ones.
    pub(crate) fn first_not_finite(&self) -> Option<usize> {
        match self {
            Data::Half(values) => values.iter().position(|value| !value.is_finite()),
            Data::Bfloat(values) => values.iter().position(|value| !value.is_finite()),
            Data::Float(values) => values.iter().position(|value| !value.is_finite()),
            Data::Double(values) => values.iter().position(|value| !value.is_finite()),
            _ => None,
        }
    }

    /// The element at a place as a number: truth values are 0 and 1, texts none.
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        match self {
            Data::Bool(values) => values.get(index).map(|value| f64::from(u8::from(*value))),
            Data::Uint8(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Uint16(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Uint32(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Uint64(values) => values.get(index).map(|value| *value as f64),
            Data::Int8(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Int16(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Int32(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Int64(values) => values.get(index).map(|value| *value as f64),
            Data::Half(values) => values.get(index).map(|value| value.to_f64()),
            Data::Bfloat(values) => values.get(index).map(|value| value.to_f64()),
            Data::Float(values) => values.get(index).map(|value| f64::from(*value)),
            Data::Double(values) => values.get(index).copied(),
            Data::Text(_) => None,
        }
    }
}

/// A dense tensor: as many elements as the product of its shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

impl Tensor {
    /// A tensor, if the elements are as many as the shape says.
    pub(crate) fn new(shape: Vec<usize>, data: Data) -> Option<Self> {
        (product(&shape)? == data.len()).then_some(Self { shape, data })
    }

    /// Lengths of its dimensions.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, row after row.
    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// Length of its first dimension; 1 for a scalar.
    pub(crate) fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Lengths of the dimensions of one row.
    pub(crate) fn row_shape(&self) -> &[usize] {
        self.shape.get(1..).unwrap_or_default()
    }

    /// Elements of one row.
    pub(crate) fn row_len(&self) -> usize {
        self.row_shape().iter().product()
    }

    /// Rows `from..to` as a tensor of their own.
    pub(crate) fn slice_rows(&self, from: usize, to: usize) -> Tensor {
        let width = self.row_len();
        let mut shape = self.shape.clone();
        if let Some(first) = shape.first_mut() {
            *first = to - from;
        }
        Tensor { shape, data: self.data.slice(from * width, to * width) }
    }

    /// Appends the rows of another tensor; `false`, with nothing done, where type or shape of a row differ.
    #[must_use]
    pub(crate) fn append_rows(&mut self, more: Tensor) -> bool {
        let same = self.shape.len() == more.shape.len() && self.row_shape() == more.row_shape();
        let rows = more.rows();
        if !same || self.shape.is_empty() || !self.data.append(more.data) {
            return false;
        }
        if let Some(first) = self.shape.first_mut() {
            *first += rows;
        }
        true
    }
}

/// Bytes of memory that tensors take.
pub(crate) fn bytes(tensors: &[Tensor]) -> usize {
    tensors.iter().map(|tensor| tensor.data.bytes()).sum()
}

/// The product of lengths, if it can be counted.
pub(crate) fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_protocol_go_both_ways() {
        for (element, datatype, _) in ELEMENTS {
            assert_eq!((element.datatype(), Element::of_datatype(datatype)), (datatype, Some(element)));
            let data = Data::with_capacity(element, 0);
            assert_eq!(data.element(), element);
        }
        assert_eq!(Element::of_datatype("FP8"), None);
    }

    #[test]
    fn rows_are_cut_and_put_together_again() {
        let whole = Tensor::new(vec![3, 2], Data::Int64(vec![1, 2, 3, 4, 5, 6])).unwrap();
        let mut first = whole.slice_rows(0, 1);
        assert_eq!(first, Tensor::new(vec![1, 2], Data::Int64(vec![1, 2])).unwrap());
        assert!(first.append_rows(whole.slice_rows(1, 3)));
        assert_eq!(first, whole);
        let other_type = Tensor::new(vec![1, 2], Data::Float(vec![1.0, 2.0])).unwrap();
        let other_width = Tensor::new(vec![1, 1], Data::Int64(vec![1])).unwrap();
        let other_rank = Tensor::new(vec![1, 2, 1], Data::Int64(vec![1, 2])).unwrap();
        for other in [other_type, other_width, other_rank] {
            assert!(!first.append_rows(other));
            assert_eq!(first, whole, "nothing is added");
        }
    }

    #[test]
    fn a_tensor_is_as_long_as_its_shape_says() {
        assert_eq!(Tensor::new(vec![2, 2], Data::Bool(vec![true])), None);
        assert_eq!(Tensor::new(vec![usize::MAX, 2], Data::Bool(vec![true])), None);
        assert!(Tensor::new(vec![], Data::Bool(vec![true])).is_some(), "a scalar");
    }
}
