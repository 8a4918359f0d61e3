//! `yamlencode` and `yamldecode`, as Terraform writes and reads YAML.
//!
//! Goes in: a value, or the text of one document. Comes out: the text, byte for byte; or the value, words such as `yes`
//! being bools and dates timestamps. Never happens: an alias that fills the memory.

mod encode;
mod scalar;

use super::string::string;
use super::{Call, CallError, Function, Param, arg, argument, string_result, text};
use crate::lang::eval::{Exhausted, Growing, Meter, VALUE_DEPTH_MAX};
use crate::lang::value::{Type, Value, convert, normalize};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use scalar::{Resolved, resolve};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "yamldecode",
        &[Param::string("src")],
        "The value of a YAML document: sequences become tuples, mappings become objects.",
        |_| Ok(Type::Any),
        |args, call| decode(text(args, 0), call.meter),
    )
    .may_be_null(),
    Function::new(
        "yamlencode",
        &[Param::any("value").nullable().unknown().any_type()],
        "A value as a YAML document.",
        string_result,
        |args, _: &Call<'_>| {
            let value = arg(args, 0);
            if value.is_wholly_known() {
                Ok(string(&encode::document(value)))
            } else {
                Ok(Value::unknown(Type::String))
            }
        },
    )
    .may_be_null(),
];

fn wrong(at: Marker, what: &str) -> CallError {
    argument(
        0,
        format!("it is not YAML as values have it: line {}, column {}: {what}", at.line(), at.col() + 1),
    )
    .showing_values()
}

fn decode(text: &str, meter: &Meter) -> Result<Value, CallError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        meter,
        growing: Growing::default(),
        at: Marker::default(),
    };
    let mut document = None;
    loop {
        match reader.next()? {
            Event::StreamStart | Event::Nothing | Event::DocumentEnd => {}
            Event::DocumentStart(_) if document.is_some() => {
                return Err(wrong(reader.at, "there is a second document"));
            }
            Event::DocumentStart(_) => {
                let event = reader.next()?;
                document = Some(reader.value(event, 0)?);
            }
            Event::StreamEnd => break,
            _ => return Err(wrong(reader.at, "there is more after the document")),
        }
    }
    document.ok_or_else(|| argument(0, "it holds no document"))
}

struct Reader<'t, 'm> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// What each anchor stands for, once all of it is read.
    anchors: BTreeMap<usize, Value>,
    meter: &'m Meter,
    growing: Growing,
    at: Marker,
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<Event<'t>, CallError> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => {
                self.at = start;
                self.meter.steps(1)?;
                Ok(event)
            }
            Some(Err(error)) => Err(wrong(*error.marker(), error.info())),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'t>, depth: u32) -> Result<Value, CallError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Exhausted::Depth.into());
        }
        self.growing.part()?;
        let at = self.at;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref()).map_err(|what| wrong(at, &what))?;
                (anchor, value)
            }
            Event::SequenceStart(anchor, tag) => {
                expect_tag(tag.as_deref(), "seq").map_err(|what| wrong(at, &what))?;
                (anchor, self.sequence(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                expect_tag(tag.as_deref(), "map").map_err(|what| wrong(at, &what))?;
                (anchor, self.mapping(depth)?)
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or_else(|| wrong(at, "an alias refers to what it is a part of"))?;
                return Ok(value);
            }
            _ => return Err(wrong(at, "there is no value")),
        };
        self.meter.made(&value)?;
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: u32) -> Result<Value, CallError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::tuple(items)),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: u32) -> Result<Value, CallError> {
        let mut entries: BTreeMap<Arc<str>, Value> = BTreeMap::new();
        loop {
            let (key, at) = match self.next()? {
                Event::MappingEnd => return Ok(Value::object(entries)),
                Event::Scalar(text, style, _, tag) => {
                    let key = resolve(&tag_name(tag.as_deref()), &text, style)
                        .map_err(|what| wrong(self.at, &what))?;
                    (key, self.at)
                }
                _ => return Err(wrong(self.at, "only strings can be keys")),
            };
            let event = self.next()?;
            let value = self.value(event, depth + 1)?;
            match key {
                Resolved::Merge => {
                    let merged =
                        value.as_entries().ok_or_else(|| wrong(at, "only a mapping can be merged"))?;
                    entries.extend(merged.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                Resolved::Value(key) => {
                    let key = convert(&key, &Type::String).ok().filter(|key| !key.is_null());
                    let key = key.ok_or_else(|| wrong(at, "a key must not be null"))?;
                    entries.insert(normalize(key.as_str().unwrap_or("")), value);
                }
            }
        }
    }
}

/// The name of a tag as the rules of scalars have it: empty for none, `!!str` and its like by their last word.
fn tag_name(tag: Option<&Tag>) -> String {
    match tag {
        None => String::new(),
        Some(tag) if tag.handle == "tag:yaml.org,2002:" => tag.suffix.clone(),
        Some(tag) => format!("{}{}", tag.handle, tag.suffix),
    }
}

fn expect_tag(tag: Option<&Tag>, expected: &str) -> Result<(), String> {
    let name = tag_name(tag);
    if name.is_empty() || name == expected {
        Ok(())
    } else {
        Err(format!("the tag `{name}` does not fit here"))
    }
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let value = match resolve(&tag_name(tag), text, style)? {
        Resolved::Merge => Value::from("<<"),
        Resolved::Value(value) => value,
    };
    let is_text = tag.is_none() && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    // What is written as a block of text is text, even where it looks like something else.
    if is_text { convert(&value, &Type::String).map_err(|error| error.to_string()) } else { Ok(value) }
}

#[cfg(test)]
mod tests;
