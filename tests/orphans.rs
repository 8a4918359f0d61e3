//! Objects that the configuration has no more: with the provider that made them, in their order, never lost.

use crate::support::Project;
use serde_json::{Value, json};

fn project(hcl: &str) -> Project {
    Project::with(&[("main.tf", hcl)])
}

fn file(name: &str, more: &str) -> String {
    format!(
        "resource \"local_file\" \"{name}\" {{\n  filename = \"{name}.txt\"\n  content = \"x\"\n  {more}\n}}\n"
    )
}

/// The addresses that the state has.
fn state(project: &Project) -> Vec<String> {
    project.ok(&["state", "list"]).out.lines().map(str::to_owned).collect()
}

const ALIASED: &str = "provider \"local\" {\n  alias = \"in\"\n  root = \"sub\"\n}\n";

#[test]
fn an_object_is_not_looked_for_with_another_provider_than_made_it() {
    let project = project(
        &(ALIASED.to_owned() + &file("f", "provider = local.in") + &file("g", "provider = local.in")),
    );
    project.write("f.txt", "somebody else's");
    project.ok(&["apply", "--auto-approve"]);
    for (name, text) in [("nothing at all", ""), ("another configuration", "provider \"local\" {}\n")] {
        project.write("main.tf", text);
        for command in [
            &["plan"][..],
            &["plan", "--refresh=false"],
            &["apply", "--auto-approve"],
            &["apply", "--refresh-only", "--auto-approve"],
            &["destroy", "--auto-approve"],
        ] {
            let said = project.mlo(command);
            assert_eq!(said.code, 1, "{name}: {}", said.all());
            said.has(&[
                "error[MLO3015]: local_file.f, local_file.g are kept by provider local.in, which is not configured any more",
                "bring the block `provider \"local\" { alias = \"in\" … }` back until its objects are gone",
                "mlo state rm 'local_file.f'",
            ]);
        }
    }
    assert_eq!((project.read("f.txt"), project.read("sub/f.txt")), ("somebody else's".into(), "x".into()));
    assert_eq!(state(&project), ["local_file.f", "local_file.g"]);
    // What is only to be forgotten needs nobody, and with the block back the rest goes.
    let forgotten = "removed {\n  from = local_file.f\n  lifecycle { destroy = false }\n}\n";
    project.write("main.tf", forgotten.to_owned() + ALIASED);
    project.ok(&["apply", "--auto-approve"]).has(&["1 destroyed"]);
    assert_eq!((project.read("f.txt"), project.read("sub/f.txt")), ("somebody else's".into(), "x".into()));
    assert!(!project.path().join("sub/g.txt").exists());
}

#[test]
fn a_module_can_go_only_after_what_its_own_provider_keeps() {
    let main = "module \"m\" { source = \"./m\" }\n";
    let project = project(main);
    project.write("m/main.tf", "provider \"local\" { root = \"sub\" }\n".to_owned() + &file("f", ""));
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.tf", "");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[
        "module.m.local_file.f is kept by provider module.m.local, which is not configured any more",
        "bring the block `provider \"local\" { … }` of module.m back",
    ]);
    project.write("main.tf", main);
    project.write("m/main.tf", "provider \"local\" { root = \"sub\" }\n");
    project.ok(&["apply", "--auto-approve"]).has(&["1 destroyed"]);
    assert!(!project.path().join("sub/f.txt").exists());
}

#[test]
fn a_provider_without_an_alias_is_missed_where_it_said_something() {
    let provider = "resource \"terraform_data\" \"dir\" { input = \"sub\" }\nprovider \"local\" { root = terraform_data.dir.output }\n";
    let project = project(&(provider.to_owned() + &file("f", "")));
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(project.read("sub/f.txt"), "x");
    std::fs::remove_file(project.path().join("main.tf")).unwrap();
    project.mlo(&["destroy", "--auto-approve"]).ends_with(1).has(&[
        "local_file.f is kept by provider local, which is not configured any more",
        "bring the block `provider \"local\" { … }` back",
    ]);
    // That others use the provider without a block is no help.
    project.write("main.tf", file("g", ""));
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&["local_file.f is kept by provider local"]);
    project.write("main.tf", provider);
    project.ok(&["destroy", "--auto-approve"]).has(&["2 destroyed"]);
    assert!(!project.path().join("sub/f.txt").exists());
    // Where it said nothing, nobody misses it.
    project.write("main.tf", file("f", ""));
    project.ok(&["apply", "--auto-approve"]);
    std::fs::remove_file(project.path().join("main.tf")).unwrap();
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed"]);
}

