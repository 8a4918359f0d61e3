//! A plan as a file: what it was made from, and what it announced, with a digest of every byte.
//!
//! Goes in: a plan, and what it was made from. Comes out: bytes; or, of bytes that anybody may have changed, the same
//! again. Never happens: a sensitive value in what is not sealed, a file of which one byte was changed taken for a plan. Nothing in a
//! file is carried out: an apply makes the plan again from what the file embeds, and compares.

mod check;
mod operation;
mod value;

#[cfg(test)]
mod tests;

pub use operation::{Differs, compare};
pub use value::TooDeep;

use super::{Action, Inputs, Kind, Move, Operations, Plan, Reading};
use crate::lang::config::Module;
use crate::lang::value::Value;
use crate::sign::{Author, Purpose, SecretKey, Signature};
use check::CheckOut;
use data_encoding::HEXLOWER;
use operation::{ChangeOut, DataOut, DriftOut, OperationOut};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use value::{Encoder, ValueOut};

/// Version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;
/// Bytes of a plan file: 100,000 operations of 2.5 KiB.
pub const BYTES_MAX: usize = 256 * 1024 * 1024;
/// What stands between the content and its digest.
const DIGEST: &str = ",\"digest\":\"sha256:";
/// What stands between the digest and the signature of it, if there is one.
const SIGNATURE: &str = "\",\"signature\":\"";
/// Bytes of a signature as text, at most.
const SIGNATURE_BYTES_MAX: usize = 512;
/// How every file ends.
const END: &str = "\"}\n";
/// How every file begins.
const HEAD: &str = "{\"format_version\":";
/// Rounds of the digest of a sensitive value: some milliseconds, so that a guess costs as much.
const ROUNDS: usize = 20_000;

/// Why bytes are no plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanFileError {
    /// It is something else.
    #[error("it is not a plan file")]
    Alien,
    /// Its end is missing.
    #[error("it is cut short")]
    Truncated,
    /// A byte was changed.
    #[error("it is damaged, or was changed: it does not fit its digest")]
    Digest,
    /// It is not signed as it says.
    #[error("it was changed: it is not signed by whom it says")]
    Signature,
    /// It fits its digest and is none of ours.
    #[error("it is not as mlo writes it, in column {column}")]
    Shape {
        /// Where.
        column: usize,
    },
    /// A later version wrote it.
    #[error("its format is {found}, and this program reads up to {FORMAT_VERSION}")]
    Newer {
        /// The format's version.
        found: u64,
    },
    /// A value in it is not of its type.
    #[error("{what} in it cannot be read")]
    Value {
        /// What it belongs to.
        what: String,
    },
}

/// What a plan was made from, and what it announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The program that wrote it.
    pub mlo_version: String,
    /// What the plan was made from.
    pub made_from: MadeFrom,
    /// The types that values below name by their number.
    types: Vec<Json>,
    /// Whether all of the configuration was planned.
    complete: bool,
    /// The digest of all that is planned, what is sensitive included.
    planned: String,
    /// What was given for variables of the root module.
    variables: BTreeMap<String, VariableOut>,
    /// The values that the variables of the root module had, to be shown.
    values: BTreeMap<String, ValueOut>,
    /// How conditions came out, to be shown.
    checks: Vec<CheckOut>,
    operations: Vec<OperationOut>,
    data: Vec<DataOut>,
    unread: Vec<String>,
    drift: Vec<DriftOut>,
    outputs: BTreeMap<String, ChangeOut>,
}

/// All that a plan depends on but the values of variables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeFrom {
    /// The lineage of the state.
    pub lineage: String,
    /// Its serial.
    pub serial: u64,
    /// The digest of all of it.
    pub state: String,
    /// The environment.
    pub environment: String,
    /// Whether it was named, or the one that there is where none is.
    pub is_named: bool,
    /// The digest of the policy bundle, or of all together.
    pub policies: String,
    /// The policy bundles, the one with the most say first.
    #[serde(default)]
    pub bundles: Vec<PinnedBundle>,
    /// What kind of plan: `apply`, `destroy`, `refresh`.
    pub kind: String,
    /// Whether objects were read.
    pub refresh: bool,
    /// Whether a `check` block that does not hold is an error.
    #[serde(default)]
    pub strict_checks: bool,
    /// The addresses that `--target`, `--exclude` and `--replace` named, in this order.
    pub parts: [Vec<String>; 3],
    /// Rules of the policies that are passed by, each with the reason: who approves the plan approves that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
    /// What the policies said, as the plan's document has it, to be shown.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub judged: Json,
    /// Seconds since 1970.
    pub planned_at: i64,
    /// User and machine of who made it, as they called themselves.
    pub who: String,
    /// The public key that it is signed with.
    pub signer: Option<String>,
    /// The project's folder as the user wrote it.
    pub folder: String,
    /// The one manifest that was named.
    pub manifest: Option<String>,
    /// Where the command ran.
    pub working_folder: String,
    /// Makes the digests below those of this file alone.
    pub salt: String,
    /// Files of the configuration, by their place in the project.
    pub configuration: BTreeMap<String, Embedded>,
    /// Files with manifests, by the name that is shown.
    pub manifests: BTreeMap<String, Embedded>,
    /// Files that are not the project's own, by the name that is shown, to a digest.
    pub fetched: BTreeMap<String, String>,
    /// What functions saw of the project: `read NAME` to a digest.
    pub seen: BTreeMap<String, String>,
}

