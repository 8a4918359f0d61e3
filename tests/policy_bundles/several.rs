//! Several bundles at once: all are asked, and none weakens one before it.

use super::{RULES, no_word, project, say};
use crate::support::Project;

/// A project with bundles of a company and a team, each of which denies a word.
fn both(content: &str) -> Project {
    let project = project(content);
    for (name, word) in [("company", "bad"), ("team", "worse")] {
        project.write(&format!("{name}/model.rego"), RULES);
        project.write(&format!("{name}/plan.rego"), no_word(word));
    }
    project
}

const BOTH: [&str; 5] = ["plan", "--policies", "company", "--policies", "team"];

#[test]
fn the_rules_of_all_are_asked_and_each_is_named_with_its_digest() {
    let project = both("bad and worse");
    let said = project.mlo(&BOTH);
    said.ends_with(3).has(&[
        "a file says bad",
        "a file says worse",
        "Asked:\n  bundle company: sha256:",
        "  bundle team: sha256:",
    ]);
    let document = project.json(&BOTH, 3);
    let violations = document["policy"]["violations"].as_array().unwrap();
    let said: Vec<_> =
        violations.iter().map(|it| (it["rule"].as_str().unwrap(), it["bundle"].as_str().unwrap())).collect();
    assert_eq!(said, [("no_bad", "company"), ("no_worse", "team")]);
    say(&project, "good");
    let document = project.json(&BOTH, 0);
    let decision = &document["policy"]["decision"];
    let names: Vec<_> =
        decision["bundles"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["company", "team"]);
    assert_ne!(decision["bundle"], decision["bundles"][0]["digest"], "the digest of all");
    project.ok(&[&["apply", "--auto-approve"], &BOTH[1..]].concat());
    let noted = project.json(&["audit", "show", "1"], 0);
    assert_eq!(noted["what"]["bundles"], decision["bundles"]);
    // In one flag, and by the variable.
    project.ok(&["plan", "--policies", "company,team"]).has(&["bundle company: ", "bundle team: "]);
    let mut command = project.command(&["plan"]);
    crate::support::said(command.env("MLO_POLICIES", "company,team")).ends_with(0).has(&["bundle team: "]);
}

#[test]
fn a_later_bundle_changes_nothing_of_an_earlier_one() {
    let project = both("bad");
    let company = "package deployment.policy\n\nviolation contains {\"rule\": \"no_bad\", \"address\": c.address, \"path\": \
                   \"content\", \"msg\": \"a file says bad\"} if {\n\tsome c in input.plan.resource_changes\n\
                   \tcontains(c.change.after.content, \"bad\")\n\tnot exempt\n\tnot data.exempt\n}\n\n\
                   deny contains v.msg if some v in violation\n\nexempt if input.exempt\n";
    project.write("company/plan.rego", company);
    let denied = |what: &str| {
        let said = project.mlo(&BOTH);
        said.ends_with(3).has(&["a file says bad"]);
        assert!(!said.all().contains("Policy gate failed"), "{what}: {}", said.all());
    };
    denied("as it is");
    // Rules that would be one with the company's if both were in one place.
    let rules = "package deployment.policy\n\ndeny contains \"never\" if input.never\n\nexempt if true\n";
    project.write("team/plan.rego", rules);
    denied("a rule of the same name");
    project.write("team/data.json", "{\"exempt\": true}");
    denied("data that it reads");
    project.write("team/data.json", "{\"mlo\": {\"levels\": {\"never\": \"advisory\"}}}");
    denied("levels of its own");
    project.write("team/data.json", "{}");
    project.write(
        "team/waivers.yaml",
        "waivers:\n  - { rule: no_bad, subject: \"*\", reason: r, owner: o, approver: a, expires: 9999-12-31 }\n",
    );
    project.mlo(&BOTH).ends_with(3).has(&[
        "policy bundles `company` and `team` do not go together",
        "the waiver at waivers.yaml:2:5 is about the rule `no_bad` of `company`, and a bundle waives its own rules alone",
    ]);
    std::fs::remove_file(project.path().join("team/waivers.yaml")).unwrap();
    // Our rules for plans hold beside a company that has none, whatever the team says of plans.
    std::fs::remove_file(project.path().join("company/plan.rego")).unwrap();
    project.write("company/data.yaml", "mlo: { deployment: { stateful: [local_file] } }\n");
    project.write("team/plan.rego", no_word("worse"));
    project
        .ok(&[&["apply", "--auto-approve"], &BOTH[1..]].concat())
        .has(&["bundle built-in (mlo://policies/deployment-policy.rego)"]);
    let destroy = [&["plan", "--destroy"], &BOTH[1..]].concat();
    project.mlo(&destroy).ends_with(3).has(&["rule `deletion`"]);
    let override_it = [&destroy[..], &["--override", "deletion=it is a copy"]].concat();
    project.ok(&override_it).has(&["Overridden: it is a copy"]).has_not(&["was not needed"]);
    let idle = [&BOTH[..], &["--override", "deletion=it is a copy"]].concat();
    let said = project.ok(&idle);
    assert_eq!(said.all().matches("`--override deletion` was not needed").count(), 1, "{}", said.all());
}

