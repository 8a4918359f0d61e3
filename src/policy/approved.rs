//! The one function that approves. `Approved` has no other maker: its field is private to this file.

use super::{Decision, Denial, Deployment, Gate, Subject};
use crate::plan::Plan;

/// A plan that every rule let through.
#[derive(Debug)]
pub struct Approved {
    plan: Plan,
    decision: Decision,
}

impl Approved {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was evaluated.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// What the gate says.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one verdict in a run")]
pub enum Verdict {
    /// It may be applied.
    Approved(Approved),
    /// It may not, and why.
    Denied(Denial),
}

/// Asks the policy about every subject and about the plan, and approves it if nothing speaks against any of them.
///
/// A failure of the gate denies. All subjects are evaluated even if the first is denied, so that everything is
/// said at once. Without subjects (a plan of infrastructure alone) only the rules for plans have something to look at.
pub fn check(plan: Plan, subjects: &[Subject<'_>], deployment: &Deployment<'_>, gate: &mut Gate) -> Verdict {
    match gate.decide(subjects, Some(deployment)) {
        Ok(decision) => Verdict::Approved(Approved { plan, decision }),
        Err(denial) => Verdict::Denied(*denial),
    }
}
