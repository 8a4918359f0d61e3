//! `cases.txt`: each case has a title, files (`== name`), and what is said of them.

mod blocks;
mod json;
mod overrides;

use super::{BuiltinFiles, LoadRequest, Root, Unwritten, load};
use crate::diag::{Diagnostics, SourceMap, Style, render};
use crate::lang::config::{Module, ModuleSource, Repeat};
use crate::lang::reference::references_in;
use crate::lang::scope::Nowhere;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const GREETER: &str = "variable \"name\" {}\noutput \"text\" {\n  value = \"hello ${var.name}\"\n}\n";

fn builtin(name: &str) -> Option<BuiltinFiles> {
    match name {
        "greeter" => Some(vec![("main.hcl".to_owned(), GREETER)]),
        "greeter/twice" => Some(vec![(
            "main.hcl".to_owned(),
            "module \"one\" {\n  source = \"../\"\n  name = \"a\"\n}\nmodule \"two\" {\n  source = \"mlo://greeter\"\n  name = \"b\"\n}\n",
        )]),
        _ => None,
    }
}

fn load_root(root: Root<'_>) -> (Option<Module>, Diagnostics, SourceMap) {
    let mut sources = SourceMap::new();
    let request = LoadRequest {
        root,
        builtin: &builtin,
        builtin_names: &["greeter", "greeter/twice"],
        version: "0.1.0",
        elsewhere: &Nowhere,
        unwritten: Unwritten::Nothing,
    };
    let (module, diagnostics) = load(&request, &mut sources);
    (module, diagnostics, sources)
}

fn rendered(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let messages: Vec<_> = diagnostics.iter().map(|each| render(each, sources, Style::Plain)).collect();
    messages.join("\n")
}