/// A bundle of policies that let a plan through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedBundle {
    /// What it is called.
    pub name: String,
    /// Where it was from, without credentials.
    pub source: String,
    /// Its digest.
    pub digest: String,
}

/// A file that is part of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {
    /// The digest of its text.
    pub digest: String,
    /// Its text, unless a sensitive value stands in it: then it must be there again.
    pub text: Option<String>,
}

/// A value that was given for a variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableOut {
    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<ValueOut>,
    /// The digest of one that is sensitive, and must be given again.
    #[serde(skip_serializing_if = "Option::is_none")]
    keyed: Option<String>,
    /// It is kept nowhere, and may be another one each time.
    ephemeral: bool,
}

/// What the file says of a variable's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// It was this.
    Value(Value),
    /// It must be given again, and be the same.
    Again,
    /// It must be given again.
    Anew,
}

impl PlanFile {
    /// Everything that a file needs of a plan. `is_secret` tells texts in which a sensitive value stands; a file that
    /// `is_sealed` afterwards keeps what was given for sensitive variables.
    ///
    /// # Errors
    /// If a value nests too deep to be read back.
    pub fn new(
        plan: &Plan,
        made_from: MadeFrom,
        inputs: &Inputs,
        is_secret: &dyn Fn(&str) -> bool,
        is_sealed: bool,
    ) -> Result<Self, TooDeep> {
        let mut encoder = Encoder::new(is_secret);
        let mut variables = BTreeMap::new();
        for (name, input) in inputs {
            let Some(variable) = plan.config.variables.get(name) else { continue };
            let Ok(value) = input.value(Reading::of(variable)) else { continue };
            let mut out = VariableOut { value: None, keyed: None, ephemeral: variable.ephemeral };
            let shown = encoder.masked(&value, name)?;
            let is_hidden = variable.sensitive || shown.is_masked();
            if is_hidden && is_sealed && !variable.ephemeral {
                out.value = Some(encoder.whole(&value, name)?);
            } else if is_hidden {
                out.keyed = Some(keyed(&made_from.salt, name, &value)).filter(|_| !variable.ephemeral);
            } else if !variable.ephemeral {
                out.value = Some(shown);
            }
            variables.insert(name.to_string(), out);
        }
        let operations = plan.operations.iter().map(|operation| OperationOut::new(operation, &mut encoder));
        let operations = operations.collect::<Result<_, _>>()?;
        let drift =
            plan.drift.iter().map(|drift| DriftOut::new(drift, &mut encoder)).collect::<Result<_, _>>()?;
        let data = plan.data.values().flatten();
        let data = data
            .map(|(address, data)| DataOut::new(address, data, &mut encoder))
            .collect::<Result<_, _>>()?;
        let unread = plan.unread.iter().map(ToString::to_string).collect();
        let mut values = BTreeMap::new();
        for (name, value) in plan.shown_variables() {
            values.insert(name.to_string(), encoder.masked(value, name)?);
        }
        let mut outputs = BTreeMap::new();
        for (name, change) in &plan.outputs {
            outputs.insert(name.to_string(), ChangeOut::new(name, change, &mut encoder)?);
        }
        let mlo_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self {
            mlo_version,
            planned: planned(&made_from.salt, plan),
            made_from,
            complete: plan.complete,
            types: encoder.into_types(),
            variables,
            values,
            checks: check::encode(&plan.checks, is_secret),
            operations,
            data,
            unread,
            drift,
            outputs,
        })
    }

    /// The bytes of the file: the same for the same plan. They are signed with `key`, which is the [`MadeFrom::signer`].
    pub fn encode(&self, key: Option<&SecretKey>) -> String {
        let document = serde_json::to_string(self).expect("a plan file has only string keys");
        let rest = document.strip_prefix('{').unwrap_or(&document);
        let rest = rest.strip_suffix('}').unwrap_or(rest);
        let content = format!("{HEAD}{FORMAT_VERSION},{rest}");
        let digest = HEXLOWER.encode(&Sha256::digest(content.as_bytes()));
        let signature = key.map(|key| key.sign(Purpose::Plan, named_digest(&digest).as_bytes()).encode());
        let signature = signature.map(|signature| SIGNATURE.to_owned() + &signature).unwrap_or_default();
        content + DIGEST + &digest + &signature + END
    }

    /// The digest that bytes of a plan file end with: what names the plan.
    pub fn digest(bytes: &[u8]) -> Option<String> {
        let (_, digest, _) = split_digest(bytes)?;
        std::str::from_utf8(digest).ok().map(named_digest)
    }

    /// Whether bytes begin as every plan file does.
    pub fn is_begun_by(bytes: &[u8]) -> bool {
        bytes.starts_with(HEAD.as_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanFileError> {
        let Some((content, digest, signature)) = split_digest(bytes) else {
            return Err(newer(bytes).unwrap_or(if Self::is_begun_by(bytes) {
                PlanFileError::Truncated
            } else {
                PlanFileError::Alien
            }));
        };
        if HEXLOWER.encode(&Sha256::digest(content)).as_bytes() != digest {
            return Err(PlanFileError::Digest);
        }
        if let Some(error) = newer(bytes) {
            return Err(error);
        }
        let head = format!("{HEAD}{FORMAT_VERSION},");
        let rest = content.strip_prefix(head.as_bytes()).ok_or(PlanFileError::Alien)?;
        let document = [b"{", rest, b"}"].concat();
        let file: Self = serde_json::from_slice(&document).map_err(|error| PlanFileError::Shape {
            column: (error.column() + head.len()).saturating_sub(1),
        })?;
        let digest = std::str::from_utf8(digest).map(named_digest).unwrap_or_default();
        let signed = |signature: &[u8]| Signature::decode(signature)?.by(Purpose::Plan, digest.as_bytes());
        let fits = match (signature, file.author()?.key) {
            (None, None) => true,
            (Some(signature), Some(key)) => signed(signature) == Some(key),
            _ => false,
        };
        if fits { Ok(file) } else { Err(PlanFileError::Signature) }
    }

    /// Who made the plan.
    ///
    /// # Errors
    /// If what stands for the key is none.
    pub fn author(&self) -> Result<Author, PlanFileError> {
        let key = self.made_from.signer.as_deref().map(str::parse).transpose();
        let key = key.map_err(|_| PlanFileError::Value { what: "the key of its author".to_owned() })?;
        Ok(Author { who: self.made_from.who.clone(), key })
    }

    /// What the file says of the variables for which values were given.
    ///
    /// # Errors
    /// If a value is not of its type.
    pub fn given(&self) -> Result<BTreeMap<&str, Given>, PlanFileError> {
        let types = value::types(&self.types);
        let given = |(name, out): (&String, &VariableOut)| {
            Some(match out {
                VariableOut { ephemeral: true, .. } => Ok(Given::Anew),
                VariableOut { value: Some(value), .. } => value.decode(&types, name).map(Given::Value),
                VariableOut { .. } => Ok(Given::Again),
            })
        };
        let all = self.variables.iter().filter_map(|entry| Some((entry.0.as_str(), given(entry)?)));
        all.map(|(name, given)| Ok((name, given?))).collect()
    }

    /// Whether this is the sensitive value that the plan was made with.
    pub fn is_same(&self, name: &str, value: &Value) -> bool {
        let expected = self.variables.get(name).and_then(|out| out.keyed.as_ref());
        expected == Some(&keyed(&self.made_from.salt, name, value))
    }

    /// Whether another plan, which announces the same as far as it can be read, does so also where it is sensitive.
    pub fn plans_the_same(&self, plan: &Plan) -> bool {
        self.planned == planned(&self.made_from.salt, plan)
    }

    /// What kind of plan it is.
    pub fn kind(&self) -> Option<Kind> {
        [Kind::Apply, Kind::Destroy, Kind::Refresh]
            .into_iter()
            .find(|kind| kind_name(*kind) == self.made_from.kind)
    }

    /// The plan as it was announced: to be looked at, not to be applied. A sensitive value is a mask.
    ///
    /// # Errors
    /// If an address, a name or a value in it cannot be read.
    pub fn plan(&self, config: Arc<Module>) -> Result<Plan, PlanFileError> {
        let types = value::types(&self.types);
        let mut operations =
            self.operations.iter().map(|out| out.decode(&types)).collect::<Result<Operations, _>>()?;
        operations.sort();
        let mut by_block = std::collections::HashMap::<_, Vec<usize>>::new();
        for (number, operation) in operations.iter().enumerate() {
            by_block.entry(operation.address.block()).or_default().push(number);
        }
        let outputs =
            self.outputs.iter().map(|(name, out)| Ok((name.as_str().into(), out.decode(&types, name)?)));
        let mut data: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for out in &self.data {
            let (address, object) = out.decode(&types)?;
            data.entry(address.block()).or_default().insert(address, object);
        }
        let values = self.values.iter();
        let values = values.map(|(name, out)| Ok((name.as_str().into(), out.decode(&types, name)?)));
        let unread = self.unread.iter().map(|address| address.parse());
        let unread = unread.collect::<Result<_, _>>();
        Ok(Plan {
            lineage: self.made_from.lineage.clone(),
            serial: self.made_from.serial,
            kind: self.kind().ok_or(PlanFileError::Value { what: "the kind".to_owned() })?,
            environment: self.made_from.environment.clone(),
            config,
            moves: moves(&operations),
            operations,
            by_block,
            steps: super::Steps::default(),
            values: super::Values::of_root_variables(values.collect::<Result<_, PlanFileError>>()?),
            complete: self.complete,
            data,
            checks: check::decode(&self.checks)?,
            unread: unread.map_err(|_| PlanFileError::Value { what: "an address".to_owned() })?,
            drift: self.drift.iter().map(|out| out.decode(&types)).collect::<Result<_, _>>()?,
            outputs: outputs.collect::<Result<_, _>>()?,
        })
    }
}

impl MadeFrom {
    /// The digest of what a function saw or of a file's text, good for this file alone.
    pub fn digest(&self, bytes: &[u8]) -> String {
        salted(&self.salt, bytes)
    }
}

/// The objects that have other addresses than the state has for them.
fn moves(operations: &Operations) -> Vec<Move> {
    let moved = operations.iter().filter_map(|operation| {
        Some(Move { from: operation.previous.clone()?, to: operation.address.clone() })
    });
    moved.collect()
}

/// The name of a kind of plan in a file.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Apply => "apply",
        Kind::Destroy => "destroy",
        Kind::Refresh => "refresh",
    }
}

