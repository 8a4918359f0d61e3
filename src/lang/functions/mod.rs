//! The functions that expressions can call: Terraform's, with its results to the printed digit.
//!
//! Goes in: values that have the types of the parameters. Comes out: a value, or which argument is wrong and why. Never
//! happens: IO, a clock or chance other than by the [`Outside`], a result that outgrows the limits of the [`Meter`].
//!
//! Unknown and marked arguments are dealt with in one place, [`Function::call`]: unless a parameter says that the
//! function looks at them itself, an unknown argument makes the result unknown, and marks go to the result.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one signature")]

mod bcrypt;
mod charset;
mod cidr;
mod collection;
mod conversion;
mod csv;
mod digest;
mod encoding;
mod file;
mod format;
mod gzip;
mod json;
mod mapping;
mod math;
mod mlo;
mod number;
mod path;
mod predicate;
mod pattern;
mod rsa;
mod sequence;
mod set;
mod string;
mod yaml;
mod time;

pub use digest::Kind as Digest;

use crate::lang::eval::{Exhausted, Meter};
use crate::lang::scope::{Nowhere, Outside};
use crate::lang::value::{Marks, Refinement, Type, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use thiserror::Error;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// As it is called.
    pub name: &'static str,
    /// What it takes.
    pub params: &'static [Param],
    /// What it takes after that, any number of times.
    pub variadic: Option<Param>,
    /// What it does, for the reference pages.
    pub doc: &'static str,
    body: Body,
    /// Its result is never null.
    not_null: bool,
}

/// A parameter of a function, and what the function wants to see for itself.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub struct Param {
    /// Its name in messages.
    pub name: &'static str,
    ty: ParamType,
    /// Null may be given.
    pub allow_null: bool,
    /// The function deals with unknown values.
    pub allow_unknown: bool,
    /// The function deals with marks.
    pub allow_marked: bool,
    /// The function deals with null and unknown values of any type.
    pub allow_any: bool,
}

/// The types that parameters have.
#[derive(Debug, Clone, Copy)]
enum ParamType {
    Any,
    Number,
    String,
    ListOfAny,
    ListOfBool,
    ListOfString,
    SetOfAny,
    MapOfListOfString,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    /// The type of the result for arguments that may be unknown, and the result for arguments that are not.
    Eager {
        result: fn(&[Value]) -> Result<Type, CallError>,
        run: Run,
    },
    Lazy(Lazy),
}

type Run = fn(&[Value], &Call<'_>) -> Result<Value, CallError>;

/// Functions whose arguments are evaluated by the evaluator, since errors in them are not errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lazy {
    /// The first argument that has a value.
    Try,
    /// Whether the argument has a value.
    Can,
    /// A template that is read from a file.
    TemplateFile,
    /// A template that is a value.
    TemplateString,
}

/// What a function knows of its call.
pub(super) struct Call<'a> {
    /// The type of the result.
    result: Type,
    meter: &'a Meter,
    outside: &'a dyn Outside,
}

/// A function without a result.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CallError {
    /// One argument is to blame.
    #[error("{problem}")]
    Argument {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// All of them are.
    #[error("{0}")]
    Failed(Problem),
    /// The result would be too large.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// What is wrong, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    text: String,
    /// Text of a value is in it, which must not be seen if the value must not.
    shows_values: bool,
}

