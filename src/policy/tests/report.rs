//! What is shown of a denial.

use super::*;

fn denial(path: &str, sources: &mut SourceMap) -> Box<Denial> {
    let manifests = manifests(path, sources);
    judge_manifest(&mut gate("dev"), manifests.iter().next().unwrap()).unwrap_err()
}

#[test]
fn a_denial_names_the_model_the_line_the_rule_and_what_to_do() {
    let mut sources = SourceMap::new();
    let denial = denial("examples/invalid/low-accuracy.yaml", &mut sources);
    assert_eq!(denial.headline(), "Model failed governance check: low-accuracy");
    let shown: String =
        denial.diagnostics().iter().map(|message| render(message, &sources, Style::Plain)).collect();
    assert_eq!(
        shown,
        "\
error[MLO5001]: Model accuracy 0.72 is below minimum threshold 0.85
  --> examples/invalid/low-accuracy.yaml:15:15
   |
15 |     accuracy: 0.72
   |               ^^^^ rule `accuracy`
"
    );
    assert_eq!(
        denial.action_list(),
        "\
Action required:
  1. Improve the model until its accuracy on held-out data reaches the threshold
  2. Write the accuracy that was measured to spec.metrics.accuracy
"
    );
}

#[test]
fn what_is_missing_is_shown_where_it_should_stand() {
    let mut sources = SourceMap::new();
    let denial = denial("examples/invalid/no-resources.yaml", &mut sources);
    let place = sources.place(denial.violations[0].span.unwrap());
    assert_eq!(place, "examples/invalid/no-resources.yaml:34:7");
}

#[test]
fn several_models_each_name_their_own_actions_and_all_are_said_at_once() {
    let low = with(good(), "/spec/metrics/accuracy", Some(json!(0.5)));
    let drifted = with(good(), "/spec/drift/score", Some(json!("high")));
    let nowhere = |_: &str| None;
    let subjects = [("a", low), ("b", good()), ("c", drifted)].map(|(name, manifest)| Subject {
        name,
        manifest,
        place: &nowhere,
    });
    let denial = gate("dev").decide(&subjects, None).unwrap_err();
    assert_eq!(denial.headline(), "Model failed governance check: a, c");
    assert_eq!(
        denial.actions(),
        [
            "a: Improve the model until its accuracy on held-out data reaches the threshold",
            "a: Write the accuracy that was measured to spec.metrics.accuracy",
            "c: Set spec.drift.score to the drift that was measured, a number of 0 or more",
        ]
    );
    assert_eq!(denial.decision.unwrap().evaluations.len(), 3);
}

#[test]
fn a_verdict_names_bundle_and_environment_and_keeps_warnings() {
    let manifest = with(good(), "/spec/drift/score", Some(json!(0.2)));
    let decision = judge(&mut gate("dev"), manifest).unwrap();
    assert_eq!(decision.environment, "dev");
    assert_eq!(decision.bundle, Bundle::builtin().unwrap().digest());
    let warning = &decision.warnings[0];
    assert_eq!(warning.message, "Model drift score 0.20 exceeds warning threshold 0.10");
    assert_eq!(warning.diagnostic().severity, crate::diag::Severity::Warning);
}

#[test]
fn without_subjects_there_is_nothing_to_deny() {
    assert_eq!(gate("dev").decide(&[], None).unwrap().evaluations, []);
}

#[test]
fn a_gate_that_failed_says_that_nothing_was_let_through() {
    let failure = Gate::new(&bundle("package model.governance\ndeny contains"), "dev").unwrap_err();
    let denial = Denial::from(failure);
    assert_eq!(denial.headline(), "Policy gate failed: nothing is let through");
    assert_eq!(denial.action_list(), "");
    let shown: String =
        denial.diagnostics().iter().map(|message| render(message, &SourceMap::new(), Style::Plain)).collect();
    assert!(shown.starts_with("error[MLO5003]: policy policy.rego does not compile\n"), "{shown}");
    assert!(shown.contains("nothing is let through and nothing was changed"), "{shown}");
}
