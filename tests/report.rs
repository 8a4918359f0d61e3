//! What a run tells, in which form and where: flags that plan, apply and destroy share.

use crate::support::{Project, said};
use serde_json::{Value as Json, json};

const TWO: &str = "resource \"terraform_data\" \"a\" { input = 1 }\nresource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = \"one\\n\"\n}\n";

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

#[test]
fn a_plan_that_fails_shows_what_it_found() {
    let project = project(
        "resource \"terraform_data\" \"good\" { input = 1 }\nresource \"terraform_data\" \"bad\" { input = file(\"none\") }\noutput \"o\" { value = terraform_data.bad.id }\n",
    );
    project.mlo(&["plan"]).ends_with(1).has(&[
        "# terraform_data.good will be created",
        "Plan: 1 to add",
        "it is not the whole plan",
        "error[",
    ]);
    let document = project.json(&["plan"], 1);
    assert_eq!(document["errored"], json!(true));
    assert_eq!(document["applyable"], json!(false));
    assert_eq!(document["complete"], json!(false));
    assert_eq!(document["resource_changes"][0]["address"], json!("terraform_data.good"));
    assert_eq!(document["resource_changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["diagnostics"][0]["severity"], json!("error"));
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&["it is not the whole plan"]);
    project.ok(&["show"]).has(&["no state"]);
}

#[test]
fn a_refresh_only_run_writes_what_was_read_and_changes_nothing() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has(&["The state is as the objects are"]);
    project.write("f.txt", "by hand\n");
    project
        .mlo(&["plan", "--refresh-only", "--detailed-exitcode"])
        .ends_with(2)
        .has(&["local_file.f has changed", "changes no object"]);
    // Without reading, nobody knows.
    project.ok(&["plan", "--refresh=false", "--detailed-exitcode"]).has(&["No changes."]);
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2);
    project.mlo(&["apply", "--refresh-only"]).ends_with(1).has(&["--auto-approve"]);
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["0 added, 0 changed, 0 destroyed"]);
    assert_eq!(project.read("f.txt"), "by hand\n");
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]);
    project.mlo(&["plan"]).ends_with(0).has(&["~ resource \"local_file\" \"f\""]);
    std::fs::remove_file(project.path().join("f.txt")).unwrap();
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["local_file.f is gone"]);
    assert!(!project.ok(&["show"]).out.contains("local_file"));
    for arguments in [&["plan", "--refresh-only", "--refresh=false"][..], &["destroy", "--refresh-only"]] {
        project.mlo(arguments).ends_with(1).has(&["--refresh-only"]);
    }
}

#[test]
fn a_refresh_only_plan_says_that_it_writes_what_was_read_and_the_outputs() {
    let project = project(&format!("{TWO}output \"o\" {{ value = local_file.f.content }}\n"));
    project.ok(&["apply", "--auto-approve"]);
    project.write("f.txt", "by hand\n");
    project.ok(&["plan", "--refresh-only"]).has(&[
        "local_file.f has changed",
        "~ o = ",
        "An apply writes to the state what was read, saves these outputs and changes no object.\n",
    ]);
}

#[test]
fn an_object_where_its_provider_does_not_look_any_more_is_not_said_to_have_been_deleted() {
    let project = project(
        "provider \"local\" { root = \"one\" }\nresource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = \"x\"\n}\n",
    );
    project.write("one/other", "");
    project.write("two/other", "");
    project.ok(&["apply", "--auto-approve"]);
    project.edit("main.hcl", "\"one\"", "\"two\"");
    project.ok(&["plan"]).has(&["will be created", "or its provider now looks elsewhere)\n"]);
    assert_eq!(project.read("one/f.txt"), "x");
}

#[test]
fn destroy_is_a_flag_of_plan_and_apply() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--destroy"]).has(&["Plan: 0 to add, 0 to change, 2 to destroy."]);
    assert_eq!(project.json(&["plan", "--destroy"], 0)["destroy"], json!(true));
    project.ok(&["apply", "--destroy", "--auto-approve"]).has(&["2 destroyed"]);
}

