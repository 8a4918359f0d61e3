//! `mlo providers`: which providers are needed, and what they look like.

use crate::support::Project;
use serde_json::{Value, json};

#[test]
fn what_a_configuration_and_its_state_need_is_a_tree_by_module() {
    let root = r#"
terraform {
  required_providers {
    local = { version = ">=1.0,~> 2.1, != 2.4.0-rc.1" }
  }
}
provider "local" {}
resource "local_file" "f" {
  filename = "f"
  content  = "f"
}
module "a" { source = "./a" }
module "b" { source = "./a" }
"#;
    let inner = r#"
resource "mlo_data" "x" { count = 2 }
check "c" {
  data "local_file" "f" { filename = "/nowhere" }
  assert {
    condition     = true
    error_message = "no"
  }
}
"#;
    let project = Project::with(&[("main.hcl", root), ("a/main.hcl", inner)]);
    let tree = "\
Providers that the configuration needs:
.
├── local >= 1.0, ~> 2.1, != 2.4.0-rc.1 (1 block, configured here)
├── module.a
│   ├── local (1 block)
│   └── mlo (1 block)
└── module.b
    ├── local (1 block)
    └── mlo (1 block)
";
    assert_eq!(project.ok(&["providers"]).out, tree);
    project.ok(&["apply", "--auto-approve"]);
    let state = "\nProviders that the state needs:\n- local (1 object)\n- mlo (4 objects)\n";
    assert_eq!(project.ok(&["providers"]).out, format!("{tree}{state}"));
    project.write("main.hcl", "resource \"local_file\" \"f\" {\n");
    project.mlo(&["providers"]).ends_with(1).has(&["main.hcl"]);
}

#[test]
fn schemas_have_the_shape_of_terraform() {
    let project = Project::new();
    let document: Value = serde_json::from_str(&project.ok(&["providers", "schema", "--json"]).out).unwrap();
    assert_eq!(document["format_version"], "1.0");
    let builtin = &document["provider_schemas"]["terraform.io/builtin/terraform"];
    let data = &builtin["resource_schemas"]["terraform_data"]["block"]["attributes"];
    // What `terraform providers schema -json` says of it, but for words.
    for (name, wanted) in [
        ("id", json!({"type": "string", "computed": true})),
        ("input", json!({"type": "dynamic", "optional": true})),
        ("output", json!({"type": "dynamic", "computed": true})),
        ("triggers_replace", json!({"type": "dynamic", "optional": true})),
    ] {
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(&data[name][key], value, "{name}.{key}: {data}");
        }
        assert_eq!(data[name]["description_kind"], "plain");
    }
    assert!(builtin["data_source_schemas"]["terraform_remote_state"]["block"].is_object(), "{builtin}");
    let local = &document["provider_schemas"]["local"];
    let file = &local["resource_schemas"]["local_file"];
    assert!(file["version"].is_u64(), "{file}");
    assert_eq!(file["block"]["attributes"]["filename"]["required"], true, "{file}");
    assert!(file["block"]["description"].is_string(), "{file}");
}
