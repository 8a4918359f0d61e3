//! What the program and the process that evaluates policy say to each other: the twins of what crosses the pipe.
//!
//! Each message is a frame: its length in four bytes, then JSON. A question has a second frame, its input, which only the
//! other side takes apart. Neither side trusts the other's lengths.

use super::verdict::Evaluated;
use super::{Annotation, Level};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

/// Bytes of a request: a bundle, or an input such as the plan of 100,000 objects.
pub(super) const REQUEST_BYTES_MAX: u32 = 512 * 1024 * 1024;
/// Bytes of a reply: what rules say of one input. A hostile policy decides how long it is.
pub(super) const REPLY_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// What is asked of the process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// To parse and check the rules of a bundle.
    Read {
        /// Name relative to the bundle to text.
        rules: BTreeMap<String, String>,
    },
    /// To give the rules that were read their data, once, before all questions.
    Load {
        /// What `data` holds, the environment included.
        data: Json,
    },
    /// To evaluate a package over the input that the next frame holds. A plan is kept, in place of an earlier one.
    Ask {
        /// Such as `model.governance`.
        package: String,
    },
    /// To evaluate the rules for plans over the plan that is kept, with another change, which the next frame holds.
    AskAgain {
        /// Its position in `plan.resource_changes`.
        at: usize,
    },
    /// To read and compile rules and their tests, to be asked anything.
    Open {
        /// Name to text.
        rules: BTreeMap<String, String>,
        /// What `data` holds.
        data: Json,
        /// Whether it is kept which lines are evaluated.
        covers: bool,
    },
    /// To say all that is wrong with rules.
    Check {
        /// Name to text.
        rules: BTreeMap<String, String>,
        /// What `data` holds.
        data: Json,
    },
    /// To evaluate a test of the rules that are open.
    Test {
        /// Such as `data.model.governance_test.test_accuracy`.
        path: String,
    },
    /// To answer a query over the rules that are open, and the input that the next frame holds; it may be empty.
    Eval {
        /// In Rego.
        query: String,
    },
    /// To say which lines of the rules that are open were evaluated.
    Coverage,
}

impl Request {
    /// Whether a frame follows that holds an input.
    pub(super) fn has_input(&self) -> bool {
        matches!(self, Self::Ask { .. } | Self::AskAgain { .. } | Self::Eval { .. })
    }
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The rules are read. What is wrong with them is said once they have their data.
    Read,
    /// The bundle compiles.
    Loaded {
        /// What this system cannot limit, in words: `memory`.
        unlimited: Vec<String>,
        /// What comments say of rules.
        annotations: Vec<Annotation>,
        /// Patterns of the types of objects whose values the rules for plans look at; nothing if that may be any.
        values_of: Option<Vec<String>>,
    },
    /// What the rules of a package say.
    Answer(Answer),
    /// The rules are open, and have these tests.
    Opened { tests: Vec<TestRule> },
    /// What is wrong with rules.
    Checked(Vec<Fault>),
    /// How a test came out.
    Tested(Tested),
    /// What a query found.
    Rows { rows: Vec<Row>, prints: Vec<String> },
    /// Which lines were evaluated.
    Covered(Vec<Covered>),
    /// Why there is no answer.
    Fault(Fault),
}

/// A test among rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRule {
    /// Such as `data.model.governance_test.test_accuracy`.
    pub path: String,
    /// The file, as the bundle names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Whether its name says that it is not to be run yet.
    pub skipped: bool,
}

/// How a test came out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tested {
    /// The value of the rule; nothing if it is undefined.
    pub(super) value: Option<Json>,
    pub(super) prints: Vec<String>,
    pub(super) fault: Option<Fault>,
}

/// One way in which a query holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The expressions of the query.
    pub expressions: Vec<Expression>,
    /// Its variables: name to value.
    pub bindings: Json,
}

/// An expression of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// What it is.
    pub value: Json,
    /// As it was written.
    pub text: String,
    /// Its line in the query, from 1.
    pub row: u32,
    /// Its column, from 1.
    pub column: u32,
}

/// The lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The file, as the bundle names it.
    pub file: String,
    /// Lines that were evaluated.
    pub covered: BTreeSet<u32>,
    /// Lines that were not.
    pub missed: BTreeSet<u32>,
}

/// What the rules of a package say of an input. Its parts have their shapes, and may contradict each other.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) deny: Vec<Violation>,
    pub(super) violation: Option<Vec<Violation>>,
    pub(super) warn: Vec<Violation>,
    pub(super) allow: Option<bool>,
    pub(super) evaluated: Vec<Evaluated>,
}

/// A denial, or a warning, as rules write it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Violation {
    /// Where nothing is said, the definition that it is of says it.
    #[serde(default)]
    pub(super) rule: String,
    pub(super) msg: String,
    /// The object, of a denial that is about one.
    #[serde(default)]
    pub(super) address: String,
    #[serde(default)]
    pub(super) path: String,
    #[serde(default)]
    pub(super) actions: Vec<String>,
    /// Where nothing is said, what the rule's comment says counts.
    #[serde(default)]
    pub(super) level: Option<Level>,
}

/// Why there is no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Fault {
    /// The text of a policy has something that is refused before it is parsed.
    Refused { file: String, line: usize, column: usize, reason: String },
    /// It is not Rego, or not Rego that the engine can evaluate.
    Compile { file: String, reason: String },
    /// A package that every bundle needs has no `deny`.
    PackageMissing { package: String },
    /// A rule failed.
    Evaluation { reason: String },
    /// The engine's own clock ran out.
    TimedOut { limit_ms: u64 },
    /// A part of an answer has another shape than it must have.
    Answer { rule: String, reason: String },
    /// The engine panicked.
    Panicked { reason: String },
}

/// Writes a message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    send_bytes(to, &bytes_of(message))
}

/// A message as it is sent.
pub(super) fn bytes_of(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have string keys only")
}

/// Writes a frame.
pub(super) fn send_bytes(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a message of more than 4 GiB");
    to.write_all(&u32::try_from(bytes.len()).map_err(too_long)?.to_be_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// Reads a frame of at most `bytes_max`. Nothing if the other side has ended.
pub(super) fn receive(from: &mut impl Read, bytes_max: u32) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_be_bytes(length);
    if length > bytes_max {
        let reason = format!("a message of {length} bytes, and at most {bytes_max} are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == u64::from(length) { Ok(Some(bytes)) } else { Ok(None) }
}

/// A message out of a frame.
pub(super) fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_what_is_cut_off_or_too_long_does_not() {
        let mut pipe = Vec::new();
        send(&mut pipe, &Request::Ask { package: "p".into() }).unwrap();
        send_bytes(&mut pipe, b"{}").unwrap();
        let mut reader = pipe.as_slice();
        let frame = receive(&mut reader, 100).unwrap().unwrap();
        assert!(matches!(read(&frame).unwrap(), Request::Ask { package } if package == "p"));
        assert_eq!(receive(&mut reader, 100).unwrap().unwrap(), b"{}");
        assert!(receive(&mut reader, 100).unwrap().is_none());
        for cut in 0..pipe.len() {
            let mut reader = pipe.get(..cut).unwrap();
            let whole = std::iter::from_fn(|| receive(&mut reader, 100).unwrap()).count();
            assert!(whole <= 1, "cut at {cut}");
        }
        let error = receive(&mut [0xff_u8; 8].as_slice(), 100).unwrap_err();
        assert!(error.to_string().contains("at most 100"), "{error}");
        assert!(read::<Reply>(b"{\"Answer\": 1}").is_err());
    }
}
