//! `mlo console`: what expressions see and how values are printed. `tests/cases/console/values.json` and
//! `tests/cases/marks/values.json` have expressions with what Terraform's console prints of them (nothing where it refuses
//! them), in the folder of that file.

use super::support::{Project, Said, fed, repository};
use std::collections::HashSet;

/// What the console says to these lines.
fn console(project: &Project, arguments: &[&str], lines: &str) -> Said {
    fed(&mut project.command(&[&["console"], arguments].concat()), lines)
}

/// The rows of the `values.json` of a folder.
fn rows(folder: &str) -> Vec<serde_json::Value> {
    let rows = std::fs::read_to_string(repository().join(folder).join("values.json")).unwrap();
    serde_json::from_str(&rows).unwrap()
}

/// Asks for the inputs of rows, one after the other in one console, and looks for their outputs.
fn prints(project: &Project, rows: &[&serde_json::Value]) {
    let lines: Vec<_> = rows.iter().map(|row| row["input"].as_str().unwrap()).collect();
    let said = console(project, &[], &lines.join("\n"));
    let mut rest = said.out.as_str();
    for row in rows {
        let (input, output) = (row["input"].as_str().unwrap(), row["output"].as_str().unwrap());
        rest = rest.strip_prefix(output).unwrap_or_else(|| {
            panic!("{input} is\n{output}and not\n{}\n{}", rest.get(..400).unwrap_or(rest), said.err)
        });
    }
    assert_eq!((rest, said.code), ("", 0), "{}", said.err);
}

#[test]
fn values_are_printed_as_terraform_prints_them() {
    let project = Project::copy_of("tests/cases/console");
    let rows = rows("tests/cases/console");
    let (printed, refused): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["output"].is_string());
    assert!(printed.len() > 100 && refused.len() > 15, "{} and {} rows", printed.len(), refused.len());
    prints(&project, &printed);
    for row in refused {
        let input = row["input"].as_str().unwrap();
        let said = console(&project, &[], &format!("{input}\n1\n"));
        assert_eq!((said.out.as_str(), said.code), ("", 1), "{input}\n{}", said.err);
        assert!(said.err.contains("<console>:"), "{input}\n{}", said.err);
    }
}

/// Each function with each argument and each part of one secret, known and not: what of the result is secret.
#[test]
fn results_are_as_secret_as_terraform_has_them() {
    let rows = rows("tests/cases/marks");
    let functions =
        std::fs::read_to_string(repository().join("tests/cases/conformance/functions.txt")).unwrap();
    let words = |row: &serde_json::Value| -> Vec<String> {
        let input = row["input"].as_str().unwrap();
        input.split(|character: char| !character.is_alphanumeric()).map(str::to_owned).collect()
    };
    let asked: HashSet<String> = rows.iter().flat_map(words).collect();
    // The time and chance have no arguments that could be secret; a text that is decrypted comes below.
    let without = ["plantimestamp", "rsadecrypt", "timestamp", "uuid"];
    let missing: Vec<_> =
        functions.lines().filter(|name| !asked.contains(*name) && !without.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    prints(&Project::copy_of("tests/cases/marks"), &rows.iter().collect::<Vec<_>>());
}

/// Where Terraform forgets that an argument was secret, and with functions of our own.
#[test]
fn no_secret_is_forgotten() {
    let project = Project::copy_of("tests/cases/marks");
    for input in [
        "{ a = 1 }[sensitive(\"a\")]",
        "merge(sensitive(null), { a = 1 })",
        "abs(sensitive(local.un))",
        "concat(sensitive(local.u), [1])",
        "concat(local.u, [sensitive(1)])",
        "element(sensitive(local.u), 0)",
        "element([sensitive(1), \"b\"], local.un)",
        "keys(sensitive(local.u))",
        "lookup({ a = sensitive(1) }, local.us, 2)",
        "merge(local.u, { a = sensitive(1) })",
        "reverse(toset([local.us, sensitive(\"b\")]))",
        "setproduct(local.u, [sensitive(1)])",
        "matchkeys([1], [\"a\"], [sensitive(local.us)])",
        "rsadecrypt(sensitive(local.us), \"\")",
        "rsadecrypt(\"\", sensitive(local.us))",
        "provider::mlo::k8s_quantity(sensitive(\"1Gi\"))",
        "provider::mlo::semver_compare(\"1.0.0\", sensitive(\"1.0.1\"))",
        "provider::mlo::semver_compare(sensitive(local.us), \"1.0.0\")",
    ] {
        assert_eq!(console(&project, &[], &format!("issensitive({input})")).out, "true\n", "{input}");
    }
}

#[test]
fn the_time_is_the_time_now() {
    let project = Project::with(&[("main.hcl", "locals {\n  at = timestamp()\n  id = uuid()\n}\n")]);
    let said =
        console(&project, &[], "timecmp(timestamp(), local.at) >= 0\nlength(local.id)\nlocal.id == uuid()\n");
    assert_eq!(said.out, "true\n36\nfalse\n", "{}", said.err);
}

#[test]
fn resources_have_the_values_of_the_state() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"terraform_data\" \"one\" {\n  input = { a = [1, \"b\"] }\n}\n\
         resource \"terraform_data\" \"many\" {\n  count = 2\n  input = count.index\n}\n\
         resource \"terraform_data\" \"each\" {\n  for_each = toset([\"k\"])\n  input = sensitive(each.key)\n}\n\
         locals {\n  made = terraform_data.one.output.a[1]\n}\n",
    )]);
    let before = console(&project, &[], "terraform_data.one\nterraform_data.many[0].output\nlocal.made\n");
    assert_eq!(before.out, "(known after apply)\n".repeat(3));
    project.ok(&["apply", "--auto-approve"]);
    let more = "resource \"terraform_data\" \"later\" {}\nlocals {\n  later = terraform_data.later.id\n}\n";
    project.write("later.hcl", more);
    let after = console(
        &project,
        &[],
        "local.made\nterraform_data.many[*].output\nterraform_data.each[\"k\"].input\nlocal.later\n",
    );
    assert_eq!(
        after.out, "\"b\"\n[\n  0,\n  1,\n]\n(sensitive value)\n(known after apply)\n",
        "{}",
        after.err
    );
}

