//! The protobuf wire format as a stream: fields are met one by one, and what is not asked for is skipped.
//!
//! In: any reader. Out: field numbers and their values. Never: memory that grows with the input, or a read past the
//! end of the message that a field belongs to.
//!
//! A decoder that builds structures would not do: two bytes of an empty sub-message become some hundred bytes of
//! memory, so that a file of 2 GiB could ask for a hundred times as much.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. What the reference decoder treats leniently (tags and
//! lengths written with more bits than they have) is refused here, so that the two can never differ in what they see.

use std::io::{self, BufRead};

/// Nested messages at most: the limit of protobuf's own decoders, ONNX Runtime's included.
pub(crate) const DEPTH_MAX: u32 = 100;

/// A field's value as far as the wire tells; the bytes of [`Value::Message`] are still to be read or skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire types 1 and 5: 8 or 4 bytes, already skipped.
    Fixed,
    /// Wire type 2: text, bytes, a message or packed numbers, of this many bytes.
    Bytes(u64),
}

/// What stopped the reading.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The reader failed.
    Io(io::Error),
    /// The bytes are not a message.
    Corrupt { offset: u64, reason: &'static str },
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        WireError::Io(error)
    }
}

/// A position in a stream of nested messages.
pub(crate) struct Wire<R> {
    input: R,
    offset: u64,
}

impl<R: BufRead> Wire<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, offset: 0 }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// A mistake at the present place.
    pub(crate) fn corrupt(&self, reason: &'static str) -> WireError {
        WireError::Corrupt { offset: self.offset, reason }
    }

    /// The next field of the message that ends at `end`: its number and value; `None` at the end.
    pub(crate) fn field(&mut self, end: u64) -> Result<Option<(u32, Value)>, WireError> {
        if self.offset == end {
            return Ok(None);
        }
        let tag = self.varint(end)?;
        let tag = u32::try_from(tag).map_err(|_| self.corrupt("a field's tag is too large"))?;
        let number = tag >> 3;
        if number == 0 {
            return Err(self.corrupt("a field has the number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(end)?),
            1 => self.skip(8, end).map(|()| Value::Fixed)?,
            2 => {
                let length = self.varint(end)?;
                if length > end - self.offset {
                    return Err(self.corrupt("a field is longer than what holds it"));
                }
                Value::Bytes(length)
            }
            5 => self.skip(4, end).map(|()| Value::Fixed)?,
            _ => return Err(self.corrupt("a field has a wire type that ONNX does not use")),
        };
        Ok(Some((number, value)))
    }

    /// A number of 1 to 10 bytes, none of them at or beyond `end`.
    pub(crate) fn varint(&mut self, end: u64) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for index in 0..10 {
            let byte = self.byte(end)?;
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(self.corrupt("a number has more than 64 bits"));
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.corrupt("a number has more than 10 bytes"))
    }

    /// Passes over `length` bytes of a message that ends at `end`.
    pub(crate) fn skip(&mut self, length: u64, end: u64) -> Result<(), WireError> {
        if length > end - self.offset {
            return Err(self.corrupt("it ends in the middle of a field"));
        }
        let mut left = length;
        while left > 0 {
            let available = self.input.fill_buf()?.len();
            if available == 0 {
                return Err(self.corrupt("it ends in the middle of a field"));
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(available);
            self.input.consume(step);
            left -= step as u64;
            self.offset += step as u64;
        }
        Ok(())
    }

    /// UTF-8 of `length` bytes; the caller has checked that it may be that long.
    pub(crate) fn text(&mut self, length: u64) -> Result<String, WireError> {
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| self.corrupt("a text is too long"))?];
        self.input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt("it ends in the middle of a text"),
            _ => WireError::Io(error),
        })?;
        self.offset += length;
        String::from_utf8(bytes).map_err(|_| self.corrupt("a text is not UTF-8"))
    }

    fn byte(&mut self, end: u64) -> Result<u8, WireError> {
        if self.offset >= end {
            return Err(self.corrupt("it ends in the middle of a number"));
        }
        let Some(&byte) = self.input.fill_buf()?.first() else {
            return Err(self.corrupt("it ends in the middle of a number"));
        };
        self.input.consume(1);
        self.offset += 1;
        Ok(byte)
    }
}
