//! The one function that approves. `Approved` has no other maker: its fields are private to this file.

use super::{Again, Decision, Denial, Deployment, Gates, Sight, Subject};
use crate::plan::{Operation, Plan, Waiting};
use std::sync::Arc;

/// A plan that every rule let through.
#[derive(Debug)]
pub struct Approved {
    plan: Arc<Plan>,
    decision: Decision,
    /// Objects of which the rules have not seen everything.
    waiting: Waiting,
    /// Whose values the rules look at.
    sight: Sight,
    number: u64,
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

    /// The number of the plan among those that its gate judged.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the rules must be asked again before an object is changed: by then all is known that its configuration says.
    pub fn must_be_asked_again(&self, operation: &Operation) -> bool {
        self.waiting.waits(&operation.address)
    }

    /// The objects of which the rules have not seen everything.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Whose values the rules look at.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }
}

/// What the gate says.
#[derive(Debug)]
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
pub fn check(
    plan: Arc<Plan>,
    subjects: &[Subject<'_>],
    deployment: &Deployment<'_>,
    gates: &mut Gates,
) -> Verdict {
    let sight = gates.sight();
    let waiting = Waiting::of(&plan, |type_name| sight.sees(type_name));
    match gates.decide(subjects, Some(deployment), &waiting) {
        Ok(decision) => {
            Verdict::Approved(Approved { plan, decision, waiting, sight, number: gates.judged() })
        }
        Err(denial) => Verdict::Denied(*denial),
    }
}

/// Asks the policy about manifests alone. It approves nothing: there is no plan.
///
/// # Errors
/// If something speaks against one of them, or the gate fails.
pub fn check_manifests(subjects: &[Subject<'_>], gates: &mut Gates) -> Result<Decision, Box<Denial>> {
    gates.decide(subjects, None, &Waiting::default())
}

/// Asks the policy again about a plan of which more is known by now; `waiting` is what is still not. It approves nothing: it
/// can only stop.
///
/// # Errors
/// If something speaks against it, or the gate fails.
pub fn check_again(again: &Again<'_>, waiting: &Waiting, gates: &mut Gates) -> Result<Decision, Box<Denial>> {
    gates.decide_again(again, waiting)
}