#[test]
fn a_part_takes_the_providers_of_what_goes_along() {
    let project = project(&(ALIASED.to_owned() + &file("f", "provider = local.in")));
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.tf", ALIASED);
    let plan = project.json(&["plan", "--target", "local_file.f"], 0);
    assert_eq!(plan["resource_changes"][0]["change"]["actions"], json!(["delete"]));
    // The root module is there, whatever is planned.
    assert_eq!(plan["resource_changes"][0]["action_reason"], "delete_because_no_resource_config");
    project.ok(&["apply", "--auto-approve", "--target", "local_file.f"]).has(&["1 destroyed"]);
    assert!(!project.path().join("sub/f.txt").exists());
}

#[test]
fn a_module_that_configures_a_provider_is_there_once() {
    for (repeat, word) in [("count = 2", "count"), ("for_each = { a = 1 }", "for_each")] {
        let project = project(&format!("module \"m\" {{\n  source = \"./m\"\n  {repeat}\n}}\n"));
        project.write("m/main.tf", "module \"inner\" { source = \"./inner\" }\n");
        project.write("m/inner/main.tf", "provider \"local\" {\n  root = \"x\"\n}\n");
        project.mlo(&["validate"]).ends_with(1).has(&[
            &format!("error[MLO1042]: module `m` configures a provider, so it cannot have `{word}`"),
            "main.tf:3:",
            "m/inner/main.tf:1:1",
            "pass it with `providers = { … }`",
        ]);
        // One without arguments is the same in each instance.
        project.write("m/inner/main.tf", "provider \"local\" {}\n");
        project.ok(&["validate"]);
    }
}

const CHAIN: &str = r#"
resource "local_command" "a" {
  create = ["sh", "-c", "echo a"]
  find   = ["false"]
  read   = ["true"]
  delete = ["sh", "-c", "echo a >> order"]
}
resource "local_file" "m" {
  filename = "m.txt"
  content  = local_command.a.id
}
resource "local_command" "c" {
  create      = ["sh", "-c", "echo c"]
  find        = ["false"]
  read        = ["true"]
  delete      = ["sh", "-c", "sleep 0.3; echo c >> order"]
  environment = { M = local_file.m.id }
}
"#;

/// What went, in its order, where the configuration is there and where it is gone.
fn order_after(what: &str, lose: impl Fn(&Project)) {
    for configured in [true, false] {
        let project = project(CHAIN);
        project.ok(&["apply", "--auto-approve"]);
        lose(&project);
        if !configured {
            project.write("main.tf", "");
        }
        project.ok(&["destroy", "--auto-approve"]).has(&["2 destroyed"]);
        assert_eq!(project.read("order"), "c\na\n", "{what}, configured: {configured}");
    }
}

#[test]
fn objects_go_in_their_order_though_one_between_them_is_gone() {
    order_after("gone outside", |project| std::fs::remove_file(project.path().join("m.txt")).unwrap());
    order_after("gone outside, and noted", |project| {
        std::fs::remove_file(project.path().join("m.txt")).unwrap();
        project.ok(&["apply", "--refresh-only", "--auto-approve"]);
    });
    order_after("forgotten", |project| drop(project.ok(&["state", "rm", "local_file.m"])));
}

