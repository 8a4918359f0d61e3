//! What exceptions do: what they let be and for how long, and what is said of them.

use super::*;

/// The built-in rules, with waivers.
fn bundle_with(waivers: &str) -> Bundle {
    let rules = std::fs::read_to_string(repository("policies/model-governance.rego")).unwrap();
    let files = [("m.rego", rules.as_str()), ("waivers.yaml", waivers)];
    Bundle::from_files(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into()).unwrap()
}

fn waiver(rule: &str, subject: &str, more: &str) -> String {
    format!(
        "waivers:\n  - rule: {rule}\n    subject: \"{subject}\"\n    reason: new data is coming\n    owner: ann\n    approver: \
         ben\n    expires: 2026-11-28\n{more}"
    )
}

/// The verdict on a model that is not accurate enough, on a day.
fn verdict(waivers: &str, today: &str) -> Result<Decision, Box<Denial>> {
    let setting = Setting { today: today.to_owned(), ..Setting::of("dev") };
    let mut gate = Gate::set(&bundle_with(waivers), setting).unwrap();
    judge(&mut gate, with(good(), "/spec/metrics/accuracy", Some(json!(0.5))))
}

#[test]
fn a_waiver_lets_its_rule_be_for_its_subject_until_its_last_day_is_over() {
    for (waivers, today, expected) in [
        (waiver("accuracy", "model", ""), "2026-11-28", true),
        (waiver("accuracy", "mo*", "    environments: [dev, prod]\n"), "2026-11-27", true),
        (waiver("accuracy", "*", ""), "2026-11-29", false),
        (waiver("accuracy", "models", ""), "2026-11-28", false),
        (waiver("f1_score", "*", ""), "2026-11-28", false),
        (waiver("accuracy", "*", "    environments: [prod]\n"), "2026-11-28", false),
    ] {
        assert_eq!(verdict(&waivers, today).is_ok(), expected, "{today}: {waivers}");
    }
}

#[test]
fn what_is_waived_is_told_with_reason_owner_approver_and_end() {
    let decision = verdict(&waiver("accuracy", "*", ""), "2026-11-28").unwrap();
    let [told, ..] = &decision.warnings[..] else { panic!("{:?}", decision.warnings) };
    let message = told.diagnostic();
    assert_eq!((message.code.id, told.rule.as_deref()), ("MLO5011", Some("accuracy")));
    assert_eq!(message.summary, "Model accuracy 0.50 is below minimum threshold 0.85");
    assert_eq!(
        message.detail,
        "Rule `accuracy`. Model `model`. Waived until 2026-11-28: new data is coming (owner ann, granted by ben, \
         waivers.yaml:2:5)"
    );
}

#[test]
fn a_waiver_that_is_over_is_named_where_its_rule_denies() {
    let denial = verdict(&waiver("accuracy", "*", ""), "2026-12-01").unwrap_err();
    let actions = denial.actions();
    let expected =
        "The waiver at waivers.yaml:2:5 was over on 2026-11-28: mend the cause, or have ben grant another";
    assert!(actions.iter().any(|action| action == expected), "{actions:?}");
}

#[test]
fn one_that_is_not_needed_is_a_warning_and_one_about_something_else_is_not() {
    for (rule, subject, expected) in [
        ("f1_score", "model", Some("the waiver of `f1_score` for `model` at waivers.yaml:2:5 is not needed")),
        ("f1_score", "other", None),
        ("encryption", "model", None),
    ] {
        let mut gate = Gate::new(&bundle_with(&waiver(rule, subject, "")), "dev").unwrap();
        let decision = judge(&mut gate, good()).unwrap();
        let said = decision.warnings.iter().find(|warning| warning.waiver.is_some());
        assert_eq!(said.is_some(), expected.is_some(), "{rule} {subject}");
        if let (Some(said), Some(expected)) = (said, expected) {
            assert!(said.message.starts_with(expected), "{}", said.message);
            assert_eq!(said.diagnostic().code.id, "MLO5012");
        }
    }
}

#[test]
fn waivers_that_are_not_well_formed_deny_and_each_place_is_named() {
    let text = waiver("accuracy", "*", "").replace("    expires: 2026-11-28\n", "");
    let error = Gate::new(&bundle_with(&text), "dev").unwrap_err().diagnostic();
    assert_eq!(error.code.id, "MLO5003");
    assert!(error.detail.starts_with("waivers.yaml:2:5: `expires` is missing"), "{}", error.detail);
}

#[test]
fn waivers_are_a_part_of_the_bundle() {
    let digest = |text: &str| bundle_with(text).digest().to_owned();
    assert_ne!(digest(&waiver("accuracy", "*", "")), digest(&waiver("accuracy", "a", "")));
}
