//! `source` and `version` that are made of variables.

use super::{calling, saying, text};
use crate::support::pack::{commit, git};
use crate::support::{Project, said};

#[test]
fn sources_are_made_of_what_is_known_in_time() {
    let project = Project::new();
    let repository = project.path().join("repository");
    commit(&repository, &[("net/main.tf", &saying("first"))]);
    git(&repository, &["tag", "v1"]);
    commit(&repository, &[("net/main.tf", &saying("second"))]);
    git(&repository, &["tag", "v2"]);
    let variables = "variable \"tag\" {\n  default = \"v1\"\n}\nlocals {\n  base = \"git::file://REPOSITORY\"\n  full = \"${local.base}//net?ref=${var.tag}\"\n}\n";
    let variables = variables.replace("REPOSITORY", &repository.display().to_string());
    project.write("variables.hcl", &variables);
    project.write("main.hcl", calling("${local.full}"));
    assert_eq!(text(&project), "first");
    let plan = project.json(&["plan", "--var", "tag=v2"], 0);
    assert_eq!(plan["output_changes"]["text"]["after"], "second");
    let answer = said(project.command(&["plan"]).env("MLO_VAR_tag", "v2"));
    answer.ends_with(0).has(&["second"]);
    project.write("mlo.tfvars", "tag = \"v2\"\n");
    assert_eq!(text(&project), "second");
    // Through a module's arguments, and in JSON.
    project.write("main.tf.json", r#"{"module":{"m":{"source":"./middle","tag":"${var.tag}"}},"output":{"text":{"value":"${module.m.text}"}}}"#);
    std::fs::remove_file(project.path().join("main.hcl")).unwrap();
    project.write("middle/variables.hcl", &variables);
    project.write("middle/main.hcl", calling("${local.full}"));
    assert_eq!(text(&project), "second");
    project.ok(&["validate"]);
}

#[test]
fn what_is_not_known_in_time_is_named() {
    let project = Project::with(&[(
        "other.hcl",
        "variable \"none\" {\n  type = string\n}\nvariable \"secret\" {\n  default   = \"hunter22\"\n  sensitive = true\n}\nvariable \"number\" {\n  type    = number\n  default = 1\n}\nlocals {\n  id     = terraform_data.a.id\n  circle = local.circle\n}\nresource \"terraform_data\" \"a\" {}\n",
    )]);
    for (source, code, why) in [
        ("${terraform_data.a.id}", "MLO1047", "`terraform_data.a` is not known when modules are loaded"),
        ("${local.id}", "MLO1047", "`terraform_data.a` is not known when modules are loaded"),
        ("./${var.none}", "MLO1047", "variable `none` has no value"),
        ("./${var.secret}", "MLO1047", "made of a sensitive value"),
        ("./${each.key}", "MLO1047", "`each.key` is not known"),
        ("./${local.circle}", "MLO1047", "`local.circle` is made of itself"),
        ("./${timestamp()}", "MLO1047", "not known when modules are loaded"),
        ("./${var.nome}", "MLO1050", "did you mean `none`?"),
        ("${var.number}", "MLO1025", "`source` must be a text"),
    ] {
        project.write("main.hcl", calling(source));
        let said = project.mlo(&["plan", "--var", "number=2"]);
        said.ends_with(1).has(&[code, why, "main.hcl:2:"]).has_not(&["hunter22"]);
    }
    project.write("main.hcl", "module \"m\" {\n  source  = \"acme/net/local\"\n  version = var.number\n}\n");
    project.mlo(&["plan"]).ends_with(1).has(&["`version` must be a text", "main.hcl:3:"]);
}
