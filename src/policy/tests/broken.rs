//! Policies that are wrong, hostile or slow: each denies, with a message of its own, and the process lives.

use super::*;

/// What happens with a policy: the error when it is loaded, or of its evaluation over an empty manifest.
fn outcome(bundle: &Bundle) -> String {
    let mut gate = match Gate::new(bundle, "dev") {
        Ok(gate) => gate,
        Err(error) => return format!("refused: {error}{}", reason(&error)),
    };
    match judge(&mut gate, json!({ "kind": "ModelDeployment", "tags": ["a", "b"] })) {
        Ok(_) => "approved".to_owned(),
        Err(denial) => match denial.failures.as_slice() {
            [] => format!("denied: {}", denial.violations[0].message),
            [failure, ..] => format!("failed: {failure}{}", reason(failure)),
        },
    }
}

fn reason(error: &PolicyError) -> String {
    match error {
        PolicyError::Compile { reason, .. }
        | PolicyError::Evaluation { reason, .. }
        | PolicyError::Answer { reason, .. } => format!(": {reason}"),
        _ => String::new(),
    }
}

#[test]
fn a_policy_that_cannot_decide_denies() {
    let deny = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    for (body, expected) in [
        // The control: a policy in order approves and denies.
        (deny.to_owned(), "approved"),
        ("package model.governance\ndeny contains \"no\" if input.kind".to_owned(), "denied: no"),
        // Not there.
        (String::new(), "refused: policy policy.rego does not compile"),
        ("package other\ndeny contains \"x\" if true".to_owned(), "refused: the policy bundle has no `deny`"),
        ("package model.governance\nallow := true".to_owned(), "refused: the policy bundle has no `deny`"),
        // Not Rego.
        (
            "package model.governance\ndeny contains if {".to_owned(),
            "refused: policy policy.rego does not compile",
        ),
        (
            "package model.governance\ndeny contains x if y > 1".to_owned(),
            "refused: policy bundle does not compile",
        ),
        // Undefined or contradicting where it must be defined.
        ("package model.governance\ndeny := {\"x\"} if input.nothing".to_owned(), "failed: policy rule"),
        (
            "package model.governance\ndeny := {\"x\"} if input.kind\ndeny := {\"y\"} if input.tags"
                .to_owned(),
            "failed: policy rule `model.governance.deny` failed on `model`",
        ),
        // Builtins that fail, or that nobody has.
        (
            format!("{deny}deny contains \"y\" if to_number(input.kind) > 1"),
            "failed: policy rule `model.governance.deny`",
        ),
        (
            format!("{deny}deny contains \"y\" if crypto.md5(input.tags) == \"y\""),
            "failed: policy rule `model.governance.deny`",
        ),
        (
            format!("{deny}deny contains \"y\" if no_such(input.kind)"),
            "refused: policy policy.rego:4:22: there is no function `no_such` here",
        ),
        // Answers of another shape.
        (
            "package model.governance\ndeny := \"x\"".to_owned(),
            "failed: policy rule `model.governance.deny` gave an answer",
        ),
        (
            "package model.governance\ndeny := []".to_owned(),
            "failed: policy rule `model.governance.deny` gave an answer",
        ),
        (
            "package model.governance\ndeny contains 1".to_owned(),
            "failed: policy rule `model.governance.deny` gave an answer",
        ),
        (
            format!("{deny}violation contains 1 if true"),
            "failed: policy rule `model.governance.violation` gave",
        ),
        (
            format!("{deny}violation contains {{\"rule\": \"x\"}} if true"),
            "failed: policy rule `model.governance.violation`",
        ),
        (
            format!("{deny}violation contains {{\"rule\": \"x\", \"msg\": \"y\"}} if true"),
            "failed: policy rule `model.governance.deny` gave an answer on `model` that is not understood: `deny` and \
             `violation` do not say the same",
        ),
        (
            format!(
                "{deny}violation contains {{\"rule\": \"x\", \"msg\": \"y\", \"level\": \"low\"}} if true"
            ),
            "failed: policy rule `model.governance.violation` gave",
        ),
        (format!("{deny}warn := 1"), "failed: policy rule `model.governance.warn` gave"),
        (format!("{deny}allow := false"), "failed: policy rule `model.governance.allow` gave"),
        (format!("{deny}allow := true"), "approved"),
        (
            "package model.governance\ndeny contains \"no\" if input.kind\nallow := true".to_owned(),
            "failed: policy rule `model.governance.allow` gave an answer on `model` that is not understood: `allow` is true, and \
             `deny` is not empty",
        ),
        (
            format!("{deny}evaluated := [{{\"rule\": \"x\", \"title\": \"X\", \"passed\": false}}]"),
            "failed: policy rule `model.governance.evaluated` gave",
        ),
        (
            format!("{deny}evaluated := [{{\"rule\": \"x\"}}]"),
            "failed: policy rule `model.governance.evaluated` gave",
        ),
    ] {
        let said = outcome(&bundle(&body));
        assert!(said.starts_with(expected), "{body}\n-- expected {expected}\n-- {said}");
    }
}

