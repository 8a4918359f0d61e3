//! What a manifest may hold: one table, from which checking, the JSON Schema, the type in HCL and the reference are made.
//!
//! Goes in: nothing. Comes out: [`ROOT`] and what is derived from it. Never happens: a field that is known to one of
//! the derived forms and not to another.

mod json;
mod reference;
mod table;

pub use json::json_schema;
pub use reference::reference;
pub use table::ROOT;

use crate::lang::value::Type;
use std::fmt;
use std::sync::Arc;

/// The group of our manifests: `apiVersion` is the group, a slash and [`VERSION`].
pub const GROUP: &str = "mlifecycle.io";
/// The version of the manifest's form.
pub const VERSION: &str = "v1";
/// The one `apiVersion` that there is.
pub const API_VERSION: &str = "mlifecycle.io/v1";
/// The one `kind` that there is.
pub const KIND: &str = "ModelDeployment";

/// A field of a block.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether a manifest without it is an error.
    pub required: bool,
    /// Whether it reaches the policy as written: then its type and value are never an error of the manifest.
    pub governed: bool,
    /// What it is for: sentences with units, limits and defaults.
    pub about: &'static str,
    /// A value as one would write it, for the reference and for messages.
    pub example: &'static str,
}

impl Field {
    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn governed(mut self) -> Self {
        self.governed = true;
        self
    }

    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }
}

/// What a field takes.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A string of a form.
    Text(Format),
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds, both included.
    Integer(i64, i64),
    /// A finite number within bounds, both included.
    Number(f64, f64),
    /// A Kubernetes quantity: a string, or a number without unit.
    Quantity(Measure),
    /// A share (number) or a latency (duration string), as the thing that is watched wants it.
    Threshold,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Any number of values of one shape.
    List(&'static Shape),
    /// A block with these fields and no others.
    Object(&'static [Field]),
    /// A block that takes names of the author's own: these fields are known, others are of the shape.
    Open(&'static [Field], &'static Shape),
    /// The first shape, or where the value is of another kind the second.
    Either(&'static Shape, &'static Shape),
}

/// Forms of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Anything, the empty string too.
    Free,
    /// Anything but an empty string.
    Filled,
    /// A name that Kubernetes takes: RFC 1123 label.
    DnsLabel,
    /// A value of a Kubernetes label.
    LabelValue,
    /// Semantic version 2.0.0, without `v`.
    SemVer,
    /// Where a model or data set is.
    Uri,
    /// 64 hexadecimal digits, with or without `sha256:` before them.
    Sha256,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A day, or a time in RFC 3339.
    DateOrTime,
    /// A length of time: `500ms`, `5m`, `1h30m`.
    Duration,
    /// A time table of five fields.
    Cron,
    /// The path of an HTTP request.
    HttpPath,
    /// A path inside the project, with an output's name after `#` where the file lists several.
    RelativePath,
}

/// What a quantity measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Cores.
    Cpu,
    /// Bytes.
    Memory,
    /// Whole devices.
    Devices,
}

impl Format {
    /// In the words of messages, after "must be".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Free => "a string",
            Self::Filled => "a string that is not empty",
            Self::DnsLabel => {
                "a DNS label: at most 63 small letters, digits and `-`, with a letter or digit at both ends"
            }
            Self::LabelValue => {
                "a label value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
            }
            Self::SemVer => "a semantic version, `X.Y.Z`",
            Self::Uri => {
                "a path, or an address that begins with `s3://`, `file:`, `models:/`, `oci://` or `https://`"
            }
            Self::Sha256 => {
                "a SHA-256 digest: 64 hexadecimal digits in lower case, `sha256:` before them or not"
            }
            Self::Date => "a date that exists, `YYYY-MM-DD`",
            Self::DateOrTime => "a date that exists, `YYYY-MM-DD`, or a time such as `2025-01-31T09:30:00Z`",
            Self::Duration => "a length of time such as `500ms`, `30s`, `5m` or `1h30m`",
            Self::Cron => "a time table of five fields such as `0 */6 * * *`",
            Self::HttpPath => "a path that begins with `/`",
            Self::RelativePath => "a path inside the project",
        }
    }
}

impl Measure {
    /// In the words of messages, after "must be".
    pub fn expected(self) -> &'static str {
        match self {
            Self::Cpu => "a quantity of cores such as `500m` or `2`",
            Self::Memory => "a quantity of bytes such as `512Mi` or `4Gi`",
            Self::Devices => "a whole number of devices such as `1`",
        }
    }
}

/// In the words of messages, after "must be".
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text(format) => f.write_str(format.expected()),
            Self::Bool => f.write_str("`true` or `false`"),
            Self::Integer(min, i64::MAX) => write!(f, "a whole number of at least {min}"),
            Self::Integer(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::Number(f64::MIN, _) => f.write_str("a number"),
            Self::Number(min, f64::MAX) => write!(f, "a number of at least {min}"),
            Self::Number(min, max) => write!(f, "a number from {min} to {max}"),
            Self::Quantity(measure) => f.write_str(measure.expected()),
            Self::Threshold => f.write_str("a share such as `0.05`, or a latency such as `500ms`"),
            Self::Choice([word]) => write!(f, "`{word}`"),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                write!(f, "one of {}", words.join(", "))
            }
            Self::List(_) => f.write_str("a list"),
            Self::Object(_) | Self::Open(..) => f.write_str("a block of fields"),
            Self::Either(first, second) => write!(f, "{first}, or {second}"),
        }
    }
}

impl Shape {
    /// The fields that it knows by name.
    pub fn fields(&self) -> &'static [Field] {
        match *self {
            Self::Object(fields) | Self::Open(fields, _) => fields,
            _ => &[],
        }
    }

    /// The type of its values in HCL. A governed value is of the type that it was written with.
    pub fn ty(&self, governed: bool) -> Type {
        match self {
            Self::Object(fields) => Type::object(
                fields.iter().map(|field| (Arc::from(field.name), field.shape.ty(field.governed))),
            ),
            _ if governed => Type::Any,
            Self::Text(_) | Self::Choice(_) | Self::Quantity(_) => Type::String,
            Self::Bool => Type::Bool,
            Self::Integer(..) | Self::Number(..) => Type::Number,
            Self::Threshold | Self::Either(..) => Type::Any,
            Self::List(of) => match of.ty(false) {
                of if of.has_any() => Type::Any,
                of => Type::list(of),
            },
            Self::Open(_, of) => Type::map(of.ty(false)),
        }
    }
}

/// All fields with their paths, block by block as in the table; items of a list are `path[]`.
pub fn fields() -> Vec<(String, &'static Field)> {
    let mut found = Vec::new();
    gather("", ROOT, &mut found);
    found
}

fn gather(path: &str, fields: &'static [Field], found: &mut Vec<(String, &'static Field)>) {
    for field in fields {
        let path = if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        found.push((path.clone(), field));
        match field.shape {
            Shape::List(of) => {
                let of = if let Shape::Either(_, second) = of { second } else { of };
                gather(&format!("{path}[]"), of.fields(), found);
            }
            Shape::Either(_, second) => gather(&path, second.fields(), found),
            shape => gather(&path, shape.fields(), found),
        }
    }
}
