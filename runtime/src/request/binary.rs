//! Tensors as bytes: little-endian elements, row after row; texts with their lengths in front.

use half::{bf16, f16};

use super::Problem;
use crate::tensor::{Data, Element};

/// Elements of a binary tensor.
///
/// - `count`: as many as its shape says.
pub(super) fn decode(element: Element, count: usize, bytes: &[u8]) -> Result<Data, Problem> {
    if let Some(width) = element.bytes() {
        let expected = count.checked_mul(width).ok_or(Problem::OutOfRange)?;
        if bytes.len() != expected {
            return Err(Problem::Bytes { expected, got: bytes.len() });
        }
    }
    Ok(match element {
        Element::Bool => Data::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
        Element::Uint8 => Data::Uint8(bytes.to_vec()),
        Element::Uint16 => Data::Uint16(numbers(bytes, u16::from_le_bytes)),
        Element::Uint32 => Data::Uint32(numbers(bytes, u32::from_le_bytes)),
        Element::Uint64 => Data::Uint64(numbers(bytes, u64::from_le_bytes)),
        Element::Int8 => Data::Int8(numbers(bytes, i8::from_le_bytes)),
        Element::Int16 => Data::Int16(numbers(bytes, i16::from_le_bytes)),
        Element::Int32 => Data::Int32(numbers(bytes, i32::from_le_bytes)),
        Element::Int64 => Data::Int64(numbers(bytes, i64::from_le_bytes)),
        Element::Half => Data::Half(numbers(bytes, f16::from_le_bytes)),
        Element::Bfloat => Data::Bfloat(numbers(bytes, bf16::from_le_bytes)),
        Element::Float => Data::Float(numbers(bytes, f32::from_le_bytes)),
        Element::Double => Data::Double(numbers(bytes, f64::from_le_bytes)),
        Element::Text => {
            let texts = texts(bytes)?;
            if texts.len() != count {
                return Err(Problem::Width { expected: count, got: texts.len() });
            }
            Data::Text(texts)
        }
    })
}

/// - `read`: a function of its own type, so that it becomes a part of the loop.
fn numbers<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

/// Each text after its length in 4 bytes.
pub(super) fn texts(mut bytes: &[u8]) -> Result<Vec<String>, Problem> {
    let mut texts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Problem::Texts)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Problem::Texts)?;
        let (text, rest) = rest.split_at_checked(length).ok_or(Problem::Texts)?;
        let text = std::str::from_utf8(text).map_err(|_| Problem::Texts)?;
        if text.contains('\0') {
            return Err(Problem::Nul);
        }
        texts.push(text.to_owned());
        bytes = rest;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer;

    #[test]
    fn what_is_written_is_what_is_read() {
        let rows = [
            Data::Bool(vec![true, false]),
            Data::Uint8(vec![1, 255]),
            Data::Uint16(vec![1, 65535]),
            Data::Uint32(vec![1, u32::MAX]),
            Data::Uint64(vec![1, u64::MAX]),
            Data::Int8(vec![-1, 127]),
            Data::Int16(vec![-1, 32767]),
            Data::Int32(vec![-1, i32::MAX]),
            Data::Int64(vec![-1, i64::MAX]),
            Data::Half(vec![f16::from_f64(0.5), f16::MAX]),
            Data::Bfloat(vec![bf16::from_f64(0.5), bf16::MAX]),
            Data::Float(vec![0.1, f32::MIN]),
            Data::Double(vec![0.1, f64::MAX]),
            Data::Text(vec![String::new(), "häm".to_owned()]),
        ];
        for data in rows {
            let mut bytes = Vec::new();
            answer::encode(&data, 0..2, &mut bytes);
            assert_eq!(decode(data.element(), 2, &bytes), Ok(data.clone()));
            bytes.push(0);
            assert!(decode(data.element(), 2, &bytes).is_err(), "{data:?}: a byte too many");
            bytes.truncate(bytes.len() - 2);
            assert!(decode(data.element(), 2, &bytes).is_err(), "{data:?}: a byte too few");
        }
    }

    #[test]
    fn texts_that_lie_about_their_length_are_refused() {
        for bytes in [&[255, 255, 255, 255, 1][..], &[1, 0, 0], &[1, 0, 0, 0, 255]] {
            assert_eq!(texts(bytes), Err(Problem::Texts), "{bytes:?}");
        }
        assert_eq!(texts(&[1, 0, 0, 0, 0]), Err(Problem::Nul));
    }
}
