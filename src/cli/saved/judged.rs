//! The policies that let a saved plan through: they must be the same where it is applied.
//!
//! Goes in: a plan, and what it is judged by here. Comes out: nothing, or which bundle is another.

use super::super::policies;
use super::{AGAIN, Refused, Saved, refuse};
use crate::diag::{code, escape};
use crate::plan::file::PinnedBundle;
use crate::policy::{Decision, Listed};

/// A bundle as a plan holds it.
pub(super) fn pinned(bundle: &Listed) -> PinnedBundle {
    let Listed { name, source, digest, .. } = bundle.clone();
    PinnedBundle { name, source, digest }
}

/// How bundles differ from those that a plan was made with, in words.
fn difference(then: &[PinnedBundle], now: &[PinnedBundle]) -> String {
    let mut said = Vec::new();
    let is_same =
        |one: &PinnedBundle, all: &[PinnedBundle]| all.iter().any(|other| other.digest == one.digest);
    for was in then.iter().filter(|was| !is_same(was, now)) {
        match now.iter().find(|is| is.name == was.name) {
            Some(is) => {
                said.push(format!(
                    "`{}` was {} and is {}",
                    was.name,
                    policies::short(&was.digest),
                    policies::short(&is.digest)
                ));
            }
            None => said.push(format!("`{}` ({}) is not asked", was.name, policies::short(&was.digest))),
        }
    }
    let is_new = |is: &&PinnedBundle| !is_same(is, then) && !then.iter().any(|was| was.name == is.name);
    said.extend(
        now.iter()
            .filter(is_new)
            .map(|is| format!("`{}` ({}) was not asked", is.name, policies::short(&is.digest))),
    );
    if said.is_empty() { "they are in another order".to_owned() } else { said.join("; ") }
}

impl Saved {
    /// The policies that let the plan through, a line each; empty if it is the built-in ones alone.
    pub(in crate::cli) fn judged_by(&self) -> String {
        let bundles = &self.file.made_from.bundles;
        if bundles.iter().all(|bundle| bundle.source.starts_with("mlo://")) {
            return String::new();
        }
        let lines = bundles.iter().map(|PinnedBundle { name, source, digest }| {
            let source =
                Some(format!(" ({})", escape(source))).filter(|_| source != name).unwrap_or_default();
            format!("Judged by {}{source}: {}\n", escape(name), policies::short(digest))
        });
        lines.collect()
    }

    /// Whether the policies are those that the plan was looked at with.
    pub(in crate::cli) fn check_policies(&self, decision: &Decision) -> Result<(), Refused> {
        let made_from = &self.file.made_from;
        if made_from.policies == decision.bundle {
            return Ok(());
        }
        let now: Vec<_> = decision.bundles.iter().map(pinned).collect();
        let what = difference(&made_from.bundles, &now);
        let summary =
            format!("`{}` is stale: the policies have changed since it was made: {what}", self.name);
        let (messages, exit) = refuse(code::engine::PLAN_STALE, summary, AGAIN);
        let then: Vec<_> =
            made_from.bundles.iter().map(|it| format!("`{}` ({})", it.name, it.source)).collect();
        let detail =
            format!("It was judged by {}. They are named again where it is applied.", then.join(", "));
        Err((messages.map(|message| message.detail(escape(&detail))), exit))
    }
}
