//! Whether the records are as they were written, and all there, as far as that can be told.
//!
//! Each record names the digest of the one before, so one that was changed, left out or put between shows. That the newest
//! ones were taken away shows in the state: each of its snapshots says which run wrote it, and there is a record of each run
//! that wrote one. What was denied since writes no snapshot: of that a digest that somebody kept elsewhere tells.

use super::record::{Kept, Kind, Record};
use mlo_state::Version;
use std::collections::BTreeMap;

/// Operations that leave records.
const RECORDED: [&str; 2] = ["apply", "destroy"];

/// What is wrong, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which record it is about, or would be.
    pub sequence: Option<u64>,
    /// What is wrong.
    pub wrong: String,
}

/// A snapshot that is kept, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its serial.
    pub serial: u64,
    /// The state that it is of.
    pub lineage: String,
    /// When the run that wrote it took the lock.
    pub since: String,
    /// Who wrote it.
    pub who: String,
    /// What was being done.
    pub operation: String,
}

impl From<&Version> for Written {
    fn from(Version { snapshot, stamp, .. }: &Version) -> Self {
        let (since, who, operation) = (stamp.at.clone(), stamp.who.clone(), stamp.operation.clone());
        Self { serial: snapshot.serial, lineage: snapshot.lineage.clone(), since, who, operation }
    }
}

/// All that is wrong with the records of a state of which these snapshots are kept. `head` is the digest of a record that
/// somebody kept elsewhere, which must be among them.
pub fn verify(kept: &[Kept], snapshots: &[Written], head: Option<&str>) -> Vec<Finding> {
    let mut findings = chain(kept);
    let records: Vec<_> = kept.iter().filter_map(|kept| kept.record.as_ref().ok()).collect();
    findings.extend(ends(&records));
    findings.extend(runs(&records, snapshots));
    if let Some(head) = head.filter(|head| !kept.iter().any(|kept| kept.digest == *head)) {
        let wrong = format!("no record has the digest {head}: it was changed, or taken away");
        findings.push(Finding { sequence: None, wrong });
    }
    findings
}

/// The records about a plan, by the digest of its document.
pub fn about_plan(kept: &[Kept], digest: &str) -> Vec<u64> {
    let is_about = |kept: &&Kept| {
        let what = kept.record.as_ref().ok().map(|record| &record.entry.what);
        what.and_then(|what| what.pointer("/inputs/plan")?.as_str()) == Some(digest)
    };
    kept.iter().filter(is_about).map(|kept| kept.sequence).collect()
}

/// What does not follow from what stands before it.
fn chain(kept: &[Kept]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expected = 1;
    let mut before: Option<&Kept> = None;
    for each in kept {
        if each.sequence > expected {
            let gone = each.sequence - expected;
            let wrong = if gone == 1 {
                "it is missing".to_owned()
            } else {
                format!("{gone} from here on are missing")
            };
            findings.push(Finding { sequence: Some(expected), wrong });
            before = None;
        }
        let mut say = |wrong: String| findings.push(Finding { sequence: Some(each.sequence), wrong });
        match &each.record {
            Err(why) => say(why.clone()),
            Ok(record) if record.sequence != each.sequence => {
                say(format!("it is kept in the place of record {}", record.sequence));
            }
            Ok(record) => {
                let follows = before.map(|before| before.digest.as_str());
                let is_first = each.sequence == 1;
                if (is_first || follows.is_some()) && record.prev.as_deref() != follows {
                    say(match follows {
                        Some(_) => format!(
                            "it does not follow record {} as that is now: one of the two was changed",
                            each.sequence - 1
                        ),
                        None => "it says that it follows another, and is the first".to_owned(),
                    });
                }
            }
        }
        expected = each.sequence + 1;
        before = Some(each);
    }
    findings
}

/// Ends of what was never begun, and what goes back.
fn ends(records: &[&Record]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut open: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut serial, mut lineage): (u64, Option<&str>) = (0, None);
    for record in records {
        let entry = &record.entry;
        let mut say = |wrong: String| findings.push(Finding { sequence: Some(record.sequence), wrong });
        let run = (entry.since.as_str(), entry.who.as_str());
        match entry.kind {
            Kind::Begun => drop(open.insert(run, record.sequence)),
            Kind::Ended if open.remove(&run).is_none() => {
                say("it is the end of a run of which no record says that it began".to_owned());
            }
            Kind::Ended | Kind::Denied => {}
        }
        if entry.serial < serial {
            say(format!("it is about serial {}, and an earlier record about serial {serial}", entry.serial));
        }
        serial = serial.max(entry.serial);
        match (lineage, entry.lineage.as_deref()) {
            (Some(before), Some(now)) if before != now => {
                say(format!("it is of another state, whose lineage is `{now}`"));
            }
            (None, now) => lineage = now,
            _ => {}
        }
    }
    findings
}

/// Snapshots that a run wrote of which there is no record.
fn runs(records: &[&Record], snapshots: &[Written]) -> Vec<Finding> {
    let is_begun = |written: &Written| {
        records.iter().any(|record| {
            let entry = &record.entry;
            entry.kind == Kind::Begun
                && entry.since == written.since
                && entry.serial < written.serial
                && entry.lineage.as_deref() == Some(&written.lineage)
        })
    };
    // Snapshots from before there was a log are of nothing in it. Where there are no records at all, none of them is.
    let begins =
        records.first().filter(|record| record.sequence == 1).map_or(0, |record| record.entry.serial);
    let recorded = snapshots
        .iter()
        .filter(|written| RECORDED.contains(&written.operation.as_str()) && written.serial > begins);
    let unknown = recorded.filter(|written| !is_begun(written));
    let say = |written: &Written| Finding {
        sequence: None,
        wrong: format!(
            "serial {} of the state was written by {} of {} at {}, and no record says so: it was changed, or taken away",
            written.serial, written.operation, written.who, written.since
        ),
    };
    unknown.map(say).collect()
}
