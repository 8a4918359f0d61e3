//! JSON that is the same for the same value, and that can be read without trusting its depth.
//!
//! In: values of any order and depth. Out: bytes with every object's keys in order; or a refusal of what nests too
//! deep, before any recursion. Never: a stack that overflows on hostile text.

use serde::de::DeserializeOwned;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Deepest nesting of JSON in a snapshot or a record. Values of the language nest at most 200 deep; the rest is room
/// for the document around them.
pub const JSON_DEPTH_MAX: usize = 256;

/// What the document around an attribute's value adds to its depth, with room to spare.
const ENVELOPE_DEPTH: usize = 16;

/// A value written with the keys of every object in order.
pub(crate) struct Ordered<'a>(pub(crate) &'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(&Ordered(item)))?;
                seq.end()
            }
            Value::Object(map) => OrderedMap(map).serialize(serializer),
            plain => plain.serialize(serializer),
        }
    }
}

/// An object written with its keys in order.
pub(crate) struct OrderedMap<'a>(pub(crate) &'a Map<String, Value>);

impl Serialize for OrderedMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        entries.into_iter().try_for_each(|(key, value)| map.serialize_entry(key, &Ordered(value)))?;
        map.end()
    }
}

/// Whether a value can be written and read back: see [`JSON_DEPTH_MAX`].
pub(crate) fn fits(value: &Value) -> bool {
    nests_at_most(value, JSON_DEPTH_MAX - ENVELOPE_DEPTH)
}

fn nests_at_most(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| nests_at_most(item, levels - 1)),
        Value::Object(map) => levels > 0 && map.values().all(|item| nests_at_most(item, levels - 1)),
        _ => true,
    }
}

/// Whether the brackets of a text nest at most [`JSON_DEPTH_MAX`] deep, as far as it is JSON at all.
pub(crate) fn is_shallow(text: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return false;
        }
    }
    true
}

/// The same text in printable ASCII: what is none is spelled `\u…`, which means the same within a string, and stands
/// nowhere else.
pub(crate) fn ascii(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for character in String::from_utf8_lossy(text).chars() {
        if matches!(character, ' '..='~') {
            out.extend(u8::try_from(character));
            continue;
        }
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
    }
    out
}

/// Reads a whole document. The caller has asked [`is_shallow`].
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
