//! From a request's bytes to the tensors that the model takes.
//!
//! In: a body of bounded size, and what the model takes. Out: dense tensors, numbers written straight into the
//! tensor's own element type. Never: a tree of JSON values in between, a ragged or unrepresentable row, a refusal
//! without the path of what is wrong.
//!
//! - `scan`    JSON as a stream of tokens
//! - `value`   one JSON value to one element
//! - `rows`    `{"instances":…}` and `{"features":…}`
//! - `infer`   the Open Inference Protocol, its tensors as JSON or as bytes
//! - `binary`  tensors as bytes

mod binary;
mod infer;
mod rows;
mod scan;
mod value;

pub(crate) use infer::{Inference, Wanted, infer, raw, raw_contents};
pub(crate) use rows::{Form, rows};

use crate::tensor::{ROWS_MAX, Tensor};

/// Characters of a caller's own word that a refusal repeats.
const WORD_CHARS_MAX: usize = 64;

/// What the model takes through one input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) element: crate::tensor::Element,
    /// Lengths of its dimensions, `None` for any.
    pub(crate) dims: Vec<Option<usize>>,
}

/// Whether `null` is a number that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Missing {
    /// It is refused, and so is what is not finite in a binary tensor.
    #[default]
    Refused,
    /// It becomes NaN, where the tensor has one.
    Nan,
}

/// What requests are read against.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Taking {
    /// In the model's order.
    pub(crate) inputs: Vec<Port>,
    /// Names of the columns of the only input; empty where nobody says.
    pub(crate) columns: Vec<String>,
    pub(crate) missing: Missing,
}

