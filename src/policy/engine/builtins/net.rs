//! Ranges of addresses.

use super::{Answer, Wrong, argument, kind};
use regorus::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A range, such as `10.0.0.0/8`: all addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    /// Bits of an address: 32 or 128.
    width: u32,
    first: u128,
    /// Bits that are alike.
    length: u32,
}

impl Range {
    /// A range, or one address.
    fn of(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong::new(format_args!("`{text}` is neither an address nor a range"));
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (width, bits) = match address.parse::<IpAddr>().map_err(|_| wrong())? {
            IpAddr::V4(address) => (32, u128::from(address.to_bits())),
            IpAddr::V6(address) => (128, address.to_bits()),
        };
        let length = length.unwrap_or(width);
        if length > width {
            return Err(wrong());
        }
        Ok(Self { width, first: bits & !free(width, length), length })
    }

    fn last(self) -> u128 {
        self.first | free(self.width, self.length)
    }

    fn intersects(self, other: Self) -> bool {
        self.width == other.width && self.first <= other.last() && other.first <= self.last()
    }

    fn contains(self, other: Self) -> bool {
        self.intersects(other) && self.length <= other.length
    }

    /// The range of twice the size that this is the lower half of, if `other` is the upper.
    fn joined(self, other: Self) -> Option<Self> {
        let length = self.length.checked_sub(1)?;
        let whole = Self { length, ..self };
        let is_lower = self.first & free(self.width, length) == 0;
        let fits = self.width == other.width && self.length == other.length;
        (is_lower && fits && self.last().checked_add(1) == Some(other.first)).then_some(whole)
    }

    fn text(self) -> String {
        let address = match u32::try_from(self.first) {
            Ok(bits) if self.width == 32 => IpAddr::V4(bits.into()),
            _ => IpAddr::V6(self.first.into()),
        };
        format!("{address}/{}", self.length)
    }
}

/// The bits after the first `length` of `width`.
fn free(width: u32, length: u32) -> u128 {
    match width - length {
        128.. => u128::MAX,
        count => (1 << count) - 1,
    }
}

fn range(value: &Value) -> Result<Range, Wrong> {
    match value {
        Value::String(text) => Range::of(text),
        other => Err(Wrong::new(format_args!("a range must be a string, and this is {}", kind(other)))),
    }
}

/// Whether two ranges have an address in common.
pub(super) fn intersects(values: &[Value]) -> Answer {
    Ok(Value::from(range(argument(values, 0)?)?.intersects(range(argument(values, 1)?)?)))
}

/// The fewest ranges that hold the same addresses.
pub(super) fn merge(values: &[Value]) -> Answer {
    let ranges: Vec<Range> = match argument(values, 0)? {
        Value::Array(items) => items.iter().map(range).collect::<Result<_, _>>()?,
        Value::Set(items) => items.iter().map(range).collect::<Result<_, _>>()?,
        other => return Err(Wrong::new(format_args!("operand 1 must be array or set, not {}", kind(other)))),
    };
    let mut merged: Vec<Range> = Vec::new();
    for next in ranges.into_iter().collect::<BTreeSet<_>>() {
        if merged.last().is_some_and(|last| last.contains(next)) {
            continue;
        }
        let mut next = next;
        while let Some(whole) = merged.last().and_then(|last| last.joined(next)) {
            merged.pop();
            next = whole;
        }
        merged.push(next);
    }
    Ok(Value::from(merged.into_iter().map(|range| Value::from(range.text())).collect::<BTreeSet<_>>()))
}

/// The pairs `[i, j]` of a range of the first and one of the second that it holds; of a string, the string itself.
pub(super) fn contains_matches(values: &[Value]) -> Answer {
    let (outer, inner) = (keyed(argument(values, 0)?)?, keyed(argument(values, 1)?)?);
    let mut found = BTreeSet::new();
    for (outer_key, outer) in &outer {
        for (inner_key, inner) in &inner {
            if outer.contains(*inner) {
                found.insert(Value::from(vec![outer_key.clone(), inner_key.clone()]));
            }
        }
    }
    Ok(Value::from(found))
}

/// Ranges, each with what it is called: its place in a list, its key in a map, itself in a set or alone.
fn keyed(value: &Value) -> Result<Vec<(Value, Range)>, Wrong> {
    // A list may stand for a range: then its first member is it.
    let one = |key: Value, value: &Value| {
        let value = match value {
            Value::Array(items) => items.first().unwrap_or(value),
            value => value,
        };
        range(value).map(|range| (key, range))
    };
    match value {
        Value::String(_) => Ok(vec![(value.clone(), range(value)?)]),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| one(Value::from(index), item)).collect()
        }
        Value::Set(items) => items.iter().map(|item| one(item.clone(), item)).collect(),
        Value::Object(fields) => fields.iter_sorted().map(|(key, item)| one(key.clone(), item)).collect(),
        other => Err(Wrong::new(format_args!("ranges are not given as {}", kind(other)))),
    }
}
