//! How conditions came out, in a plan file: to be shown, since whoever applies it looks at them again.

use super::PlanFileError;
use crate::diag::MASK;
use crate::plan::checked::Moment;
use crate::plan::{CheckStatus, Checkable, Checked, Checks};
use mlo_state::{Address, ModuleAddress};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The conditions on one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckOut {
    of: OfOut,
    status: StatusOut,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

/// What conditions are on: the address of an object, or an instance of a module and a name in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OfOut {
    Check(String, String),
    Output(String, String),
    Variable(String, String),
    Resource(String),
}

/// How they came out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusOut {
    Pass,
    Unknown,
    Fail,
    Error,
}

/// All that was noted.
pub(super) fn encode(checks: &Checks, is_secret: &dyn Fn(&str) -> bool) -> Vec<CheckOut> {
    let mut all = Vec::new();
    for (of, instances) in checks.all() {
        for ((module, key), checked) in instances {
            let at = module.to_string();
            let of = match of {
                Checkable::Check(_, name) => OfOut::Check(at, name.to_string()),
                Checkable::Output(_, name) => OfOut::Output(at, name.to_string()),
                Checkable::Variable(_, name) => OfOut::Variable(at, name.to_string()),
                Checkable::Resource(block) => {
                    let (mode, type_name, name) = (block.mode, block.type_name.clone(), block.name.clone());
                    let module = module.clone();
                    OfOut::Resource(Address { module, mode, type_name, name, key: key.clone() }.to_string())
                }
            };
            let status = match checked.status {
                CheckStatus::Pass => StatusOut::Pass,
                CheckStatus::Unknown => StatusOut::Unknown,
                CheckStatus::Fail => StatusOut::Fail,
                CheckStatus::Error => StatusOut::Error,
            };
            let shown = |text: String| if is_secret(&text) { MASK.to_owned() } else { text };
            all.push(CheckOut { of, status, problems: checked.problems.into_iter().map(shown).collect() });
        }
    }
    all
}

/// The same again.
pub(super) fn decode(all: &[CheckOut]) -> Result<Checks, PlanFileError> {
    let wrong = || PlanFileError::Value { what: "a check".to_owned() };
    let module = |text: &str| text.parse::<ModuleAddress>().map_err(|_| wrong());
    let names = |at: &ModuleAddress| at.block();
    let mut checks = Checks::default();
    for CheckOut { of, status, problems } in all {
        let (of, at) = match of {
            OfOut::Check(at, name) => {
                let at = module(at)?;
                (Checkable::Check(names(&at), Arc::from(name.as_str())), (at, None))
            }
            OfOut::Output(at, name) => {
                let at = module(at)?;
                (Checkable::Output(names(&at), Arc::from(name.as_str())), (at, None))
            }
            OfOut::Variable(at, name) => {
                let at = module(at)?;
                (Checkable::Variable(names(&at), Arc::from(name.as_str())), (at, None))
            }
            OfOut::Resource(address) => {
                let address: Address = address.parse().map_err(|_| wrong())?;
                (Checkable::Resource(address.block()), (address.module, address.key))
            }
        };
        let status = match status {
            StatusOut::Pass => CheckStatus::Pass,
            StatusOut::Unknown => CheckStatus::Unknown,
            StatusOut::Fail => CheckStatus::Fail,
            StatusOut::Error => CheckStatus::Error,
        };
        checks.note(of, at, Moment::Before, Checked { status, problems: problems.clone() });
    }
    Ok(checks)
}