/// Tensors for one run, in the order of the model's inputs.
pub(crate) type Inputs = Vec<Tensor>;

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum InputError {
    /// It is not JSON.
    #[error("the body is not JSON (line {line}, column {column})")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1; 0 at the end of an empty line.
        column: usize,
    },
    /// It is JSON, but not what the model can take.
    #[error("{path} {problem}")]
    Value {
        /// `instances[2][1]`, `inputs[0].data[3]`, a key, or `body`.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with one value; reads on after its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// Text, null, a truth value, a list or an object where a number belongs; NaN and the infinities too.
    #[error("is not a finite number")]
    NotANumber,
    #[error("is not a text, which the model takes")]
    NotAText,
    #[error("is not `true` or `false`")]
    NotABool,
    /// Beyond the range of the element type.
    #[error("is beyond the range of the model's numbers")]
    OutOfRange,
    /// A fraction where the model takes integers.
    #[error("is not an integer, which the model takes")]
    NotAnInteger,
    /// ONNX Runtime ends texts there.
    #[error("holds a NUL character, which models cannot take")]
    Nul,
    #[error("is not a list of numbers")]
    NotARow,
    #[error("is not a list")]
    NotAList,
    #[error("is not an object")]
    NotAnObject,
    #[error("is not a list of rows")]
    NotRows,
    /// Another number of values than the model or the first row has.
    #[error("has {got} values, {expected} are expected")]
    Width { expected: usize, got: usize },
    /// No rows, or a row without numbers.
    #[error("is empty")]
    Empty,
    /// More rows than one request may have.
    #[error("has more than {ROWS_MAX} rows")]
    TooManyRows,
    #[error("must hold `instances` or `features`")]
    NoInput,
    #[error("is not a key that is known here; `instances` and `features` are")]
    UnknownKey,
    #[error("is a second input; one of `instances` and `features` is allowed, once")]
    SecondInput,
    #[error("is there twice")]
    Twice,
    /// A named column that the model does not have.
    #[error("is not a column of the model; its columns are {}", listed(.0))]
    UnknownColumn(Vec<String>),
    #[error("does not have the column `{0}`")]
    MissingColumn(String),
    #[error("names columns, and the model's columns have no names; send lists, or name them with --feature")]
    NoColumnNames,
    /// The model takes several tensors, which a list cannot tell apart.
    #[error("must be an object with the model's inputs: {}", listed(.0))]
    NeedsNames(Vec<String>),
    #[error("is not an input of the model; its inputs are {}", listed(.0))]
    UnknownInput(Vec<String>),
    #[error("is not an output of the model; its outputs are {}", listed(.0))]
    UnknownOutput(Vec<String>),
    #[error("does not have the input `{0}`")]
    MissingInput(String),
    #[error("must hold `{0}`")]
    MissingKey(&'static str),
    #[error("is `{got}`, and the model takes `{expected}`")]
    Datatype { expected: &'static str, got: String },
    #[error("is {got}, and the model takes {expected}")]
    Shape { expected: String, got: String },
    #[error("has {got} bytes, {expected} are expected")]
    Bytes { expected: usize, got: usize },
    #[error("does not hold texts with their lengths")]
    Texts,
    #[error("cannot be a list of rows: the model's inputs do not share a first dimension")]
    NoRows,
}

/// `a`, `b` and 3 more.
fn listed(names: &[String]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{}`", cut(name))).collect();
    let more = names.len().saturating_sub(SHOWN_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A caller's word, short enough to be repeated.
fn cut(word: &str) -> String {
    word.chars().take(WORD_CHARS_MAX).collect()
}

impl Problem {
    /// A word for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Problem::NotANumber => "not_a_number",
            Problem::NotAText => "not_a_text",
            Problem::NotABool => "not_a_bool",
            Problem::OutOfRange => "out_of_range",
            Problem::NotAnInteger => "not_an_integer",
            Problem::Nul => "nul",
            Problem::NotARow => "not_a_row",
            Problem::NotAList => "not_a_list",
            Problem::NotAnObject => "not_an_object",
            Problem::NotRows => "not_rows",
            Problem::Width { .. } => "width",
            Problem::Empty => "empty",
            Problem::TooManyRows => "too_many_rows",
            Problem::NoInput => "no_input",
            Problem::UnknownKey => "unknown_key",
            Problem::SecondInput => "second_input",
            Problem::Twice => "twice",
            Problem::UnknownColumn(_) => "unknown_column",
            Problem::MissingColumn(_) => "missing_column",
            Problem::NoColumnNames => "no_column_names",
            Problem::NeedsNames(_) => "needs_names",
            Problem::UnknownInput(_) => "unknown_input",
            Problem::UnknownOutput(_) => "unknown_output",
            Problem::MissingInput(_) => "missing_input",
            Problem::MissingKey(_) => "missing_key",
            Problem::Datatype { .. } => "datatype",
            Problem::Shape { .. } => "shape",
            Problem::Bytes { .. } => "bytes",
            Problem::Texts => "texts",
            Problem::NoRows => "no_rows",
        }
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Something wrong, on its way out: each level that it passes adds its step, so that a good body pays nothing.
#[derive(Debug)]
enum Fault {
    /// Not JSON, at this byte.
    Syntax(usize),
    /// The steps from the innermost to the outermost.
    Value(Vec<Step>, Problem),
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Fault::Value(Vec::new(), problem)
    }
}

impl Fault {
    fn in_index(mut self, index: usize) -> Self {
        if let Fault::Value(steps, _) = &mut self {
            steps.push(Step::Index(index));
        }
        self
    }

    fn in_key(mut self, key: &str) -> Self {
        if let Fault::Value(steps, _) = &mut self {
            steps.push(Step::Key(cut(key)));
        }
        self
    }

    fn told(self, body: &[u8]) -> InputError {
        match self {
            Fault::Syntax(at) => {
                let (line, column) = scan::place(body, at);
                InputError::Malformed { line, column }
            }
            Fault::Value(steps, problem) => {
                let mut path = String::new();
                for step in steps.iter().rev() {
                    match step {
                        Step::Key(key) => {
                            if !path.is_empty() {
                                path.push('.');
                            }
                            path.push_str(key);
                        }
                        Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
                    }
                }
                if path.is_empty() {
                    path.push_str("body");
                }
                InputError::Value { path, problem }
            }
        }
    }
}
