//! Whether what a store keeps is whole and belongs together: the state, its journal, and the snapshots before it.
//!
//! In: a store. Out: a line for each thing that was looked at, with what is wrong with it. Never: a write; an end at the
//! first thing that is wrong.

use crate::file::HISTORY_MAX;
use crate::snapshot::Version;
use crate::store::{Store, StoreError};

/// What was looked at, and how it is.
#[derive(Debug)]
pub struct Finding {
    /// What: `the state`, `serial 3`.
    pub what: String,
    /// What is there, if it is as it should be.
    pub found: String,
    /// What is wrong with it.
    pub wrong: Option<Wrong>,
}

/// What is wrong with something that is kept.
#[derive(Debug)]
pub enum Wrong {
    /// It cannot be read, or cannot be believed.
    Refused(StoreError),
    /// It is whole, and not what the next snapshot says that it followed.
    Broken {
        /// The serial whose snapshot says otherwise.
        next: u64,
    },
    /// It is not there, though the next one followed it: nothing else is lost by that.
    Gone {
        /// The serial that followed it.
        next: u64,
    },
    /// It is whole, and of something else.
    Foreign {
        /// The lineage that it has.
        found: String,
    },
}

impl Wrong {
    /// Whether the present state is as good without it.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "{error}"),
            Self::Broken { next } => {
                write!(
                    f,
                    "it is not the snapshot that serial {next} was made from: one of the two was changed"
                )
            }
            Self::Gone { next } => {
                write!(f, "it is gone, though serial {next} followed it: it cannot be looked at, or restored")
            }
            Self::Foreign { found } => write!(f, "it is of another state, whose lineage is `{found}`"),
        }
    }
}

/// Looks at all that a store keeps, the newest first. Nothing is found in a store that nothing was written to.
pub async fn verify(store: &dyn Store) -> Vec<Finding> {
    let mut findings = Vec::new();
    let state = store.read().await;
    let lineage = match &state {
        Ok(loaded) => loaded.snapshot.as_ref().map(|snapshot| snapshot.lineage.clone()),
        Err(_) => None,
    };
    match state {
        Ok(loaded) => {
            let Some(snapshot) = loaded.snapshot else { return findings };
            let torn = if loaded.torn { ", and an end of the journal that a crash tore" } else { "" };
            let open = loaded.pending.len();
            let found = format!(
                "serial {}, {} objects, {open} open change{}{torn}",
                snapshot.serial,
                snapshot.objects.len(),
                if open == 1 { "" } else { "s" },
            );
            findings.push(Finding { what: "the state and its journal".to_owned(), found, wrong: None });
        }
        Err(error) => {
            let (what, wrong) = ("the state and its journal".to_owned(), Some(Wrong::Refused(error)));
            findings.push(Finding { what, found: String::new(), wrong });
        }
    }
    if findings.iter().all(|finding| finding.wrong.is_none())
        && let Err(error) = store.check().await
    {
        let (what, wrong) = ("the marker".to_owned(), Some(Wrong::Refused(error)));
        findings.push(Finding { what, found: String::new(), wrong });
    }
    let serials = match store.serials().await {
        Ok(serials) => serials,
        Err(error) => {
            let (what, wrong) = ("the history".to_owned(), Some(Wrong::Refused(error)));
            findings.push(Finding { what, found: String::new(), wrong });
            return findings;
        }
    };
    let mut next: Option<Version> = None;
    let is_full = serials.len() > HISTORY_MAX;
    for serial in serials {
        let (version, wrong) = match store.version(serial).await {
            Ok(Some(version)) => {
                let wrong = judge(&version, next.as_ref(), lineage.as_deref());
                (Some(version), wrong)
            }
            Ok(None) => continue,
            Err(error) => (None, Some(Wrong::Refused(error))),
        };
        findings.extend(next.as_ref().and_then(|next| gone(next, Some(serial))));
        let found = version.as_ref().map(told).unwrap_or_default();
        findings.push(Finding { what: format!("serial {serial}"), found, wrong });
        next = version;
    }
    // Of a history that is full, the one before it all was put away.
    findings.extend(next.as_ref().filter(|_| !is_full).and_then(|next| gone(next, None)));
    findings
}

/// The serial that one followed, if it is not there. `kept` is the newest before it that is.
fn gone(next: &Version, kept: Option<u64>) -> Option<Finding> {
    let (of, before) = (next.snapshot.serial, next.snapshot.serial.checked_sub(1)?);
    let is_gone = before > 0 && next.stamp.prev.is_some() && kept != Some(before);
    is_gone.then(|| Finding {
        what: format!("serial {before}"),
        found: String::new(),
        wrong: Some(Wrong::Gone { next: of }),
    })
}

fn judge(version: &Version, next: Option<&Version>, lineage: Option<&str>) -> Option<Wrong> {
    let found = &version.snapshot.lineage;
    if lineage.is_some_and(|lineage| lineage != found) {
        return Some(Wrong::Foreign { found: found.clone() });
    }
    let next = next.filter(|next| version.snapshot.serial.checked_add(1) == Some(next.snapshot.serial))?;
    let is_other = next.stamp.prev.as_ref().is_some_and(|prev| *prev != version.digest);
    is_other.then_some(Wrong::Broken { next: next.snapshot.serial })
}

fn told(version: &Version) -> String {
    let objects = version.snapshot.objects.len();
    let sealed =
        version.key.as_ref().map_or_else(|| "in clear".to_owned(), |key| format!("sealed with `{key}`"));
    format!("{objects} object{}, {sealed}", if objects == 1 { "" } else { "s" })
}
