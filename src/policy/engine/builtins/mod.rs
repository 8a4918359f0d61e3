//! Functions that the engine lacks, or has with other answers than `opa`: pure, as all that a policy may call.

mod crypto;
mod format;
mod guarded;
mod net;
mod text;
mod token;

#[cfg(test)]
mod tests;

use super::Strictness;
use regorus::{Engine, Value};
use std::fmt::Display;

/// Why a function has no answer. The engine adds the place of the call.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

impl Wrong {
    fn new(reason: impl Display) -> Self {
        Self(reason.to_string())
    }
}

type Answer = Result<Value, Wrong>;

/// A function: its name, the arguments that it takes, and what it does.
type Builtin = (&'static str, u8, fn(&[Value]) -> Answer);

const BUILTINS: &[Builtin] = &[
    ("array.flatten", 1, text::flatten),
    ("crypto.hmac.equal", 2, crypto::hmac_equal),
    ("crypto.hmac.md5", 2, crypto::hmac_md5),
    ("crypto.hmac.sha1", 2, crypto::hmac_sha1),
    ("crypto.hmac.sha256", 2, crypto::hmac_sha256),
    ("crypto.hmac.sha512", 2, crypto::hmac_sha512),
    ("crypto.md5", 1, crypto::md5),
    ("crypto.sha1", 1, crypto::sha1),
    ("crypto.sha256", 1, crypto::sha256),
    ("glob.match", 3, guarded::glob_match),
    ("io.jwt.decode", 1, token::decode),
    ("io.jwt.verify_hs256", 2, token::verify_hs256),
    ("io.jwt.verify_hs384", 2, token::verify_hs384),
    ("io.jwt.verify_hs512", 2, token::verify_hs512),
    ("net.cidr_contains_matches", 2, net::contains_matches),
    ("net.cidr_intersects", 2, net::intersects),
    ("net.cidr_merge", 1, net::merge),
    ("sprintf", 2, format::sprintf),
    ("strings.count", 2, text::count),
    ("strings.replace_n", 2, text::replace_n),
    ("strings.split_n", 3, text::split_n),
    ("units.parse", 1, guarded::units_parse),
    ("units.parse_bytes", 1, guarded::units_parse_bytes),
    ("yaml.is_valid", 1, guarded::yaml_is_valid),
    ("yaml.unmarshal", 1, guarded::yaml_unmarshal),
];

/// Gives an engine these functions. They come before its own of the same name.
pub(super) fn add(engine: &mut Engine, strictness: Strictness) {
    for (name, arguments, function) in BUILTINS.iter().copied() {
        let call = move |values: Vec<Value>| match function(&values) {
            Ok(value) => Ok(value),
            #[cfg(test)]
            Err(_) if strictness == Strictness::Lenient => Ok(Value::Undefined),
            Err(wrong) => Err(anyhow::anyhow!("`{name}`: {wrong}")),
        };
        let added = engine.add_extension(name.to_owned(), arguments, Box::new(call));
        assert!(added.is_ok(), "`{name}` is in the table once");
    }
    #[cfg(not(test))]
    let Strictness::Strict = strictness;
}

/// The names of these functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|(name, ..)| *name)
}

/// How many arguments one of these functions takes.
pub(super) fn arguments_of(name: &str) -> Option<usize> {
    BUILTINS.iter().find(|(own, ..)| *own == name).map(|(_, arguments, _)| usize::from(*arguments))
}

/// The argument at `at`; the engine has counted them.
fn argument(values: &[Value], at: usize) -> Result<&Value, Wrong> {
    values.get(at).ok_or_else(|| Wrong::new("an argument is missing"))
}

fn string(values: &[Value], at: usize) -> Result<&str, Wrong> {
    match argument(values, at)? {
        Value::String(text) => Ok(text),
        other => Err(Wrong::new(format_args!("operand {} must be string but got {}", at + 1, kind(other)))),
    }
}

/// The name of a value's type.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Set(_) => "set",
        Value::Object(_) => "object",
        Value::Undefined => "undefined",
    }
}
