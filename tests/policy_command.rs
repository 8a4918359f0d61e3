//! `mlo policy`: tests of policies, queries, checks and the beginning of a rule, as a person sees them.

use crate::support::{Project, fed, repository};
use std::process::Command;

/// Policies of one rule with tests of every outcome.
fn project() -> Project {
    Project::with(&[
        (
            "policies/size.rego",
            "package size\n\ndeny contains \"too large\" if input.size > data.limits.size\n\n\
             odd if {\n\tinput.size == 0\n\tinput.never\n}\n",
        ),
        ("policies/limits/data.yaml", "size: 10\n"),
        (
            "policies/size_test.rego",
            "package size_test\n\nimport data.size\n\n\
             test_large if \"too large\" in size.deny with input.size as 11\n\n\
             test_other_limit if size.deny == set() with input.size as 11 with data.limits.size as 20\n",
        ),
    ])
}

#[test]
fn tests_that_hold_are_counted_and_listed_where_that_is_asked_for() {
    let project = project();
    project.ok(&["policy", "test"]).has(&["Success! 2 passed, 0 failed.\n"]).has_not(&["test_large"]);
    project.ok(&["policy", "test", "--verbose"]).has(&[
        "policies/size_test.rego\n  data.size_test.test_large... pass\n  data.size_test.test_other_limit... pass\n",
    ]);
    project.ok(&["policy", "test", "--run", "other"]).has(&["Success! 1 passed, 0 failed.\n"]);
    project.ok(&["policy", "test", "policies", "--run", "nothing"]).has(&["There are no such tests"]);
    project.mlo(&["policy", "test", "--run", "("]).ends_with(1).has(&["`--run` is not a regular expression"]);
    project.mlo(&["policy", "test", "nowhere"]).ends_with(1).has(&["MLO5003", "nowhere"]);
}

#[test]
fn a_test_that_does_not_hold_says_where_and_why_and_the_others_run() {
    let project = project();
    project.write(
        "policies/wrong_test.rego",
        "package wrong_test\n\ntest_undefined if {\n\tprint(\"size is\", input.size)\n\tprint(\"here\")\n\tinput.size > 1\n}\n\n\
         test_false := false\n\ntest_text := \"yes\"\n\ntest_error if to_number(\"x\") == 1\n\n\
         test_endless if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\
         \tsome c in numbers.range(1, 3000)\n\ta * b * c == -1\n}\n\ntodo_test_later if false\n\ntest_last if true\n",
    );
    let said = project.mlo(&["policy", "test", "--junit-xml", "report.xml"]);
    said.ends_with(1).has(&[
        "data.wrong_test.test_undefined... fail\n    policies/wrong_test.rego:3: it is undefined: a line of it does not hold\n",
        "    policies/wrong_test.rego:5: here\n",
        "data.wrong_test.test_false... fail\n    policies/wrong_test.rego:9: it is false, not true\n",
        "policies/wrong_test.rego:11: it is \"yes\", not true\n",
        "data.wrong_test.test_error... fail\n",
        "error[MLO5020]: `data.wrong_test.test_error` cannot be evaluated\n",
        "data.wrong_test.todo_test_later... skip\n",
        "the policy took longer than 10000 ms while running `data.wrong_test.test_endless`",
        "Failure! 3 passed, 5 failed, 1 skipped.\n",
    ]);
    let report = project.read("report.xml");
    for text in [
        "<testsuite name=\"policies/wrong_test.rego\" tests=\"7\" skipped=\"1\" failures=\"3\" errors=\"2\">",
        "<testcase name=\"test_false\" classname=\"policies/wrong_test.rego\" time=\"",
        "<failure message=\"it is false, not true\">",
        "<skipped message=\"not yet\">",
    ] {
        assert!(report.contains(text), "{report}");
    }
    let document = project.json(&["policy", "test"], 1);
    assert_eq!(
        [&document["passed"], &document["failed"], &document["errored"], &document["skipped"]],
        [3, 3, 2, 1]
    );
    let undefined = &document["tests"][2];
    assert_eq!(undefined["path"], "data.wrong_test.test_undefined");
    assert_eq!((undefined["line"].as_u64(), undefined["status"].as_str()), (Some(3), Some("fail")));
    assert!(undefined["output"][1].as_str().unwrap().ends_with(": here"));
}

#[test]
fn coverage_lists_the_lines_that_no_test_evaluates_and_a_threshold_holds_or_fails() {
    let project = project();
    project.ok(&["policy", "test", "--coverage"]).has(&["\n  not covered: policies/size.rego:7\n"]);
    project.ok(&["policy", "test", "--threshold", "20"]);
    project
        .mlo(&["policy", "test", "--threshold", "99.5"])
        .ends_with(1)
        .has(&["error[MLO5021]: the tests evaluate ", "% of the rules, and at least 99.5 % is asked for"]);
    project.write("policies/other.rego", "package other\n\nx if input.y\n");
    let document = project.json(&["policy", "test", "--coverage"], 0);
    assert_eq!(document["coverage"]["files"][0]["file"], "policies/other.rego");
    assert_eq!(document["coverage"]["files"][0]["not_covered"], serde_json::json!([3]));
    project.mlo(&["policy", "test", "--threshold", "101"]).ends_with(1);
}