fn salted(salt: &str, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(bytes);
    HEXLOWER.encode(&hash.finalize())
}

/// The digest of a sensitive value, slow to guess at.
fn keyed(salt: &str, name: &str, value: &Value) -> String {
    let bare = value.unmarked_deep();
    let json = crate::lang::value::to_json_dynamic(&bare).unwrap_or_default();
    rounds(salt, salted(salt, format!("{name}\n{json}").as_bytes()))
}

/// The digest of the values that changes and outputs will have, slow to guess at.
fn planned(salt: &str, plan: &Plan) -> String {
    let mut hash = Hashing(Sha256::new_with_prefix(salt));
    let mut add = |name: &dyn std::fmt::Display, value: &Value| {
        writeln!(hash, "{name} {:?}", value.unmarked_deep()).expect("a digest takes everything");
    };
    for operation in plan.operations.iter().filter(|operation| operation.action != Action::NoOp) {
        if let Some(value) = &operation.planned {
            add(&operation.address, value);
        }
    }
    for (name, change) in &plan.outputs {
        if let Some(value) = &change.after {
            add(name, value);
        }
    }
    rounds(salt, HEXLOWER.encode(&hash.0.finalize()))
}

/// A digest that is written into.
struct Hashing(Sha256);

impl std::fmt::Write for Hashing {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

fn rounds(salt: &str, mut digest: String) -> String {
    for _ in 0..ROUNDS {
        digest = salted(salt, digest.as_bytes());
    }
    digest
}

/// A digest with its kind.
fn named_digest(digits: &str) -> String {
    format!("sha256:{digits}")
}

/// The content that a digest is of, the digest's digits, and the signature of it, if there is one.
type Parts<'b> = (&'b [u8], &'b [u8], Option<&'b [u8]>);

/// The parts of a file; nothing if it does not end as a plan does.
fn split_digest(bytes: &[u8]) -> Option<Parts<'_>> {
    let rest = bytes.strip_suffix(END.as_bytes())?;
    let (rest, signature) = match signature_in(rest) {
        Some(at) => (rest.get(..at)?, rest.get(at + SIGNATURE.len()..)),
        None => (rest, None),
    };
    let (rest, digest) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    Some((rest.strip_suffix(DIGEST.as_bytes())?, digest, signature))
}

/// Where a signature begins at the end of a file. No digest has a quotation mark in it.
fn signature_in(bytes: &[u8]) -> Option<usize> {
    let start = bytes.len().saturating_sub(SIGNATURE_BYTES_MAX + SIGNATURE.len());
    let end = bytes.get(start..)?;
    let found = end.windows(SIGNATURE.len()).rposition(|window| window == SIGNATURE.as_bytes())?;
    Some(start + found)
}

/// Whether a later version wrote it.
fn newer(bytes: &[u8]) -> Option<PlanFileError> {
    let rest = bytes.strip_prefix(HEAD.as_bytes())?;
    let digits: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).take(20).collect();
    let found: u64 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    (found > FORMAT_VERSION).then_some(PlanFileError::Newer { found })
}