#[test]
fn what_denies_and_allows_denies_and_says_both() {
    let both = bundle("package model.governance\ndeny contains \"no\" if input.kind\nallow := true");
    let denial = judge(&mut Gate::new(&both, "dev").unwrap(), good()).unwrap_err();
    assert_eq!((denial.violations.len(), denial.failures.len()), (1, 1));
    assert_eq!(denial.violations[0].message, "no");
    // A file beside ours that adds a rule: our `allow` follows.
    let rules = |name: &str| std::fs::read_to_string(repository(&format!("policies/{name}"))).unwrap();
    let files = [
        ("model-governance.rego", rules("model-governance.rego")),
        ("deployment-policy.rego", rules("deployment-policy.rego")),
        (
            "team.rego",
            "package model.governance\ndeny contains \"no team\" if not input.metadata.labels.team\n"
                .to_owned(),
        ),
        ("plans.rego", "package deployment.policy\ndeny contains \"no plan\" if input.plan.no\n".to_owned()),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text));
    let beside = Bundle::from_files(files.into()).unwrap();
    let denial = judge(&mut Gate::new(&beside, "dev").unwrap(), good()).unwrap_err();
    let said: Vec<_> = denial.violations.iter().map(|violation| violation.message.as_str()).collect();
    assert_eq!((said, denial.failures.len()), (vec!["no team"], 0));
    let input = json!({ "plan": { "resource_changes": [], "no": true } }).to_string();
    let plan = Deployment { input: Input::New(input), addresses: &Vec::new, place: &|_, _| None };
    let denial = Gate::new(&beside, "dev").unwrap().decide(&[], Some(&plan)).unwrap_err();
    assert_eq!((&*denial.violations[0].message, denial.failures.len()), ("no plan", 0));
}

#[test]
fn an_empty_bundle_denies() {
    let empty = Bundle::from_files(BTreeMap::new()).unwrap();
    assert_eq!(outcome(&empty), "refused: the policy bundle has no `deny` in package `model.governance`");
}

#[test]
fn data_cannot_stand_in_for_rules_or_name_the_environment() {
    let rules = "package model.governance\n\ndeny contains \"x\" if input.x\n";
    for (data, expected) in [
        (
            "model: { governance: { deny: [] } }",
            "data of the bundle says something about `data.model.governance`",
        ),
        ("model: 1", "data of the bundle says something about `data.model.governance`"),
        ("mlo: { environment: dev }", "mlo.environment is set by the run, not by the bundle"),
    ] {
        let files =
            [("a.rego", rules), ("data.yaml", data)].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let said = outcome(&Bundle::from_files(files.into()).unwrap());
        assert!(said.starts_with("refused: ") && said.contains(expected), "{said}");
    }
}

#[test]
fn what_the_engine_would_not_survive_or_not_see_is_refused_before_it_is_parsed() {
    let nested = format!("x := {}1{}", "[".repeat(24), "]".repeat(24));
    for (line, expected) in [
        (nested.as_str(), "more than 16 brackets within each other"),
        ("x if x", "a rule needs itself: model.governance.x needs model.governance.x"),
        (
            "a if b\n\nb if {\n\tc(1)\n}\n\nc(n) if {\n\tn > 0\n\ta\n}",
            "a rule needs itself: model.governance.a needs model.governance.b needs model.governance.c needs \
             model.governance.a",
        ),
        ("f(n) := f(n - 1)", "a rule needs itself: model.governance.f needs model.governance.f"),
        ("x if data.model.governance.x", "a rule needs itself: model.governance.x needs model.governance.x"),
        ("x contains p if [p, v] := walk(input)", "5:27: `walk` would find nothing here"),
        ("x contains p if [p, v] = walk(input)", "5:26: `walk` would find nothing here"),
        ("x := count(walk(input))", "5:12: `walk` would find nothing here"),
        ("x if not walk(input, [[\"a\"], 1])", "5:10: `walk` would find nothing here"),
        ("x := no_such(1)", "5:6: there is no function `no_such` here"),
        (
            "x := startwith(\"a\", \"b\")",
            "5:6: there is no function `startwith` here; did you mean `startswith`?",
        ),
        ("x := rego.metadata.rule()", "5:6: there is no function `rego.metadata.rule` here"),
        ("x := count([1], 2, 3)", "5:6: `count` takes 1 argument, and here are 3"),
        (
            "x if sprintf(\"a\", [], y)",
            "`sprintf` takes 2 arguments, and here are 3; write `x := sprintf(…)` for its result",
        ),
        ("x if \"a\", 1 in {\"a\": 1}", "`key, value in` would find nothing in a set"),
        ("x if not {false}", "5:10: `not {…}` is not supported"),
        ("x[y].z contains 1 if y := 2", "5:1: a set below a key that is a variable is not supported"),
        ("x := sprintf(\"a\")", "5:6: `sprintf` takes 2 arguments, and here are 1"),
        ("f(a) := a\n\ny := f(1, 2, 3)", "7:6: `f` takes 1 argument, and here are 3"),
        (
            "x := http.send({\"url\": \"https://x\"})",
            "`http.send` makes the decision depend on more than its inputs",
        ),
        ("x := time.now_ns()", "`time.now_ns` makes the decision depend on more than its inputs"),
        ("x := rand.intn(\"x\", 3)", "`rand.intn` makes the decision depend on more than its inputs"),
        ("x := opa.runtime()", "`opa.runtime` makes the decision depend on more than its inputs"),
    ] {
        let text = format!("package model.governance\n\ndeny contains \"x\" if input.x\n\n{line}\n");
        let said = outcome(&bundle(&text));
        assert!(
            said.starts_with("refused: policy policy.rego:") && said.contains(expected),
            "{line}\n{said}"
        );
    }
}

