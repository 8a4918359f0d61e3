//! What became of the conditions of a configuration: of variables, resources, data sources and outputs, and of `check`
//! blocks.

use crate::diag::{Diagnostics, Severity};
use mlo_state::{BlockAddress, Key, ModuleAddress};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that conditions are on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkable {
    /// A `check` block of a module, by the names of the calls that lead there.
    Check(Vec<Arc<str>>, Arc<str>),
    /// An output.
    Output(Vec<Arc<str>>, Arc<str>),
    /// A resource or a data source.
    Resource(BlockAddress),
    /// A variable.
    Variable(Vec<Arc<str>>, Arc<str>),
}

/// How a condition came out, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// It holds.
    Pass,
    /// It cannot be told yet.
    Unknown,
    /// It does not hold.
    Fail,
    /// It cannot be evaluated.
    Error,
}

/// How the conditions on one instance came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The worst of them.
    pub status: CheckStatus,
    /// The messages of those that do not hold.
    pub problems: Vec<String>,
}

/// One instance of something that conditions are on.
pub type CheckedAt = (ModuleAddress, Option<Key>);

/// Before something is done, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    Before,
    After,
}

/// How all conditions came out.
#[derive(Debug, Clone, Default)]
pub struct Checks(BTreeMap<Checkable, BTreeMap<(CheckedAt, Moment), Checked>>);

impl Checks {
    /// Notes how conditions came out; what was noted of the same ones before is forgotten.
    pub(super) fn note(&mut self, of: Checkable, at: CheckedAt, moment: Moment, checked: Checked) {
        self.0.entry(of).or_default().insert((at, moment), checked);
    }

    /// All of it, by instances.
    pub fn all(&self) -> impl Iterator<Item = (&Checkable, BTreeMap<&CheckedAt, Checked>)> {
        self.0.iter().map(|(of, noted)| {
            let mut instances: BTreeMap<&CheckedAt, Checked> = BTreeMap::new();
            for ((at, _), checked) in noted {
                let all = instances
                    .entry(at)
                    .or_insert(Checked { status: CheckStatus::Pass, problems: Vec::new() });
                all.status = all.status.max(checked.status);
                all.problems.extend(checked.problems.iter().cloned());
            }
            (of, instances)
        })
    }
}

/// How conditions came out, and what there is to say of it.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) checked: Checked,
    /// Whether one of them is not known yet, whatever became of the others.
    pub(crate) unknown: bool,
    pub(crate) messages: Diagnostics,
}

impl Judged {
    /// Nothing can be told yet.
    pub(crate) fn unknown() -> Self {
        let checked = Checked { status: CheckStatus::Unknown, problems: Vec::new() };
        Self { checked, unknown: true, messages: Diagnostics::new() }
    }

    /// Something that the conditions need cannot be had.
    pub(crate) fn failed(messages: Diagnostics) -> Self {
        let problems = messages.iter().map(|message| message.summary.clone()).collect();
        Self { checked: Checked { status: CheckStatus::Fail, problems }, unknown: false, messages }
    }

    /// Its errors, if there are any.
    pub(crate) fn result(self) -> Result<(), Diagnostics> {
        if self.messages.has_errors() { Err(self.messages) } else { Ok(()) }
    }

    /// Its messages as warnings, unless that is to be strict.
    pub(crate) fn said(self, strict: bool) -> Diagnostics {
        if strict {
            return self.messages;
        }
        self.messages.map(|mut message| {
            message.severity = Severity::Warning;
            message
        })
    }
}