fn files(text: &str) -> BTreeMap<String, String> {
    let files = text.split("== ").skip(1).map(|file| file.split_once('\n').unwrap());
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// A configuration without errors.
fn good(text: &str) -> Module {
    let files = files(text);
    let (module, diagnostics, sources) = load_root(Root::Memory(&files));
    assert_eq!(rendered(&diagnostics, &sources), "");
    module.unwrap()
}

/// Cases by what they are about.
const CASES: [(&str, &str); 4] = [
    ("cases.txt", include_str!("cases.txt")),
    ("cases/json.txt", include_str!("cases/json.txt")),
    ("cases/override.txt", include_str!("cases/override.txt")),
    ("cases/blocks.txt", include_str!("cases/blocks.txt")),
];

#[test]
fn each_error_in_a_configuration_says_what_is_wrong_and_what_is_near() {
    let mut wrong = String::new();
    for (file, expected) in CASES {
        let mut actual = String::new();
        for case in expected.split("### ").skip(1) {
            let (title, rest) = case.split_once('\n').unwrap();
            let (text, _) = rest.split_once("---\n").unwrap();
            let files = files(text);
            let (module, diagnostics, sources) = load_root(Root::Memory(&files));
            assert!(!diagnostics.is_empty(), "{title}: nothing is said");
            assert_eq!(module.is_none(), diagnostics.has_errors(), "{title}");
            let messages = rendered(&diagnostics, &sources);
            actual.extend(["### ", title, "\n", text, "---\n", &messages, "\n"]);
        }
        if actual != expected {
            wrong.extend([file, " would be:\n", &actual, "<<<\n"]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A configuration with every kind of block.
const WHOLE: &str = r#"== main.hcl
terraform {
  required_version = ">= 1.5"
  required_providers {
    local = { source = "hashicorp/local", version = "~> 2.0" }
  }
}
mlo {
  required_version = "~> 0.1"
}
variable "size" {
  type        = object({ cpu = optional(string, "1"), tags = optional(map(string), {}), ports = list(object({ n = optional(number, 80) })) })
  description = <<-EOT
    How large.
    EOT
  sensitive   = true
  nullable    = false
  default     = { ports = [] }
  validation {
    condition     = var.size.cpu != "" && length(local.names) > 0
    error_message = "No CPU for ${var.size.cpu}."
  }
}
provider "local" {
  alias = "west"
  region = var.size.cpu
}
== other.tf
locals {
  names = [for n in ["a"] : upper(n)]
}
resource "local_file" "this" {
  for_each   = toset(local.names)
  provider   = local.west
  filename   = "${path.module}/${each.key}"
  depends_on = [module.net, data.local_file.old]
  settings {
    deep = each.value
  }
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [filename, settings[0].deep]
    replace_triggered_by  = [mlo_data.x]
    precondition {
      condition     = each.key != ""
      error_message = "empty"
    }
    postcondition {
      condition     = self.filename != ""
      error_message = "empty"
    }
  }
}
resource "mlo_data" "x" {
  count = 2
  input = count.index
}
data "local_file" "old" {
  filename = mlo_data.x[0].output
}
module "net" {
  source    = "./net"
  count     = 1
  providers = { local = local.west, local.b = local }
  cidr      = manifest
}
output "all" {
  value      = [module.net[*].id, module.net[0].id, local_file.this["A"].id, mlo_data.x[*].id, terraform.workspace, mlo.environment]
  depends_on = [local_file.this]
  precondition {
    condition     = true
    error_message = "no"
  }
}
== net/main.tf
variable "cidr" {}
variable "free" {
  default = null
}
output "id" {
  value = var.cidr
}
"#;

#[test]
fn a_configuration_is_decoded() {
    let module = good(WHOLE);
    let size = &module.variables["size"];
    assert_eq!(size.description, "How large.\n");
    assert!(size.sensitive && !size.nullable && !size.ephemeral && size.default.is_some());
    assert_eq!(size.validations.len(), 1);
    assert_eq!(size.defaults.attributes.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["cpu", "tags"]);
    assert!(size.defaults.children["ports"].element.as_ref().unwrap().attributes.contains_key("n"));

    let resources: Vec<_> = module.resources.values().collect();
    let file = resources.iter().find(|it| it.key.name.as_ref() == "this").unwrap();
    assert!(matches!(file.repeat, Repeat::ForEach(_)));
    assert_eq!(file.provider.key.alias.as_deref(), Some("west"));
    assert_eq!(file.depends_on.len(), 2);
    let body: Vec<_> = file.body.attributes().map(|it| it.name.name.as_ref()).collect();
    assert_eq!((body, file.body.blocks().count()), (vec!["filename"], 1));
    assert_eq!((file.lifecycle.preconditions.len(), file.lifecycle.postconditions.len()), (1, 1));
    assert_eq!(file.lifecycle.replace_triggered_by.len(), 1);
    let data = resources.iter().find(|it| it.key.mode == mlo_state::Mode::Data).unwrap();
    assert_eq!(data.provider.key.name.as_ref(), "local");

    let net = &module.calls["net"];
    assert_eq!(net.module.path, ["net".into()]);
    assert_eq!(net.module.source, ModuleSource::Folder("net".into()));
    assert_eq!((net.arguments.len(), net.providers.len()), (1, 2));
    assert_eq!(module.source, ModuleSource::Folder(".".into()));
    assert_eq!(module.providers.keys().next().unwrap().alias.as_deref(), Some("west"));
}

#[test]
fn modules_of_the_program_call_each_other_by_name_and_by_path() {
    let module = good("== main.hcl\nmodule \"g\" {\n  source = \"mlo://greeter/twice\"\n}\n");
    let twice = &module.calls["g"].module;
    assert_eq!(twice.source, ModuleSource::Builtin("greeter/twice".to_owned()));
    let sources: Vec<_> = twice.calls.values().map(|call| call.module.source.clone()).collect();
    assert_eq!(
        sources,
        [ModuleSource::Builtin("greeter".to_owned()), ModuleSource::Builtin("greeter".to_owned())]
    );
    assert_eq!(twice.calls["two"].module.path, ["g".into(), "two".into()]);

    let (module, diagnostics, _) = load_root(Root::Builtin("greeter"));
    assert!(diagnostics.is_empty());
    assert!(module.unwrap().outputs.contains_key("text"));
}

#[test]
fn a_module_that_is_called_twice_is_read_once_and_its_errors_are_said_once() {
    let files = files(
        "== main.hcl\nmodule \"a\" {\n  source = \"./m\"\n}\nmodule \"b\" {\n  source = \"./m\"\n}\n== m/main.hcl\nlocals {\n  x = var.nope\n}\n",
    );
    let (_, diagnostics, sources) = load_root(Root::Memory(&files));
    assert_eq!((diagnostics.len(), sources.iter().count()), (1, 2));
}

#[test]
fn modules_nest_to_a_limit_and_are_not_called_without_end() {
    let chain = |levels: usize| {
        let mut all = BTreeMap::new();
        for level in 0..levels {
            let folder = "m/".repeat(level);
            all.insert(format!("{folder}main.hcl"), "module \"m\" {\n  source = \"./m\"\n}\n".to_owned());
        }
        all.insert(format!("{}main.hcl", "m/".repeat(levels)), String::new());
        all
    };
    let (_, diagnostics, sources) = load_root(Root::Memory(&chain(20)));
    assert_eq!(rendered(&diagnostics, &sources), "");
    let (_, diagnostics, sources) = load_root(Root::Memory(&chain(21)));
    assert!(rendered(&diagnostics, &sources).contains("more than 20 levels deep"));

    // Ten levels of four calls each would be a million modules.
    let mut all = BTreeMap::new();
    for level in 0..10 {
        let calls: Vec<_> =
            (0..4).map(|at| format!("module \"m{at}\" {{\n  source = \"./m\"\n}}\n")).collect();
        all.insert(format!("{}main.hcl", "m/".repeat(level)), calls.concat());
    }
    all.insert(format!("{}main.hcl", "m/".repeat(10)), String::new());
    let (_, diagnostics, sources) = load_root(Root::Memory(&all));
    assert!(rendered(&diagnostics, &sources).contains("more than 1000 calls of modules"));
}

#[test]
fn files_of_a_folder_are_read_and_shown_as_the_user_knows_them() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
    };
    write("secret/main.hcl", b"output \"x\" {\n  value = 1\n}\n");
    write(
        "p/envs/prod/a.hcl",
        b"output \"a\" {\n  value = var.nope\n}\nmodule \"m\" {\n  source = \"../../m\"\n}\n",
    );
    write("p/envs/prod/b.hcl", b"locals {\n  x = \"\xff\"\n}\n");
    write("p/envs/prod/c.tf.json", b"{\"locals\": ");
    write("p/envs/prod/.hidden.hcl", b"oops");
    write("p/envs/prod/d.hcl/x", b"");
    write("p/m/main.tf", b"resource \"a\" {\n}\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        scratch.path().join("secret/main.hcl"),
        scratch.path().join("p/envs/prod/e.hcl"),
    )
    .unwrap();
    let (project, module) = (scratch.path().join("p"), PathBuf::from("envs/prod"));
    let (_, diagnostics, sources) =
        load_root(Root::Folder { project: &project, module: &module, shown: Path::new("") });
    let said: Vec<_> = diagnostics
        .iter()
        .map(|it| match it.labels.first() {
            Some(label) => format!("{}: {}", sources.place(label.span), it.summary),
            None => it.summary.clone(),
        })
        .collect();
    assert_eq!(
        said,
        [
            "b.hcl:2:8: byte 0xff is not UTF-8 text",
            "c.tf.json:1:12: expected a value, found the end of the text",
            "d.hcl:1:1: file `d.hcl` cannot be read: it is not a regular file",
            "e.hcl:1:1: file `e.hcl` cannot be read: it lies outside the project",
            "../../m/main.tf:1:1: block `resource` has one label",
        ]
    );
    let none = load_root(Root::Folder {
        project: &scratch.path().join("none"),
        module: &module,
        shown: Path::new(""),
    });
    assert!(none.1.has_errors() && none.0.is_none());
}

#[test]
fn the_deepest_nesting_that_parses_also_loads_on_a_small_stack() {
    let deep = |open: &str, close: &str| format!("{}var.x{}", open.repeat(199), close.repeat(199));
    let mut text = "variable \"x\" {}\nlocals {\n".to_owned();
    for (at, (open, close)) in [
        ("(", ")"),
        ("[", "]"),
        ("{a = ", "}"),
        ("f(", ")"),
        ("[for y in ", " : y]"),
        ("-", ""),
        ("manifest[", "]"),
    ]
    .iter()
    .enumerate()
    {
        text.extend([format!("  l{at} = "), deep(open, close), "\n".to_owned()]);
    }
    text.extend(["}\nresource \"a\" \"b\" {\n", &"b {\n".repeat(199), &"}\n".repeat(199), "}\n"]);
    let all = BTreeMap::from([("main.hcl".to_owned(), text)]);
    let run = move || {
        let (module, diagnostics, sources) = load_root(Root::Memory(&all));
        assert_eq!(rendered(&diagnostics, &sources), "");
        assert_eq!(references_in(&module.unwrap().locals["l0"].value).len(), 1);
    };
    std::thread::Builder::new().stack_size(3 << 19).spawn(run).unwrap().join().unwrap();
}

/// Lines of configurations, so that random rows of them decode to something.
const LINES: &[&str] = &[
    "variable \"a\" {\n",
    "variable \"b\" {}\n",
    "locals {\n",
    "output \"o\" {\n",
    "resource \"t\" \"n\" {\n",
    "data \"t\" \"n\" {\n",
    "module \"m\" {\n",
    "provider \"p\" {\n",
    "terraform {\n",
    "lifecycle {\n",
    "precondition {\n",
    "dynamic \"d\" {\n",
    "moved {\n",
    "}\n",
    "}\n",
    "}\n",
    "type = object({ a = optional(list(string), var.a) })\n",
    "type = tuple([any, map])\n",
    "default = var.a\n",
    "count = 1\n",
    "for_each = each.key\n",
    "source = \"mlo://greeter/twice\"\n",
    "source = \"./x\"\n",
    "name = module.m.x\n",
    "value = t.n[0].x\n",
    "depends_on = [t.n, module.m.o, var]\n",
    "provider = p.q\n",
    "providers = { p.q = p }\n",
    "alias = \"q\"\n",
    "required_version = \"~> 1\"\n",
    "ignore_changes = all\n",
    "condition = self.x\n",
    "error_message = \"${count.index}\"\n",
    "x = = 1\n",
    "sensitive = 1\n",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_rows_of_lines_give_a_module_or_errors(lines in prop::collection::vec(prop::sample::select(LINES), 0..30)) {
        let all = BTreeMap::from([("main.hcl".to_owned(), lines.concat())]);
        let (module, diagnostics, sources) = load_root(Root::Memory(&all));
        prop_assert_eq!(module.is_none(), diagnostics.has_errors());
        let _ = rendered(&diagnostics, &sources);
    }
}
