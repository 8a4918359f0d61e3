//! A state file of Terraform or `OpenTofu`, format version 4.
//!
//! In: bytes that anybody may have written. Out: what the file says, as it says it; or why it is no such file. Never: a
//! value of the file in a message.

use crate::diag::{Diagnostic, Diagnostics, code};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Largest file that is read, in bytes: it is in memory whole, several times.
pub(in crate::cli) const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The version of the format, from Terraform 0.12 on.
const VERSION: u64 = 4;
/// Longest version of a program that is shown.
const PROGRAM_VERSION_BYTES_MAX: usize = 32;

/// The whole file.
#[derive(Deserialize)]
pub(super) struct State {
    #[serde(default)]
    pub(super) terraform_version: String,
    #[serde(default)]
    pub(super) serial: u64,
    #[serde(default)]
    pub(super) outputs: BTreeMap<String, Output>,
    #[serde(default)]
    pub(super) resources: Vec<Resource>,
}

/// A value of the root module.
#[derive(Deserialize)]
pub(super) struct Output {
    pub(super) value: Value,
    #[serde(rename = "type")]
    pub(super) value_type: Value,
    #[serde(default)]
    pub(super) sensitive: bool,
}

/// A block in an instance of its module.
#[derive(Deserialize)]
pub(super) struct Resource {
    #[serde(default)]
    pub(super) module: String,
    pub(super) mode: Mode,
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) instances: Vec<Instance>,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Managed,
    Data,
}

/// An object.
#[derive(Deserialize)]
pub(super) struct Instance {
    pub(super) index_key: Option<IndexKey>,
    pub(super) status: Option<Status>,
    pub(super) deposed: Option<String>,
    /// `OpenTofu` says here which instance of a provider made it.
    pub(super) provider: Option<String>,
    #[serde(default)]
    pub(super) schema_version: u64,
    pub(super) attributes: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) sensitive_attributes: Vec<Vec<Step>>,
    /// Blocks, from the root module on.
    #[serde(default)]
    pub(super) dependencies: Vec<String>,
    /// What Terraform 0.12 wrote in its place: names as the block's own module has them.
    #[serde(default)]
    pub(super) depends_on: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum IndexKey {
    Position(u64),
    Name(String),
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Tainted,
}

/// A step down into the attributes: `get_attr` with a name, or `index` with a number or a string.
#[derive(Deserialize)]
pub(super) struct Step {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: Value,
}

impl State {
    /// What the file says.
    ///
    /// # Errors
    /// If it is no state of Terraform in a version that is read here. `shown` is what the file is called.
    pub(super) fn read(shown: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        let refused = |what: &str| refused(format!("`{shown}` {what}"));
        if bytes.is_empty() {
            return Err(refused("is empty").help(PULL).into());
        }
        if bytes.len() as u64 > BYTES_MAX {
            return Err(refused("is larger than 256 MiB").into());
        }
        check_kind(bytes, &refused)?;
        // What serde says of a value may show it: only the place is taken from it.
        let state: Self = serde_json::from_slice(bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            if error.to_string().starts_with("recursion limit exceeded") {
                return refused(&format!("nests too deep at {place}"));
            }
            refused(&format!("is not as Terraform writes it at {place}")).help(PULL)
        })?;
        if state.resources.is_empty() && state.outputs.is_empty() {
            return Err(refused("has no objects and no outputs: there is nothing to take in").into());
        }
        Ok(state)
    }

    /// What wrote it, if that is fit to be shown, and when in its life.
    pub(super) fn origin(&self) -> String {
        let version = &self.terraform_version;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        let fit =
            !version.is_empty() && version.len() <= PROGRAM_VERSION_BYTES_MAX && version.bytes().all(plain);
        let version = if fit { format!(" {version}") } else { String::new() };
        format!("Terraform{version}, serial {}", self.serial)
    }
}

const PULL: &str = "give the file that `terraform state pull > terraform.tfstate` writes";

pub(super) fn refused(summary: String) -> Diagnostic {
    Diagnostic::error(code::state::NOT_TAKEN_IN, summary)
}

/// The outputs of a state, and nothing else of it.
///
/// # Errors
/// If the bytes are no state of Terraform in a version that is read here.
pub(in crate::cli) fn outputs(
    shown: &str,
    bytes: &[u8],
) -> Result<BTreeMap<String, mlo_state::Output>, Diagnostics> {
    #[derive(Deserialize)]
    struct Outputs {
        #[serde(default)]
        outputs: BTreeMap<String, Output>,
    }
    let refused = |what: &str| refused(format!("`{shown}` {what}"));
    if bytes.len() as u64 > BYTES_MAX {
        return Err(refused("is larger than 256 MiB").into());
    }
    check_kind(bytes, &refused)?;
    let Outputs { outputs } = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        refused(&format!("is not as Terraform writes it at {place}"))
    })?;
    let output = |Output { value, value_type, sensitive }| mlo_state::Output { value, value_type, sensitive };
    Ok(outputs.into_iter().map(|(name, each)| (name, output(each))).collect())
}

/// Tells other documents that people have at hand from a state.
fn check_kind(bytes: &[u8], refused: &dyn Fn(&str) -> Diagnostic) -> Result<(), Diagnostics> {
    #[derive(Deserialize)]
    struct Probe {
        version: Option<Value>,
        format_version: Option<IgnoredAny>,
        mlo_version: Option<IgnoredAny>,
        encrypted_data: Option<IgnoredAny>,
    }
    let probe: Probe = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Eof => format!("ends in the middle, at {place}"),
            _ => format!("is no state of Terraform: it is not understood at {place}"),
        };
        refused(&what).help(PULL)
    })?;
    let error = if probe.encrypted_data.is_some() {
        refused("is encrypted by OpenTofu").help("`tofu state pull > terraform.tfstate` writes it in clear")
    } else if probe.mlo_version.is_some() {
        refused("is a state of mlo, not of Terraform").help("`mlo state push` puts it here")
    } else if probe.format_version.is_some() {
        let error = refused("is what `terraform show -json` prints, which leaves out what a state needs");
        error.help(PULL)
    } else {
        match probe.version.as_ref().map(Value::as_u64) {
            Some(Some(VERSION)) => return Ok(()),
            Some(Some(version)) if version > VERSION => {
                let error =
                    refused(&format!("is of format version {version}, and this program reads version 4"));
                error.help("use a later version of mlo")
            }
            Some(Some(version)) => {
                let error = refused(&format!("is of format version {version}, of before Terraform 0.12"));
                error.help("`terraform state pull` of Terraform 0.12 or later writes it in version 4")
            }
            Some(None) | None => refused("is no state of Terraform: it has no version").help(PULL),
        }
    };
    Err(error.into())
}
