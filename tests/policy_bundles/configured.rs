//! Bundles that the configuration names: `policy` blocks of `mlo`.

use super::{RULES, key, no_word, project};
use crate::support::Project;
use crate::support::server::{Answer, Server};

const FILE: &str = "resource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = \"bad\"\n}\n";

#[test]
fn the_configuration_names_bundles_and_what_a_pipeline_names_comes_first() {
    let project = project("bad");
    project
        .write("main.hcl", format!("mlo {{\n  policy \"team\" {{\n    source = \"rules\"\n  }}\n}}\n{FILE}"));
    project.mlo(&["plan"]).ends_with(3).has(&["a file says bad", "bundle team (rules): sha256:"]);
    project.write("company/model.rego", RULES);
    project.write("company/plan.rego", no_word("worse"));
    let document = project.json(&["plan", "--policies", "company"], 3);
    let bundles = document["policy"]["decision"]["bundles"].as_array().unwrap();
    let names: Vec<_> = bundles.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["company", "team"]);
    // `mlo get` and its lock know them, from another folder too.
    let server = Server::start();
    let bytes =
        super::packed(&[("m.rego".to_owned(), RULES.to_owned()), ("p.rego".to_owned(), no_word("bad"))]);
    server.page("/team.tar.gz", Answer::of(bytes));
    let url = server.url("/team.tar.gz");
    project.edit("main.hcl", "\"rules\"", &format!("\"{url}\""));
    project.ok(&["get"]).has(&["team.tar.gz (sha256 ", "1 package was fetched"]);
    server.asked();
    project.mlo(&["plan"]).ends_with(3).has(&["a file says bad"]);
    assert_eq!(server.asked(), [""; 0]);
    project.edit("main.hcl", &url, "./rules");
    project.ok(&["get"]);
    project.mlo(&["plan"]).ends_with(3).has(&["bundle team (./rules): sha256:"]);
}

#[test]
fn a_configuration_takes_no_rule_away() {
    let project = Project::copy_of("examples/invalid");
    project.write("main.hcl", "mlo {\n  policy \"lax\" {\n    source = \"lax\"\n  }\n}\n");
    project.write("lax/model.rego", RULES);
    project.write("lax/plan.rego", "package deployment.policy\n\ndeny contains \"\" if false\n");
    project.mlo(&["plan"]).ends_with(3).has(&[
        "rule `accuracy`",
        "Asked:\n  bundle built-in (mlo://policies): sha256:",
        "  bundle lax: sha256:",
    ]);
    // Whoever runs it says what stands in the place of the built-in bundle.
    project.mlo(&["plan", "--policies", "lax"]).has_not(&["rule `accuracy`", "bundle built-in"]);
}

#[test]
fn a_block_may_ask_for_a_signature_which_no_flag_takes_back() {
    let project = project("good");
    project.write("keys/team.pem", std::fs::read(key("p256.pem")).unwrap());
    let build = ["policy", "bundle", "build", "rules", "--output", "team.tar.gz"];
    project.ok(&[&build[..], &["--policy-signing-key", &key("rsa.key")]].concat());
    let block =
        "mlo {\n  policy \"team\" {\n    source = \"team.tar.gz\"\n    key    = \"keys/team.pem\"\n  }\n}\n";
    project.write("main.hcl", format!("{block}{}", FILE.replace("bad", "good")));
    project.mlo(&["plan"]).ends_with(3).has(&[
        "MLO5006",
        "policy bundle `team` is not let in",
        "is not of `keys/team.pem`",
    ]);
    project.mlo(&["plan", "--policy-key", &key("rsa.pem")]).ends_with(3).has(&["is not of `keys/team.pem`"]);
    project.ok(&[&build[..], &["--policy-signing-key", &key("p256.key")]].concat());
    project.ok(&["plan"]).has(&["signed by keys/team.pem"]);
    project.mlo(&["plan", "--policy-key", &key("rsa.pem")]).ends_with(3).has(&["is not of `"]);
    project.ok(&["plan", "--policy-key", &key("rsa.pem"), "--policy-key", &key("p256.pem")]);
}

#[test]
fn whose_policies_a_saved_plan_is_judged_by_is_said_by_the_configuration_that_is_there() {
    let project = project("good");
    let block = "mlo {\n  policy \"team\" {\n    source = \"rules\"\n  }\n}\n";
    let file = FILE.replace("bad", "good");
    project.write("main.hcl", file.as_str());
    project.ok(&["plan", "--out", "p.plan"]);
    project.write("main.hcl", format!("{block}{file}"));
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["the policies have changed since it was made", "`team` (sha256:"]);
    project.ok(&["plan", "--out", "p.plan"]);
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
}

#[test]
fn blocks_that_are_wrong_are_told_at_their_lines() {
    let project = project("good");
    for (body, why) in [
        ("policy \"a\" {\n  }", "policy `a` has no `source`"),
        ("policy \"a\" {\n    source = \"../a\"\n  }", "policy `a` names what lies outside of the project"),
        ("policy \"a\" {\n    source = \"/etc\"\n  }", "policy `a` names what lies outside of the project"),
        (
            "policy \"a\" {\n    source = \"a\"\n    key = \"../k\"\n  }",
            "names what lies outside of the project",
        ),
        ("policy \"a\" {\n    source = var.x\n  }", "`source` must be a quoted text"),
        ("policy \"a\" {\n    source = \"a\"\n    keys = \"b\"\n  }", "keys"),
        ("policy \"a\" {\n    source = \"a\"\n  }\n  policy \"a\" {\n    source = \"b\"\n  }", "policy `a`"),
        ("policy {\n    source = \"a\"\n  }", "policy"),
    ] {
        project.write("main.hcl", format!("mlo {{\n  {body}\n}}\n"));
        project.mlo(&["validate"]).ends_with(1).has(&[why, "main.hcl:"]);
    }
    project.write("main.hcl", "terraform {\n  policy \"a\" {\n    source = \"a\"\n  }\n}\n");
    project.mlo(&["validate"]).ends_with(1).has(&["policy"]);
}