#[test]
fn what_the_gate_would_refuse_runs_no_test() {
    let project = project();
    project.write("policies/walk.rego", "package walk\n\nx contains p if [p, _] := walk(input)\n");
    project
        .mlo(&["policy", "test"])
        .ends_with(1)
        .has(&["error[MLO5003]: `walk` would find nothing here", "policies/walk.rego:3:"]);
    project.write("policies/walk.rego", "package walk\n\ntest_case[name] if name := \"a\"\n");
    project
        .mlo(&["policy", "test"])
        .ends_with(1)
        .has(&["a test with cases in its head is not supported: write one test for each case, or `every`"]);
}

#[test]
fn our_policies_pass_their_tests_here_and_in_opa() {
    let project = Project::new();
    let policies = repository().join("policies");
    let policies = policies.to_str().unwrap();
    let document = project.json(&["policy", "test", policies], 0);
    let ours = document["passed"].as_u64().unwrap();
    assert!(ours > 150, "{ours}");
    let opa =
        Command::new(crate::support::opa()).args(["test", policies, "--format", "json"]).output().unwrap();
    let theirs: Vec<serde_json::Value> = serde_json::from_slice(&opa.stdout).unwrap();
    assert_eq!(theirs.len() as u64, ours);
    assert!(theirs.iter().all(|test| test.get("fail").is_none() && test.get("error").is_none()));
}

#[test]
fn a_query_is_answered_as_opa_answers_it() {
    let project = project();
    project.write("input.yaml", "size: 11\nlist: [{a: 1}, {a: 2}]\n");
    project.write("input.json", "{\"size\": 11, \"list\": [{\"a\": 1}, {\"a\": 2}]}");
    for (arguments, shown) in [
        (&["data.size.deny"][..], "[\n  \"too large\"\n]\n"),
        (&["x := input.list[_].a"], "{\n  \"x\": 1\n}\n{\n  \"x\": 2\n}\n"),
        (&["input.nothing"], "undefined\n"),
        (&["1 + 1; input.size"], "2\n11\n"),
    ] {
        let eval = ["policy", "eval", "--data", "policies", "--input"];
        let ours = project.ok(&[&eval[..], &["input.yaml"], arguments].concat());
        assert_eq!(ours.out, shown, "{arguments:?}");
        let document = project.json(&[&eval[..], &["input.json"], arguments].concat(), 0);
        let mut opa = Command::new(crate::support::opa());
        opa.args(["eval", "--data", "policies", "--input", "input.json"])
            .args(arguments)
            .current_dir(project.path());
        let theirs: serde_json::Value = serde_json::from_slice(&opa.output().unwrap().stdout).unwrap();
        assert_eq!(document, theirs, "{arguments:?}");
    }
    let eval = |words: &[&str]| project.mlo(&[&["policy", "eval", "--data", "policies"], words].concat());
    eval(&["--fail", "input.x"]).ends_with(1);
    eval(&["--fail", "1"]).ends_with(0);
    eval(&["--fail-defined", "1"]).ends_with(1);
    eval(&["--env", "prod", "data.mlo.environment"]).ends_with(0).has(&["\"prod\"\n"]);
    eval(&["x :="]).ends_with(1).has(&["MLO5020", "`the query` cannot be evaluated"]);
    eval(&["time.now_ns()"])
        .ends_with(1)
        .has(&["`time.now_ns` makes the decision depend on more than its inputs"]);
    eval(&["no_such(1)"]).ends_with(1).has(&["no_such"]);
    eval(&["--input", "nowhere.json", "1"]).ends_with(1).has(&["nowhere.json: there is no such file"]);
    project.write("broken.yaml", "a: [\n");
    eval(&["--input", "broken.yaml", "1"]).ends_with(1).has(&["broken.yaml: line"]);
    let mut command = project.command(&["policy", "eval", "--data", "policies", "--input", "-", "input.n"]);
    assert_eq!(fed(&mut command, "{\"n\": 7}").out, "7\n");
}

