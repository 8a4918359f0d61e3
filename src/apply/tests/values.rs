//! Values that only an apply tells, and what is written.

use super::{Kind, Lab};

#[test]
fn an_apply_without_changes_writes_nothing() {
    let mut lab = Lab::new(
        r#"
resource "fake_thing" "a" {
  secret = "hunter2"
  value  = { x = [1, null, sensitive("s")] }
}
resource "fake_thing" "b" {
  value = fake_thing.a.echo
}
output "o" {
  value     = fake_thing.b
  sensitive = true
}
"#,
    );
    lab.apply();
    let before = lab.snapshot();
    assert_eq!(before.serial, 1);
    lab.apply();
    assert_eq!(lab.snapshot(), before);
}

#[test]
fn what_was_gone_is_made_with_a_token_of_its_own() {
    let mut lab = Lab::new("resource \"fake_thing\" \"a\" {}");
    lab.apply();
    let token = |lab: &Lab| lab.snapshot().objects.values().next().unwrap().token.clone();
    let first = token(&lab);
    lab.fake.things().living.clear();
    lab.apply();
    assert_ne!(token(&lab), first);
    lab.assert_settled();
}

#[test]
fn a_modules_each_value_may_be_known_only_at_apply() {
    let mut lab = Lab::new(
        r#"
resource "fake_thing" "a" {}
module "m" {
  source   = "./m"
  for_each = { x = fake_thing.a.id }
  given    = each.value
}
output "o" {
  value = module.m["x"].id
}
== m/main.tf
variable "given" {}
locals {
  twice = "${var.given}-${var.given}"
}
resource "fake_thing" "b" {
  value = local.twice
}
output "id" {
  value = fake_thing.b.echo
}
"#,
    );
    let applied = lab.apply();
    assert_eq!(applied.snapshot.outputs["o"].value, "fake_thing.a#1-fake_thing.a#1");
    lab.assert_settled();
}

#[test]
fn a_provider_is_connected_once_its_configuration_is_known() {
    let mut lab = Lab::new(
        r#"
resource "terraform_data" "region" {
  input = "north"
}
provider "fake" {
  region = terraform_data.region.output
}
resource "fake_thing" "a" {}
"#,
    );
    lab.apply();
    lab.assert_settled();
    assert_eq!(lab.fake.living(), ["fake_thing.a"]);
}

#[test]
fn conditions_that_are_not_known_when_it_is_planned_are_checked_at_apply() {
    let text = |value: &str| {
        format!(
            r#"
resource "fake_thing" "a" {{
  value = "{value}"
}}
resource "fake_thing" "b" {{
  value = 1
  lifecycle {{
    precondition {{
      condition     = fake_thing.a.echo != "bad"
      error_message = "before"
    }}
  }}
}}
resource "fake_thing" "c" {{
  value = 1
  lifecycle {{
    postcondition {{
      condition     = fake_thing.a.echo != "bad"
      error_message = "after"
    }}
  }}
}}
"#
        )
    };
    let mut lab = Lab::new(&text("good"));
    lab.apply();
    lab.configure(&text("bad"));
    let said = lab.apply_badly();
    assert!(said.contains("before") && said.contains("after"), "{said}");
}

#[test]
fn an_ephemeral_value_is_refused_before_anything_is_made() {
    let mut lab = Lab::new(
        "variable \"v\" {\n  ephemeral = true\n  default = \"x\"\n}\nresource \"fake_thing\" \"a\" {\n  value = var.v\n}",
    );
    let said = lab.plan(Kind::Apply).unwrap_err();
    assert!(said.contains("ephemeral"), "{said}");
    assert_eq!(lab.fake.living(), [""; 0]);
}

#[test]
fn what_is_protected_does_not_go_in_any_way() {
    let text = |body: &str| {
        format!(
            "variable \"p\" {{\n  default = true\n}}\nresource \"fake_thing\" \"a\" {{\n{body}\n  lifecycle {{\n    prevent_destroy = var.p\n  }}\n}}"
        )
    };
    let mut lab = Lab::new(&text("count = 2"));
    lab.apply();
    for (body, kind) in
        [("count = 1", Kind::Apply), ("count = 2", Kind::Destroy), ("count = 2\nfixed = 1", Kind::Apply)]
    {
        lab.configure(&text(body));
        let said = lab.plan(kind).unwrap_err();
        assert!(said.contains("protected"), "{body}: {said}");
    }
}

#[test]
fn an_object_goes_over_to_another_configuration_of_its_provider() {
    let providers = "provider \"fake\" {}\nprovider \"fake\" {\n  alias = \"west\"\n}\n";
    let mut lab = Lab::new(&format!("{providers}resource \"fake_thing\" \"a\" {{}}"));
    lab.apply();
    lab.configure(&format!("{providers}resource \"fake_thing\" \"a\" {{\n  provider = fake.west\n}}"));
    lab.apply();
    assert_eq!(lab.snapshot().objects.values().next().unwrap().provider, "fake.west");
}

#[test]
fn an_object_whose_module_went_with_its_provider_is_not_looked_for_elsewhere() {
    let module = "module \"fake\" {\n  source = \"./m\"\n}\n== m/main.tf\nprovider \"fake\" {\n  alias = \"x\"\n}\nresource \"fake_thing\" \"a\" {\n  provider = fake.x\n}";
    let mut lab = Lab::new(module);
    lab.apply();
    assert_eq!(lab.snapshot().objects.values().next().unwrap().provider, "module.fake.fake.x");
    lab.configure("");
    let refused = lab.try_apply(Kind::Apply).expect("it was killed").unwrap_err();
    assert!(refused.contains("MLO3015") && refused.contains("mlo state rm"), "{refused}");
    assert_eq!(lab.fake.living().len(), 1);
}

#[test]
fn an_error_in_one_block_hides_none_in_another_and_says_where() {
    let mut lab = Lab::new(
        r#"
resource "fake_thing" "a" {
  value = tonumber("x")
}
resource "fake_thing" "b" {
  for_each = 1
}
resource "fake_thing" "c" {
  value = fake_thing.a.id
}
resource "fake_thing" "d" {
  count = 2
  lifecycle {
    precondition {
      condition     = count.index == 0
      error_message = "only one"
    }
  }
}
"#,
    );
    let said = lab.plan(Kind::Apply).unwrap_err();
    for part in ["main.tf:3", "main.tf:6", "only one"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("main.tf:9"), "what follows from another error is not said: {said}");
}