impl Problem {
    /// The words, or others if values must not be seen.
    pub fn text(&self, hidden: bool) -> &str {
        if hidden && self.shows_values { "a value that is sensitive does not fit" } else { &self.text }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T: Into<String>> From<T> for Problem {
    fn from(text: T) -> Self {
        Self { text: text.into(), shows_values: false }
    }
}

fn failed(problem: impl Into<Problem>) -> CallError {
    CallError::Failed(problem.into())
}

fn argument(index: usize, problem: impl Into<Problem>) -> CallError {
    CallError::Argument { index, problem: problem.into() }
}

impl CallError {
    /// Says that text of values is in it.
    fn showing_values(self) -> Self {
        let showing = |problem| Problem { shows_values: true, ..problem };
        match self {
            Self::Argument { index, problem } => Self::Argument { index, problem: showing(problem) },
            Self::Failed(problem) => Self::Failed(showing(problem)),
            exhausted @ Self::Exhausted(_) => exhausted,
        }
    }
}

impl Param {
    const fn new(name: &'static str, ty: ParamType) -> Self {
        let (allow_null, allow_unknown, allow_marked, allow_any) = (false, false, false, false);
        Self { name, ty, allow_null, allow_unknown, allow_marked, allow_any }
    }

    const fn any(name: &'static str) -> Self {
        Self::new(name, ParamType::Any)
    }

    const fn string(name: &'static str) -> Self {
        Self::new(name, ParamType::String)
    }

    const fn number(name: &'static str) -> Self {
        Self::new(name, ParamType::Number)
    }

    const fn nullable(self) -> Self {
        Self { allow_null: true, ..self }
    }

    const fn unknown(self) -> Self {
        Self { allow_unknown: true, ..self }
    }

    const fn marked(self) -> Self {
        Self { allow_marked: true, ..self }
    }

    const fn any_type(self) -> Self {
        Self { allow_any: true, ..self }
    }

    /// The type to which arguments are converted.
    pub fn ty(&self) -> Type {
        match self.ty {
            ParamType::Any => Type::Any,
            ParamType::Number => Type::Number,
            ParamType::String => Type::String,
            ParamType::ListOfAny => Type::list(Type::Any),
            ParamType::ListOfBool => Type::list(Type::Bool),
            ParamType::ListOfString => Type::list(Type::String),
            ParamType::SetOfAny => Type::set(Type::Any),
            ParamType::MapOfListOfString => Type::map(Type::list(Type::String)),
        }
    }
}

impl Function {
    const fn new(
        name: &'static str,
        params: &'static [Param],
        doc: &'static str,
        result: fn(&[Value]) -> Result<Type, CallError>,
        run: Run,
    ) -> Self {
        Self { name, params, variadic: None, doc, body: Body::Eager { result, run }, not_null: true }
    }

    const fn lazy(name: &'static str, lazy: Lazy, doc: &'static str) -> Self {
        let variadic = Some(Param::any("expressions"));
        Self { name, params: &[], variadic, doc, body: Body::Lazy(lazy), not_null: false }
    }

    const fn taking(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self.variadic = None;
        self
    }

    const fn variadic(mut self, param: Param) -> Self {
        self.variadic = Some(param);
        self
    }

    const fn may_be_null(mut self) -> Self {
        self.not_null = false;
        self
    }

    /// How the evaluator has to evaluate its arguments, if not simply all of them.
    pub fn lazily(&self) -> Option<Lazy> {
        match self.body {
            Body::Lazy(lazy) => Some(lazy),
            Body::Eager { .. } => None,
        }
    }

    /// The parameter of an argument, from 0.
    pub fn param(&self, index: usize) -> Option<&Param> {
        self.params.get(index).or(self.variadic.as_ref())
    }

    /// Calls it as [`Function::call_in`] does, where there is nothing outside.
    ///
    /// # Errors
    /// If it has no result for them.
    pub fn call(&self, args: Vec<Value>, meter: &Meter) -> Result<Value, CallError> {
        self.call_in(args, meter, &Nowhere)
    }

    /// Calls it with arguments that are as many as it takes and of the types of its parameters.
    ///
    /// # Errors
    /// If it has no result for them.
    pub fn call_in(
        &self,
        args: Vec<Value>,
        meter: &Meter,
        outside: &dyn Outside,
    ) -> Result<Value, CallError> {
        let Body::Eager { result, run } = self.body else {
            return Err(failed("it is called in another way"));
        };
        let (mut args, mut marks) = (args, Marks::NONE);
        let (mut unknown, mut untyped) = (false, false);
        for (index, value) in args.iter_mut().enumerate() {
            let Some(param) = self.param(index) else { continue };
            if !param.allow_marked {
                marks = marks | value.marks_deep();
                *value = value.unmarked_deep();
            }
            if value.is_null() && !param.allow_null {
                return Err(argument(index, "it must not be null"));
            }
            unknown |= value.is_unknown() && !param.allow_unknown;
            untyped |= matches!(value.ty_shallow(), Type::Any) && !param.allow_any;
        }
        if untyped {
            // What is left unlooked at may have marks, too.
            let all = args.iter().fold(marks, |marks, value| marks | value.marks_deep());
            return Ok(Value::unknown(Type::Any).marked(all));
        }
        let result = result(&args)?;
        let value = if unknown {
            let all = args.iter().fold(Marks::NONE, |marks, value| marks | value.marks_deep());
            Value::unknown(result).marked(all)
        } else {
            run(&args, &Call { result, meter, outside })?
        };
        Ok(if self.not_null { refine_not_null(value) } else { value }.marked(marks))
    }
}

fn refine_not_null(value: Value) -> Value {
    let Some(refinement) = value.refinement().filter(|refinement| !refinement.not_null) else { return value };
    let refinement = Refinement { not_null: true, ..refinement.clone() };
    let marks = value.marks();
    Value::unknown_with(value.ty(), refinement).marked(marks)
}

/// All functions, by name.
pub fn all() -> impl Iterator<Item = &'static Function> {
    BY_NAME.values().copied()
}

/// The function of a name; `core::` may stand before it.
pub fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

static BY_NAME: LazyLock<BTreeMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let functions = TOPICS.iter().flat_map(|(_, functions)| *functions);
    functions.map(|function| (function.name, function)).collect()
});