#[test]
fn what_only_looks_like_it_is_not_refused() {
    for line in [
        "# [[[[[[[[[[[[[[[[[[[[[[[[ http.send [p, v] := walk(x)",
        "x := \"[[[[[[[[[[[[[[[[[[[[[[[[ \\\" http.send(\"",
        "x := `[[[[[[[[[[[[[[[[[[[[[[[[ \" http.send(`",
        "x := input.walk",
        "x contains p if walk(input, [p, _])",
        "f(a) := g(a)\n\ng(a) := a + 1\n\nx := f(1)",
        "x := crypto.sha256(\"a\")",
        "x if {\n\tstartswith(\"a\", \"b\", y)\n\ty\n}",
        "x := input.http.send",
        "x if {\n\tx := input.kind\n\tx == 1\n}",
        "x(x) := 1 if x == 2",
        "x if input.x.x",
        "x if y\n\ny if input.x",
    ] {
        let text = format!("package model.governance\n\ndeny contains \"no\" if input.no\n\n{line}\n");
        assert_eq!(outcome(&bundle(&text)), "approved", "{line}");
    }
}

#[test]
fn a_chain_that_would_exhaust_the_stack_is_refused_and_a_shorter_one_is_evaluated() {
    let chains: [fn(usize) -> String; 4] = [
        |links| format!("x := 1{}", "\n\t+ 1".repeat(links)),
        |links| format!("x := 1{}", " +\n1".repeat(links)),
        |links| format!("x := {{1}}{}", "\n\t| {1}".repeat(links / 2)),
        |links| format!("x := 1 if input.x{}", "\nelse := 1 if input.x".repeat(links / 2)),
    ];
    for chain in chains {
        let text = |links| {
            bundle(&format!(
                "package model.governance\n\ndeny contains \"x\" if x == \"x\"\n\n{}\n",
                chain(links)
            ))
        };
        assert_eq!(outcome(&text(1_900)), "approved", "{}", chain(3));
        let said = outcome(&text(19_000));
        assert!(said.contains("more than 2000 links in one chain"), "{said}");
    }
}

#[test]
fn a_long_row_of_rules_is_refused_and_a_shorter_one_is_evaluated() {
    let row = |rules: usize| {
        let row = (0..rules).fold(String::new(), |row, n| row + &format!("r{n} if r{}\n\n", n + 1));
        bundle(&format!(
            "package model.governance\n\ndeny contains \"x\" if r0\n\n{row}r{rules} if input.kind\n"
        ))
    };
    assert_eq!(outcome(&row(240)), "denied: x");
    let said = outcome(&row(5_000));
    assert!(said.contains("more than 250 rules need each other in a row"), "{said}");
}

#[test]
fn a_rule_without_end_is_stopped_and_denies() {
    let text = "package model.governance\n\ndeny contains \"x\" if {\n\tsome a in numbers.range(1, 3000)\n\
                \tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}\n";
    assert_eq!(outcome(&bundle(text)), "failed: the policy took longer than 6000 ms while judging `model`");
}

#[test]
fn a_gate_that_failed_on_one_manifest_still_judges_the_others_and_denies() {
    let text = "package model.governance\n\ndeny contains \"x\" if to_number(input.n) > 1\n";
    let mut gate = Gate::new(&bundle(text), "dev").unwrap();
    let nowhere = |_: &str| None;
    let subjects = [json!({ "n": "0" }), json!({ "n": "no" }), json!({ "n": "2" })].map(|manifest| Subject {
        name: "model",
        manifest,
        place: &nowhere,
    });
    let denial = gate.decide(&subjects, None).unwrap_err();
    assert_eq!((denial.violations.len(), denial.failures.len()), (1, 1));
}