#[test]
fn what_changed_outside_stays_in_the_state_though_its_provider_has_another_name() {
    let ignoring = "lifecycle { ignore_changes = all }";
    let project = project(&(ALIASED.to_owned() + &file("f", &format!("provider = local.in\n  {ignoring}"))));
    project.ok(&["apply", "--auto-approve"]);
    project.write("sub/f.txt", "changed");
    project.write("main.tf", "provider \"local\" { root = \"sub\" }\n".to_owned() + &file("f", ignoring));
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(state(&project), ["local_file.f"]);
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed"]);
    assert!(!project.path().join("sub/f.txt").exists());
}

#[test]
fn what_changed_outside_stays_in_the_state_though_the_module_of_its_provider_moved() {
    let project = project("module \"old\" { source = \"./m\" }\n");
    project.write(
        "m/main.tf",
        "provider \"local\" { root = \"sub\" }\n".to_owned()
            + &file("f", "lifecycle { ignore_changes = all }"),
    );
    project.ok(&["apply", "--auto-approve"]);
    project.write("sub/f.txt", "changed");
    project.write(
        "main.tf",
        "module \"new\" { source = \"./m\" }\nmoved {\n  from = module.old\n  to = module.new\n}\n",
    );
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(state(&project), ["module.new.local_file.f"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn protection_is_evaluated_for_instances_that_the_configuration_has_no_more() {
    let counted = "variable \"n\" { default = 3 }\nresource \"terraform_data\" \"a\" {\n  count = var.n\n  lifecycle { prevent_destroy = count.index < 1 }\n}\n";
    let project = project(counted);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["apply", "--auto-approve", "--var", "n=1"]).has(&["2 destroyed"]);
    project.mlo(&["plan", "--var", "n=0"]).ends_with(1).has(&["MLO3017", "terraform_data.a[0] is protected"]);
    project.write("main.tf", counted.replace("count.index < 1", "false"));
    project.ok(&["destroy", "--auto-approve"]);
    // By what the state has, while everything is destroyed.
    let by_value = |wanted: u8| {
        format!(
            "resource \"terraform_data\" \"b\" {{ input = 2 }}\nresource \"terraform_data\" \"a\" {{\n  lifecycle {{ prevent_destroy = terraform_data.b.output == {wanted} }}\n}}\n"
        )
    };
    project.write("main.tf", by_value(2));
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["destroy", "--auto-approve"]).ends_with(1).has(&["terraform_data.a is protected"]);
    project.write("main.tf", by_value(3));
    project.ok(&["destroy", "--auto-approve"]).has(&["2 destroyed"]);
}

#[test]
fn protection_that_cannot_be_told_stops_the_plan_and_says_how_to_go_on() {
    let call = "module \"m\" {\n  source = \"./m\"\n  for_each = { KEYS }\n  p = each.value\n}\n";
    let project = project(&call.replace("KEYS", "a = false, b = false"));
    let inside = "variable \"p\" {}\nresource \"terraform_data\" \"a\" {\n  lifecycle { prevent_destroy = var.p }\n}\n";
    project.write("m/main.tf", inside);
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.tf", call.replace("KEYS", "a = false"));
    project.mlo(&["plan"]).ends_with(1).has(&[
        "error[MLO3017]: module.m[\"b\"].terraform_data.a would go, and it cannot be told whether it is protected",
        "m/main.tf:3:33",
        "write `prevent_destroy = false` until the object is gone, or `true` to keep it",
    ]);
    project.write("m/main.tf", inside.replace("= var.p", "= false"));
    project.ok(&["apply", "--auto-approve"]).has(&["1 destroyed"]);
}

#[test]
fn a_part_moves_nothing_that_it_leaves_out() {
    let project = project(
        "resource \"terraform_data\" \"u\" {}\nresource \"terraform_data\" \"t\" {\n  count = 1\n}\n",
    );
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "main.tf",
        "resource \"terraform_data\" \"v\" {}\nresource \"terraform_data\" \"t\" {\n  for_each = toset([\"x\"])\n}\nmoved {\n  from = terraform_data.u\n  to = terraform_data.v\n}\nmoved {\n  from = terraform_data.t[0]\n  to = terraform_data.t[\"x\"]\n}\n",
    );
    for command in ["plan", "destroy"] {
        project.mlo(&[command, "--target", "terraform_data.v"]).ends_with(1).has(&[
            "error[MLO3037]: what has moved is not in the part that is planned: terraform_data.t[0] to terraform_data.t[\"x\"]",
            "add --target 'terraform_data.t[\"x\"]'",
        ]);
    }
    project
        .mlo(&["plan", "--exclude", "terraform_data.t"])
        .ends_with(1)
        .has(&["leave `--exclude` of these out"]);
    assert_eq!(state(&project), ["terraform_data.t[0]", "terraform_data.u"]);
    let both = ["--target", "terraform_data.v", "--target", "terraform_data.t"];
    project.ok(&[&["apply", "--auto-approve"][..], &both].concat());
    assert_eq!(state(&project), ["terraform_data.t[\"x\"]", "terraform_data.v"]);
}