/// The functions by topic, in the order of the reference page.
const TOPICS: &[(&str, &[Function])] = &[
    ("Numbers", number::FUNCTIONS),
    ("Strings", string::FUNCTIONS),
    ("Formatting", format::FUNCTIONS),
    ("Regular expressions", pattern::FUNCTIONS),
    ("Questions about values", predicate::FUNCTIONS),
    ("Conversion and errors", conversion::FUNCTIONS),
    ("Collections", collection::FUNCTIONS),
    ("Lists", sequence::FUNCTIONS),
    ("Maps and objects", mapping::FUNCTIONS),
    ("Sets", set::FUNCTIONS),
    ("JSON", json::FUNCTIONS),
    ("YAML", yaml::FUNCTIONS),
    ("CSV", csv::FUNCTIONS),
    ("Base64 and URLs", encoding::FUNCTIONS),
    ("Encodings of text", charset::FUNCTIONS),
    ("Compression", gzip::FUNCTIONS),
    ("Digests and UUIDs", digest::FUNCTIONS),
    ("Passwords", bcrypt::FUNCTIONS),
    ("Decryption", rsa::FUNCTIONS),
    ("Dates and times", time::FUNCTIONS),
    ("Addresses", cidr::FUNCTIONS),
    ("Paths", path::FUNCTIONS),
    ("Files and templates", file::FUNCTIONS),
    ("Functions of mlo alone", mlo::FUNCTIONS),
];

/// The argument at `index`. Arguments are counted before a function is called, so that it is there.
fn arg(args: &[Value], index: usize) -> &Value {
    static NULL: LazyLock<Value> = LazyLock::new(Value::null);
    args.get(index).unwrap_or(&NULL)
}

/// The text of the argument at `index`, which is a known string.
fn text(args: &[Value], index: usize) -> &str {
    arg(args, index).as_str().unwrap_or("")
}

/// The argument at `index` as a machine number.
fn whole(args: &[Value], index: usize) -> Result<i64, CallError> {
    let whole = arg(args, index).as_number().and_then(crate::lang::value::Number::as_i64);
    whole.ok_or_else(|| {
        argument(index, format!("it must be a whole number, between {} and {}", i64::MIN, i64::MAX))
    })
}

fn items(value: &Value) -> &[Value] {
    value.as_items().unwrap_or(&[])
}

fn string_result(_: &[Value]) -> Result<Type, CallError> {
    Ok(Type::String)
}

fn number_result(_: &[Value]) -> Result<Type, CallError> {
    Ok(Type::Number)
}

fn bool_result(_: &[Value]) -> Result<Type, CallError> {
    Ok(Type::Bool)
}

fn list_of_string_result(_: &[Value]) -> Result<Type, CallError> {
    Ok(Type::list(Type::String))
}

fn type_of_first(args: &[Value]) -> Result<Type, CallError> {
    Ok(arg(args, 0).ty())
}

#[cfg(test)]
mod tests;