#[test]
fn one_run_writes_several_forms_and_files_are_private() {
    let project = project(TWO);
    let said = project.ok(&["plan", "--out-json", "plan.json"]);
    said.has(&["Plan: 2 to add"]);
    let document: Json = serde_json::from_str(&project.read("plan.json")).unwrap();
    assert_eq!(document["resource_changes"].as_array().map(Vec::len), Some(2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(project.path().join("plan.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    project.mlo(&["plan", "--out-json", "no/such/folder.json"]).ends_with(1).has(&["cannot be written"]);
    project.ok(&["apply", "--auto-approve", "--out-json", "apply.json"]).has(&["2 added"]);
    let document: Json = serde_json::from_str(&project.read("apply.json")).unwrap();
    assert_eq!(document["summary"], json!({"add": 2, "change": 0, "destroy": 0, "import": 0}));
}

#[test]
fn concise_shows_the_changes_and_the_last_line() {
    let project = project(TWO);
    let said = project.ok(&["apply", "--auto-approve", "--concise"]);
    said.has(&["# terraform_data.a will be created", "Apply complete!"]);
    assert!(!said.all().contains("Creating..."), "{}", said.all());
    assert!(!said.all().contains("mlo will do"), "{}", said.all());
}

#[test]
fn warnings_can_be_a_line_each() {
    let project = project(TWO);
    project.write("mlo.tfvars", "sizze = 1\nother = 2\n");
    let said = project.ok(&["plan", "--compact-warnings"]);
    said.has(&["there is no variable `sizze` (mlo.tfvars:1:1)\n"]);
    assert!(!said.err.contains("-->"), "{}", said.err);
}

#[test]
fn a_flag_can_be_given_by_its_variable_and_the_flag_counts_more() {
    let project = project(TWO);
    let with = |arguments: &[&str], environment: &[(&str, &str)]| {
        said(project.command(arguments).envs(environment.iter().copied()))
    };
    with(&["plan"], &[("MLO_FORMAT", "json")]).ends_with(0).has(&["\"format_version\": \"1.2\""]);
    with(&["plan", "--format", "human"], &[("MLO_FORMAT", "json")]).ends_with(0).has(&["Plan: 2 to add"]);
    with(&["plan"], &[("MLO_JSON", "0"), ("MLO_DETAILED_EXITCODE", "1")]).ends_with(2).has(&["Plan: 2"]);
    with(&["plan"], &[("MLO_DESTROY", "1")]).ends_with(0).has(&["Plan: 2 to add"]);
}

#[test]
fn lines_of_json_tell_what_happens_as_terraform_does() {
    let project = project(&format!("{TWO}output \"o\" {{ value = terraform_data.a.output }}\n"));
    let lines = |arguments: &[&str], code: i32| -> Vec<Json> {
        let said = project.mlo(arguments);
        said.ends_with(code);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let types = |lines: &[Json]| -> Vec<String> {
        lines.iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect()
    };
    let plan = lines(&["plan", "--format", "ndjson"], 0);
    assert_eq!(
        types(&plan),
        ["version", "planned_change", "planned_change", "change_summary", "outputs", "policy"]
    );
    assert_eq!(plan[1]["change"]["action"], json!("create"));
    assert_eq!(plan[1]["@message"], json!("local_file.f: Plan to create"));
    assert_eq!(plan[1]["change"]["resource"]["resource_key"], json!(null));
    assert_eq!(
        plan[3]["changes"],
        json!({"add": 2, "change": 0, "import": 0, "remove": 0, "operation": "plan"})
    );
    let apply = lines(&["apply", "--auto-approve", "--format", "ndjson"], 0);
    let started = apply.iter().find(|line| line["type"] == "apply_start").unwrap();
    assert_eq!(started["hook"]["action"], json!("create"));
    let done = apply.iter().rfind(|line| line["type"] == "apply_complete").unwrap();
    assert!(done["hook"]["id_value"].is_string() && done["hook"]["elapsed_seconds"].is_u64(), "{done}");
    // What is said of the key that was made for the state's secrets may come after them.
    assert_eq!(types(&apply).iter().rfind(|name| *name != "diagnostic").map(String::as_str), Some("outputs"));
    assert!(apply.iter().all(|line| line["@timestamp"].is_string() && line["@level"].is_string()));
    project.write("f.txt", "by hand\n");
    assert!(types(&lines(&["plan", "--format", "ndjson"], 0)).contains(&"resource_drift".to_owned()));
    project.write("bad.hcl", "output \"x\" { value = nothing.here }\n");
    let failed = lines(&["plan", "--format", "ndjson"], 1);
    assert_eq!(types(&failed), ["version", "diagnostic"]);
    assert_eq!(failed[1]["@level"], json!("error"));
}

#[test]
fn a_comment_has_its_marker_the_verdict_and_the_riskiest_first() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "main.hcl",
        "resource \"terraform_data\" \"new\" { input = \"```\\n</details> @all\" }\nresource \"terraform_data\" \"a\" { input = 2 }\n",
    );
    let said = project.ok(&["plan", "--format", "markdown", "--out-md", "plan.md"]);
    assert_eq!(said.out, project.read("plan.md"));
    said.has(&[
        "<!-- mlo:plan env=dev -->\n### mlo plan · `dev` · ✅ can be applied\n",
        "**1 to add, 1 to change, 1 to destroy**",
        "- `-` `local_file.f` is destroyed\n- `~` `terraform_data.a` is updated\n- `+` `terraform_data.new` is created\n",
        "!       input  = 1 -> 2\n",
        "````diff",
    ]);
    project.write("bad.hcl", "output \"x\" { value = file(\"@none\") }\n");
    project.mlo(&["plan", "--format", "markdown"]).ends_with(1).has(&[
        "❌ failed",
        "not the whole plan",
        "bad.hcl:1",
    ]);
}

#[test]
fn a_comment_has_the_marker_of_its_environment_though_the_configuration_cannot_be_read() {
    let several =
        "environment \"dev\" {}\nenvironment \"staging\" {}\nresource \"terraform_data\" \"a\" {}\n";
    let (named, not_named): (&[&str], &[&str]) = (&["--env", "staging"], &[]);
    for (hcl, flag, environment) in
        [(several, named, "staging"), (TWO, named, "staging"), (TWO, not_named, "dev")]
    {
        let project = project(hcl);
        let plan = [&["plan", "--out-md", "p.md"][..], flag].concat();
        let apply = [&["apply", "--auto-approve", "--out-md", "p.md"][..], flag].concat();
        let head = format!("<!-- mlo:plan env={environment} -->\n### mlo plan · `{environment}` · ");
        let is_headed = |verdict: &str| {
            let page = project.read("p.md");
            assert!(page.starts_with(&format!("{head}{verdict}")), "{environment}: {page}");
        };
        project.ok(&plan);
        is_headed("✅ can be applied");
        project.write("bad.hcl", "x = \n");
        for arguments in [&plan, &apply] {
            project.mlo(arguments).ends_with(1);
            is_headed("❌ failed");
        }
    }
}

#[test]
fn a_workflow_gets_annotations_a_folded_log_a_summary_and_outputs() {
    let project = project(
        "resource \"terraform_data\" \"a\" { input = \"::error::x\" }\noutput \"x\" { value = file(\"none\") }\n",
    );
    let files = ["summary.md", "outputs"].map(|name| project.path().join(name));
    let run = || {
        let mut command = project.command(&["plan", "--format", "github"]);
        said(command.env("GITHUB_STEP_SUMMARY", &files[0]).env("GITHUB_OUTPUT", &files[1]))
    };
    run().ends_with(1).has(&["::error file=main.hcl,line=2,endLine=2,", "::group::mlo\n::stop-commands::"]);
    project.edit("main.hcl", "file(\"none\")", "1");
    run().ends_with(0).has(&["Plan: 1 to add"]);
    assert!(
        project.read("outputs").ends_with("exitcode=0\nchanges=true\nadd=1\nchange=0\ndestroy=0\nimport=0\n")
    );
    assert_eq!(project.read("summary.md").matches("<!-- mlo:plan env=dev -->").count(), 2);
}

#[test]
fn a_change_says_why_where_the_configuration_is_not_the_only_reason() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.write("f.txt", "by hand\n");
    project.ok(&["plan"]).has(&["# changed outside of mlo\n"]);
    project.edit("main.hcl", "one\\n", "two\\n");
    project.ok(&["plan"]).has(&["# configuration\n"]);
    project.edit("main.hcl", "input = 1", "input = 2");
    let said = project.ok(&["plan"]);
    assert!(said.out.contains("~ input  = 1 -> 2\n"), "{}", said.all());
}

#[test]
fn a_digest_is_of_a_model_only_where_it_is() {
    let project = project(
        "variable \"d\" {}\nresource \"terraform_data\" \"image\" { input = { image_digest = var.d, digest = var.d } }\n",
    );
    project.ok(&["apply", "--auto-approve", "--var", "d=sha256:aaaa"]);
    let said = project.ok(&["plan", "--var", "d=sha256:bbbb"]);
    said.has(&["\"sha256:aaaa\" -> \"sha256:bbbb\""]).has_not(&["model's file"]);
}

#[test]
fn secrets_are_in_no_form_of_a_report() {
    let project = project(
        "variable \"token\" {\n  sensitive = true\n  default = \"hunter2-secret\"\n}\nresource \"terraform_data\" \"a\" { input = var.token }\nresource \"terraform_data\" \"b\" { input = nonsensitive(sha256(var.token)) != \"\" ? nonsensitive(\"x ${var.token}\") : \"\" }\n",
    );
    for format in ["human", "json", "ndjson", "markdown", "github"] {
        let said = project.ok(&["plan", "--format", format, "--out-md", "p.md", "--out-json", "p.json"]);
        assert!(!said.all().contains("hunter2"), "{format}: {}", said.all());
        assert!(!project.read("p.md").contains("hunter2"));
        assert!(!project.read("p.json").contains("hunter2"));
    }
}

#[test]
fn a_plan_that_finds_nothing_before_it_fails_does_not_say_that_there_is_nothing_to_do() {
    let project = Project::with(&[(
        "main.hcl",
        "locals {\n  a = 1 + []\n}\nresource \"terraform_data\" \"x\" {\n  input = local.a\n}\n",
    )]);
    let said = project.mlo(&["plan"]);
    said.ends_with(1).has(&["this is not the whole plan", "main.hcl:2:11"]).has_not(&["No changes"]);
}

#[test]
fn what_was_changed_outside_is_shown_though_the_plan_to_write_it_down_fails() {
    let good = "resource \"local_file\" \"g\" {\n  filename = \"g.txt\"\n  content  = \"a\"\n}\n";
    let project = project(good);
    project.ok(&["apply", "--auto-approve"]);
    std::fs::remove_file(project.path().join("g.txt")).unwrap();
    project.write("bad.hcl", "output \"bad\" { value = file(\"nope\") }\n");
    for more in [&[][..], &["--concise"]] {
        project
            .mlo(&[&["plan", "--refresh-only"], more].concat())
            .ends_with(1)
            .has_not(&["Nothing to do"])
            .has(&[
                "  # local_file.g is gone\n",
                "This is what was found before the errors; it is not the whole plan.\n",
                "nope",
            ]);
    }
    let document = project.json(&["plan", "--refresh-only"], 1);
    assert_eq!(document["resource_drift"][0]["address"], json!("local_file.g"));
    // What was changed outside, and is to stay so, is nothing to do; it is shown all the same.
    project.write("main.hcl", good.replace("}\n", "  lifecycle { ignore_changes = all }\n}\n"));
    project.write("g.txt", "b");
    project.mlo(&["plan"]).ends_with(1).has(&[
        "  # local_file.g has changed\n",
        "Nothing to do was found before the errors; this is not the whole plan.\n",
    ]);
}

#[test]
fn a_comment_shows_what_becomes_of_outputs_and_what_was_changed_outside() {
    let project = project("output \"o\" { value = 5 }\n");
    project.ok(&["plan", "--format", "markdown"]).has(&[
        "✅ can be applied",
        "- `+` output `o` is new\n",
        "+   o = 5\n",
    ]);
    project.write(
        "main.hcl",
        "resource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = \"a\"\n}\n",
    );
    project.ok(&["apply", "--auto-approve"]);
    project.write("f.txt", "b");
    project
        .ok(&["plan", "--refresh-only", "--format", "markdown"])
        .has(&["- `~` `local_file.f` has changed outside of mlo\n", "content        = \"a\" -> \"b\""]);
}

#[test]
fn a_document_that_cannot_be_written_is_told_before_anything_is_changed() {
    let project = project(TWO);
    for flag in ["--out-json", "--out-md"] {
        project
            .mlo(&["apply", "--auto-approve", flag, "none/x"])
            .ends_with(1)
            .has(&["`none/x` cannot be written"]);
    }
    project.ok(&["state", "list"]).has_not(&["terraform_data"]);
    for name in ["main.hcl", "new.tf", "model.yaml"] {
        project.mlo(&["plan", "--out", name]).ends_with(1).has(&["is configuration", "mlo.plan"]);
    }
    assert_eq!(project.read("main.hcl"), TWO);
}

#[test]
fn programs_know_a_plan_and_a_state_by_the_version_of_terraform() {
    let project = project(TWO);
    let plan = project.json(&["plan"], 0);
    assert_eq!(
        (&plan["terraform_version"], &plan["prior_state"]["terraform_version"]),
        (&json!("1.11.4"), &json!("1.11.4"))
    );
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(project.json(&["show"], 0)["terraform_version"], json!("1.11.4"));
    // That nothing is there is no secret.
    let file = &project.json(&["plan", "--replace", "local_file.f"], 0)["resource_changes"];
    let file =
        file.as_array().unwrap().iter().find(|change| change["address"] == json!("local_file.f")).unwrap();
    assert_eq!(file["change"]["after"]["sensitive_content"], json!(null));
    let bad = project.json(&["plan", "--target", "terraform_data.none"], 1);
    assert_eq!((&bad["applyable"], &bad["errored"]), (&json!(false), &json!(true)));
}