#[test]
fn a_folder_without_configuration_declares_no_outputs() {
    let project = project("resource \"terraform_data\" \"a\" {}\n");
    project.ok(&["apply", "--auto-approve"]);
    std::fs::remove_file(project.path().join("main.tf")).unwrap();
    project.ok(&["plan"]).has(&["1 to destroy"]).has_not(&["endpoints"]);
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(project.json(&["output"], 0), json!({}));
}

#[test]
fn a_plan_to_destroy_shows_the_variables() {
    let project = project(
        "variable \"a\" { default = 5 }\nvariable \"later\" { type = number }\nresource \"terraform_data\" \"a\" {}\n",
    );
    project.ok(&["apply", "--auto-approve", "--var", "later=1"]);
    let plan = project.json(&["plan", "--destroy", "--var", "later=2"], 0);
    assert_eq!(plan["variables"]["a"]["value"], 5);
    assert_eq!(plan["variables"]["later"]["value"], 2);
}

const READING: &str = r#"
resource "local_command" "a" {
  create = ["sh", "-c", "echo 0 > code; echo a"]
  find   = ["false"]
  read   = ["sh", "-c", "exit $(cat code)"]
  delete = ["true"]
}
"#;

#[test]
fn what_cannot_be_read_gives_no_verdict() {
    let project = project(READING);
    project.ok(&["apply", "--auto-approve"]);
    project.write("code", "127");
    for command in [
        &["plan"][..],
        &["plan", "--detailed-exitcode"],
        &["plan", "--refresh-only"],
        &["apply", "--auto-approve"],
        &["apply", "--refresh-only", "--auto-approve"],
        &["destroy", "--auto-approve"],
    ] {
        project.mlo(command).ends_with(6).has(&["reading local_command.a", "main.tf:2:1"]);
    }
    let document: Value = project.json(&["plan"], 6);
    assert_eq!(document["diagnostics"][0]["severity"], "error");
    // What is wrong beside it is what the command ends by.
    project.write("main.tf", READING.to_owned() + "resource \"terraform_data\" \"b\" {\n  lifecycle {\n    precondition {\n      condition = 1 == 2\n      error_message = \"no\"\n    }\n  }\n}\n");
    project.mlo(&["plan"]).ends_with(1).has(&["reading local_command.a", "MLO3007"]);
    project.write("code", "0");
    project.write("main.tf", READING);
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed"]);
    // What a data source is asked is the configuration's: that it has no answer is an error there.
    project.write("main.tf", "data \"local_file\" \"a\" { filename = \"none.txt\" }\n");
    project.mlo(&["plan"]).ends_with(1).has(&["data.local_file.a", "main.tf:1:"]);
}

#[test]
fn a_saved_plan_is_as_strict_about_checks_as_it_was_made() {
    let project = project(
        "resource \"terraform_data\" \"a\" { input = 1 }\ncheck \"c\" {\n  assert {\n    condition = terraform_data.a.id == \"x\"\n    error_message = \"it is not\"\n  }\n}\n",
    );
    project.ok(&["plan", "--out", "strict.plan", "--strict-checks"]);
    project.mlo(&["apply", "strict.plan"]).ends_with(1).has(&["error[MLO3050]", "it is not"]);
}
