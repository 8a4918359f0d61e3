//! `MLO5…`: the policy gate.

codes! {
    DENIED = "MLO5001", "denied by policy",
        "A policy rule does not let the change through. Nothing was changed. The message names the rule, the line of the manifest and what to do.";
}