#[test]
fn a_later_bundle_sees_data_of_an_earlier_one_and_never_contradicts_it() {
    let project = both("worst");
    project.write(
        "company/data.yaml",
        "company: { words: [worst] }\nmlo: { thresholds: { dev: { accuracy: 0.85 } } }\n",
    );
    let rule = "package deployment.policy\n\nviolation contains {\"rule\": \"words\", \"address\": c.address, \"path\": \"content\", \
                \"msg\": msg} if {\n\tsome c in input.plan.resource_changes\n\tsome word in data.company.words\n\
                \tcontains(c.change.after.content, word)\n\tmsg := sprintf(\"%s is a word of the company\", [word])\n}\n\n\
                deny contains v.msg if some v in violation\n";
    project.write("team/plan.rego", rule);
    project.mlo(&BOTH).ends_with(3).has(&["worst is a word of the company"]);
    project.write("team/data.yaml", "mlo: { thresholds: { dev: { accuracy: 0.5 } } }\n");
    project.mlo(&BOTH).ends_with(3).has(&[
        "error[MLO5003]: policy bundles `company` and `team` do not go together: data `mlo.thresholds.dev.accuracy` is 0.85 in the \
         first, and 0.5 in the second",
    ]);
    project.write("team/data.yaml", "mlo: { thresholds: { dev: { accuracy: 0.85 } } }\n");
    project.mlo(&BOTH).ends_with(3).has(&["worst is a word of the company"]);
    // One that would change nothing is no bundle.
    for name in ["model.rego", "plan.rego"] {
        std::fs::remove_file(project.path().join("team").join(name)).unwrap();
    }
    project.mlo(&BOTH).ends_with(3).has(&[
        "it has no rules in `model.governance` nor in `deployment.policy`, so it would change nothing",
    ]);
    // A first one that has data for the others is one.
    project.write("lists/data.yaml", "company: { words: [worst] }\n");
    project.write("rules/plan.rego", rule);
    project.mlo(&["plan", "--policies", "lists,rules"]).ends_with(3).has(&["worst is a word of the company"]);
}

#[test]
fn roots_are_of_one_bundle_but_for_the_packages_that_are_asked() {
    let project = both("good");
    let manifest = |name: &str, roots: &str| {
        project.write(&format!("{name}/.manifest"), format!("{{\"roots\": {roots}}}"));
    };
    manifest("company", "[\"model/governance\", \"deployment/policy\", \"company\"]");
    manifest("team", "[\"model/governance\", \"deployment/policy\"]");
    project.ok(&BOTH);
    manifest("team", "[\"model\", \"deployment/policy\", \"company/team\"]");
    project.mlo(&BOTH).ends_with(3).has(&[
        "policy bundles `company` and `team` do not go together: their roots `company` and `company/team` overlap",
    ]);
    std::fs::remove_file(project.path().join("team/.manifest")).unwrap();
    project.ok(&BOTH);
    project.write("team/data.yaml", "company: { words: [] }\n");
    project
        .mlo(&BOTH)
        .ends_with(3)
        .has(&["`company/words` of `team` lies in the root `company` of `company`"]);
    manifest("team", "[\"model/governance\", \"deployment/policy\"]");
    project.mlo(&BOTH).ends_with(3).has(&["data `company/words` lies in none of the bundle's roots"]);
}

#[test]
fn one_that_cannot_be_used_denies_whatever_the_others_say() {
    let project = both("good");
    project.write("team/plan.rego", "package deployment.policy\n\ndeny contains");
    project.mlo(&BOTH).ends_with(3).has(&["Policy gate failed", "policy team/plan.rego does not compile"]);
    project.write("team/plan.rego", "package deployment.policy\n\nviolation := set()\n");
    project.mlo(&BOTH).ends_with(3).has(&["team: the package `deployment.policy` has no `deny`"]);
    project.mlo(&["plan", "--policies", "company,nowhere"]).ends_with(3).has(&["nowhere"]);
    let many = ["company"; 17].join(",");
    project
        .mlo(&["plan", "--policies", &many])
        .ends_with(3)
        .has(&["there are 17 bundles, and at most 16 are asked together"]);
    // The same twice is told apart.
    project
        .ok(&["plan", "--policies", "company,company"])
        .has(&["bundle company (1) (company): ", "bundle company (2) (company): "]);
}

#[test]
fn a_saved_plan_is_applied_under_its_bundles_alone_and_names_the_one_that_changed() {
    let project = both("good");
    let bundles = &BOTH[1..];
    project.ok(&[&BOTH[..], &["--out", "p.plan"]].concat());
    let apply = |more: &[&str]| project.mlo(&[&["apply", "p.plan"], more].concat());
    let stale = |said: &crate::support::Said, what: &str| {
        said.ends_with(4).has(&[
            "MLO3041",
            "`p.plan` is stale: the policies have changed since it was made: ",
            what,
        ]);
        assert!(!project.path().join("f.txt").exists());
    };
    stale(&apply(&[]), "`company` (sha256:");
    stale(&apply(&["--policies", "company"]), "`team` (sha256:");
    apply(&["--policies", "company"]).has(&["It was judged by `company` (company), `team` (team)"]);
    stale(&apply(&["--policies", "team,company"]), "they are in another order");
    project.write("more/plan.rego", no_word("worst"));
    stale(&apply(&["--policies", "company,team,more"]), "`more` (sha256:");
    let text = project.read("team/plan.rego");
    project.write("team/plan.rego", format!("{text}\n# another\n"));
    let said = apply(bundles);
    stale(&said, "`team` was sha256:");
    said.has_not(&["`company` was"]);
    project.write("team/plan.rego", text);
    project.ok(&["show", "p.plan"]).has(&["Judged by company: sha256:", "Judged by team: sha256:"]);
    apply(bundles).ends_with(0).has(&["1 added"]);
}