/// What [the page](../docs/rego.md) says of `not`, and what it says to write.
#[test]
fn what_not_makes_of_an_absent_value_is_as_the_page_says_here_and_in_opa() {
    // What is asked, whether it holds here, and whether in opa.
    let rows = [
        ("not input.x.key", true, true),
        ("not input.x.key == 1", true, true),
        ("not startswith(input.x.key, \"m\")", true, false),
        ("not input.x.key > 1", true, false),
        ("not input.x.key in [1]", true, false),
        ("not 1 in input.x.list", true, false),
        ("not input.list[input.x.key]", true, false),
        ("key := input.x.key; not startswith(key, \"m\")", false, false),
        ("key := input.x.key; not key > 1", false, false),
        ("list := input.x.list; not 1 in list", false, false),
        ("not startswith(object.get(input.x, \"key\", \"\"), \"m\")", true, true),
        ("not 1 in object.get(input.x, \"list\", [])", true, true),
    ];
    let project = Project::new();
    let rules = rows.iter().enumerate().map(|(at, (body, ..))| format!("\nr{at} if {{ {body} }}\n"));
    project.write("policies/p.rego", "package p\n".to_owned() + &rules.collect::<String>());
    project.write("input.json", "{\"x\": {}, \"list\": [1]}");
    let words = ["--data", "policies", "--input", "input.json", "data.p"];
    let ours = project.json(&[&["policy", "eval"][..], &words].concat(), 0);
    let mut opa = Command::new(crate::support::opa());
    opa.arg("eval").args(words).current_dir(project.path());
    let theirs: serde_json::Value = serde_json::from_slice(&opa.output().unwrap().stdout).unwrap();
    let holds = |said: &serde_json::Value, at: usize| {
        said["result"][0]["expressions"][0]["value"].get(format!("r{at}")).is_some()
    };
    for (at, (body, here, in_opa)) in rows.into_iter().enumerate() {
        assert_eq!((holds(&ours, at), holds(&theirs, at)), (here, in_opa), "{body}");
    }
}

#[test]
fn without_data_the_built_in_policies_are_asked() {
    let project = Project::new();
    project.take_examples();
    project
        .ok(&[
            "policy",
            "eval",
            "--input",
            "examples/invalid/low-accuracy.yaml",
            "data.model.governance.deny",
        ])
        .has(&["Model accuracy 0.72 is below minimum threshold 0.85"]);
}

#[test]
fn a_check_says_all_that_is_wrong_at_its_place() {
    let project = project();
    project.ok(&["policy", "check"]).has(&["Success! 2 files, nothing to say.\n"]);
    project.write(
        "policies/bad.rego",
        "package model.governance\n\nimport data.limits\nimport data.other\n\n\
         deny contains \"x\" if {\n\tunused := 1\n\tinput.spec.training.sample_size > limits.size\n}\n\n\
         deny contains \"y\" if input.spec.metrcs.accuracy < 1\n\ndeny contains \"z\" if input.spec[\"modell\"]\n\n\
         deny contains \"w\" if no_such(input.kind)\n\nf(input) := input.x\n",
    );
    let said = project.mlo(&["policy", "check"]);
    said.ends_with(1).has(&[
        "policies/bad.rego:4:1",
        "the import `other` is not used: leave it out",
        "`unused` is given a value that nothing uses: leave it out, or use it",
        "policies/bad.rego:7:2",
        "`input` would hide the document of that name: call it otherwise",
        "a manifest has no `spec.metrcs`; did you mean `metrics`?",
        "policies/bad.rego:11:",
        "a manifest has no `spec.modell`; did you mean `model`?",
        "there is no function `no_such` here",
    ]);
    let document = project.json(&["policy", "check"], 1);
    assert_eq!(document["valid"], false);
    assert_eq!(document["diagnostics"][0]["range"]["filename"], "policies/bad.rego");
    project.write("policies/bad.rego", "package a\n\nx if {\n");
    project.write("policies/worse.rego", "package b\n\nx if [\n");
    project
        .mlo(&["policy", "check"])
        .ends_with(1)
        .has(&["policies/bad.rego does not compile", "policies/worse.rego does not compile"]);
    project.write(
        "policies/bad.rego",
        "package a\n\nimport data.limits\nimport data.limits\n\nx if limits.size\n",
    );
    project.mlo(&["policy", "check"]).ends_with(1).has(&["import shadows following import defined earlier"]);
    // What we ship is in order.
    project.ok(&["policy", "check", repository().join("policies").to_str().unwrap()]);
}

#[test]
fn a_new_rule_works_and_is_tested_here_and_in_opa() {
    let project = Project::copy_of("examples/iris");
    project.ok(&["policy", "new", "team_named"]).has(&[
        "Wrote policies/team_named.rego and policies/team_named_test.rego.\n",
        "mlo policy test policies --run team_named",
    ]);
    project.ok(&["policy", "new", "file_mode", "--about", "plan"]);
    project.ok(&["policy", "check"]);
    project.ok(&["policy", "test", "--threshold", "100"]).has(&["Success! 6 passed, 0 failed."]);
    let mut opa = Command::new(crate::support::opa());
    let output = opa.args(["test", "policies"]).current_dir(project.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut opa = Command::new(crate::support::opa());
    let output = opa.args(["check", "--strict", "policies"]).current_dir(project.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    project
        .mlo(&["policy", "new", "team_named"])
        .ends_with(1)
        .has(&["policies/team_named.rego", "cannot be written"]);
    project
        .mlo(&["policy", "new", "Team-Named"])
        .ends_with(1)
        .has(&["`Team-Named` is not the name of a rule"]);
}
