//! Whose plans an environment takes, and whose approvals.
//!
//! Goes in: the keys that it lists, a plan's author, approvals. Comes out: who approved it, or why nobody did. Never
//! happens: an approval of another plan, or one that does not say who gave it where that is asked for.

use super::approval::{Approval, Author};
use super::key::PublicKey;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How far the clock of who approves may be ahead of that of who applies: else an approval from a clock that is a year ahead would
/// count for a year.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// The rules of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether nothing is applied but a saved plan that was approved.
    pub is_required: bool,
    /// Who may make plans, by name; empty: whoever may approve them.
    pub authors: BTreeMap<String, PublicKey>,
    /// Who may approve them, by name.
    pub approvers: BTreeMap<String, PublicKey>,
    /// Whether an approval counts that is not signed.
    pub takes_unsigned: bool,
    /// Whether one counts that the plan's author gave.
    pub takes_authors: bool,
    /// How long an approval counts; `None`: as long as the plan can be applied.
    pub expires_after: Option<SignedDuration>,
}

/// Why a plan's author is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// The plan is not signed.
    Nobody,
    /// It is signed with a key that is not listed.
    Unlisted(PublicKey),
}

/// Why an approval does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is of another plan, environment or state.
    Foreign,
    /// It is not signed.
    Unsigned,
    /// It is signed with a key that is not listed.
    Unlisted(PublicKey),
    /// The plan's author gave it.
    Author,
    /// It was given longer ago than it counts.
    Expired,
    /// It does not say when it was given, or says that it is yet to be.
    Undated,
}

impl Rules {
    /// These, and what others ask for beside them.
    #[must_use]
    pub fn with_those_of(self, others: &Self) -> Self {
        let expires_after = self.expires_after.into_iter().chain(others.expires_after).min();
        Self { is_required: self.is_required || others.is_required, expires_after, ..self }
    }

    /// Whether plans have to be signed.
    pub fn asks_for_signed(&self) -> bool {
        self.is_required || !self.authors.is_empty()
    }

    /// The name of who made a plan, if that may be; nothing where nobody asks.
    ///
    /// # Errors
    /// If it is signed by nobody, or by nobody who is listed.
    pub fn author(&self, author: &Author) -> Result<Option<&str>, Unsigned> {
        let listed = if self.authors.is_empty() { &self.approvers } else { &self.authors };
        match author.key {
            _ if !self.asks_for_signed() => Ok(None),
            None => Err(Unsigned::Nobody),
            // An environment that takes approvals in good faith may list no key at all.
            Some(_) if listed.is_empty() && self.takes_unsigned => Ok(None),
            Some(key) => named(listed, key).map(Some).ok_or(Unsigned::Unlisted(key)),
        }
    }

    /// Whether an approval counts for the plan that `wanted` would approve, now, and the name of who gave it, if they are listed.
    ///
    /// # Errors
    /// Why it does not.
    pub fn approver(
        &self,
        approval: &Approval,
        wanted: &Approval,
        author: &Author,
    ) -> Result<Option<&str>, Unfit> {
        let what = |approval: &Approval| {
            let Approval { plan, environment, lineage, .. } = approval;
            (plan.clone(), environment.clone(), lineage.clone(), approval.serial)
        };
        if what(approval) != what(wanted) {
            return Err(Unfit::Foreign);
        }
        self.check_age(&approval.approved_at, &wanted.approved_at)?;
        let Some(key) = approval.key else {
            return match (self.takes_unsigned, self.takes_authors || approval.who != author.who) {
                (false, _) => Err(Unfit::Unsigned),
                (true, false) => Err(Unfit::Author),
                (true, true) => Ok(None),
            };
        };
        let name = named(&self.approvers, key).ok_or(Unfit::Unlisted(key))?;
        // One person may have a key for each.
        let by = author.key.and_then(|key| named(&self.authors, key).or_else(|| named(&self.approvers, key)));
        if !self.takes_authors && (author.key == Some(key) || by == Some(name)) {
            return Err(Unfit::Author);
        }
        Ok(Some(name))
    }
}

impl Rules {
    fn check_age(&self, then: &str, now: &str) -> Result<(), Unfit> {
        let Some(expires_after) = self.expires_after else { return Ok(()) };
        let time = |text: &str| text.parse::<Timestamp>().map_err(|_| Unfit::Undated);
        let age = time(now)?.duration_since(time(then)?);
        match age {
            _ if age < -AHEAD_MAX => Err(Unfit::Undated),
            _ if age > expires_after => Err(Unfit::Expired),
            _ => Ok(()),
        }
    }
}

fn named(listed: &BTreeMap<String, PublicKey>, key: PublicKey) -> Option<&str> {
    listed.iter().find(|(_, listed)| **listed == key).map(|(name, _)| name.as_str())
}