#[test]
fn an_expression_may_take_several_lines() {
    let project = Project::new();
    for (lines, out) in [
        ("[\n1,\n\n2]\n3\n", "[\n  1,\n  2,\n]\n3\n"),
        ("upper(<<EOT\na\nEOT\n)\n", "<<EOT\nA\n\nEOT\n"),
        ("\"${\n1}\"\n", "1\n"),
        ("# nothing\n\n  1", "1\n"),
        ("1\nexit\n2\n", "1\n"),
        ("", ""),
    ] {
        let said = console(&project, &[], lines);
        assert_eq!((said.out.as_str(), said.code), (out, 0), "{lines}\n{}", said.err);
    }
    console(&project, &[], "help\n").has(&["type(x)"]);
    console(&project, &[], "1\n[\n2\n").ends_with(1).has(&["<console>:2:2", "--- stdout\n1\n"]);
}

#[test]
fn an_error_ends_it() {
    let project = Project::with(&[("main.hcl", "variable \"region\" {\n  default = \"eu\"\n}\n")]);
    let said = console(&project, &[], "var.region\nvar.regio\nvar.region\n");
    said.ends_with(1).has(&["<console>:1:1", "`var.regio`", "`var.region`"]);
    assert_eq!(said.out, "\"eu\"\n", "what comes after it is not evaluated");
    console(&project, &["--var", "region=us"], "var.region\n").ends_with(0).has(&["\"us\""]);
    console(&project, &["nowhere"], "1\n").ends_with(1).has(&["nowhere"]);
    project.write("bad.hcl", "a = [\n");
    console(&project, &[], "1\n").ends_with(1).has(&["bad.hcl"]);
}

#[test]
fn what_cannot_be_evaluated_is_said_and_the_rest_is_there() {
    let text = "variable \"n\" {\n  default = 0\n  validation {\n    condition = var.n > 0\n    error_message = \"too low\"\n  }\n}\n\
                locals {\n  bad = var.n\n  good = 1\n}\n";
    let project = Project::with(&[("main.hcl", text)]);
    console(&project, &[], "local.good\n").ends_with(0).has(&[
        "too low",
        "some expressions",
        "--- stdout\n1\n",
    ]);
    console(&project, &[], "local.bad\n").ends_with(1).has(&["too low", "local.bad"]);
}

#[test]
fn secrets_are_not_shown_unless_they_are_asked_for() {
    let text = "variable \"token\" {\n  default = \"hunter2\"\n  sensitive = true\n}\n";
    let project = Project::with(&[("main.hcl", text)]);
    let lines = "var.token\n[upper(var.token)]\n\"x-${var.token}\"\n";
    console(&project, &[], lines).ends_with(0).has(&["(sensitive value)"]).has_not(&["hunter2", "HUNTER2"]);
    console(&project, &[], "tonumber(var.token)\n").ends_with(1).has_not(&["hunter2"]);
    assert_eq!(console(&project, &[], "nonsensitive(var.token)\n").out, "\"hunter2\"\n");
}
