//! What every kind of block says, in both forms of the language.

use super::{Root, builtin, files, rendered};
use crate::diag::SourceMap;
use crate::lang::config::{Module, PolicyLevel};
use crate::lang::load::{LoadRequest, Unwritten, load};
use crate::lang::reference::{Target, references_in};
use crate::lang::scope::Nowhere;
use crate::lang::syntax::ast::Expr;
use mlo_state::{Key, Mode};

const NATIVE: &str = r#"== main.tf
terraform {
  required_providers {
    t = { source = "a/t", version = "~> 1.0", configuration_aliases = [t.in] }
  }
  backend "s3" {
    bucket = "b"
  }
}
variable "size" {
  deprecated = "Use `count`."
}
provider "t" {
  alias    = "w"
  for_each = { a = 1 }
  region   = each.key
}
resource "t_x" "r" {
  provider = t.in
}
resource "t_x" "k" {
  for_each = { a = 1 }
  provider = t.w[each.key]
}
moved {
  from = t_x.old[0]
  to   = t_x.r["a"]
}
moved {
  from = module.a["k"].module.b
  to   = module.c
}
import {
  for_each = { a = 1 }
  to       = module.m[each.key].t_x.r
  id       = each.value
  provider = t.in
}
removed {
  from = module.m.t_x.gone
  lifecycle {
    destroy = false
  }
}
check "up" {
  data "t_x" "d" {
    name = "n"
  }
  assert {
    condition     = data.t_x.d.ok
    error_message = "down ${data.t_x.d.ok}"
  }
}
environment "prod" {
  variables = {
    size = 3
  }
  state "s3" {
    bucket = "p"
  }
  policy = {
    "replicas-minimum" = "advisory"
    images             = "mandatory"
  }
  require_approval = true
}
module "m" {
  source   = "./m"
  for_each = { a = 1 }
}
== m/main.tf
resource "t_x" "r" {
}
"#;

const JSON: &str = r#"== main.tf.json
{
  "terraform": {
    "required_providers": {
      "t": {"source": "a/t", "version": "~> 1.0", "configuration_aliases": ["t.in"]}
    },
    "backend": {"s3": {"bucket": "b"}}
  },
  "variable": {"size": {"deprecated": "Use `count`."}},
  "provider": {"t": {"alias": "w", "for_each": {"a": 1}, "region": "${each.key}"}},
  "resource": {"t_x": {
    "r": {"provider": "t.in"},
    "k": {"for_each": {"a": 1}, "provider": "t.w[each.key]"}
  }},
  "moved": [
    {"from": "t_x.old[0]", "to": "t_x.r[\"a\"]"},
    {"from": "module.a[\"k\"].module.b", "to": "module.c"}
  ],
  "import": {
    "for_each": {"a": 1}, "to": "module.m[each.key].t_x.r", "id": "${each.value}", "provider": "t.in"
  },
  "removed": {"from": "module.m.t_x.gone", "lifecycle": {"destroy": false}},
  "check": {"up": {
    "data": {"t_x": {"d": {"name": "n"}}},
    "assert": {"condition": "${data.t_x.d.ok}", "error_message": "down ${data.t_x.d.ok}"}
  }},
  "environment": {"prod": {
    "variables": {"size": 3},
    "state": {"s3": {"bucket": "p"}},
    "policy": {"replicas-minimum": "advisory", "images": "mandatory"},
    "require_approval": true
  }},
  "module": {"m": {"source": "./m", "for_each": {"a": 1}}}
}
== m/main.tf.json
{"resource": {"t_x": {"r": {}}}}
"#;

fn decoded(text: &str) -> Module {
    let files = files(text);
    let mut sources = SourceMap::new();
    let request = LoadRequest {
        root: Root::Memory(&files),
        builtin: &builtin,
        builtin_names: &[],
        version: "0.1.0",
        elsewhere: &Nowhere,
        unwritten: Unwritten::Nothing,
    };
    let (module, diagnostics) = load(&request, &mut sources);
    assert_eq!(rendered(&diagnostics, &sources), "");
    module.unwrap()
}

fn names_of(expr: &Expr) -> Vec<Target> {
    references_in(expr).into_iter().map(|reference| reference.target).collect()
}

#[test]
fn every_block_is_decoded_from_both_forms() {
    for text in [NATIVE, JSON] {
        let module = decoded(text);
        let required = &module.settings.required_providers["t"];
        assert_eq!(required.source.as_deref(), Some("a/t"));
        assert_eq!(required.aliases, ["in".into()]);
        assert_eq!(module.settings.state.as_ref().unwrap().kind.name.as_ref(), "s3");
        assert_eq!(module.variables["size"].deprecated.as_deref(), Some("Use `count`."));
        assert!(module.providers.values().next().unwrap().for_each.is_some());
        let by_key = module.resources.values().find(|it| it.key.name.as_ref() == "k").unwrap();
        assert_eq!(by_key.provider.key.alias.as_deref(), Some("w"));
        assert_eq!(names_of(by_key.provider.instance.as_ref().unwrap()), [Target::Each]);

        let [object, whole] = module.moved.as_slice() else { panic!() };
        let (key, index) = object.from.resource.as_ref().unwrap();
        assert_eq!((key.name.as_ref(), index), ("old", &Some(Key::Index(0))));
        assert_eq!(object.to.resource.as_ref().unwrap().1, Some(Key::Name("a".into())));
        assert_eq!(whole.from.modules.len(), 2);
        assert_eq!(whole.from.modules[0].key, Some(Key::Name("k".into())));
        assert!(whole.from.resource.is_none() && whole.to.resource.is_none());

        let import = &module.imports[0];
        assert_eq!(import.target.0, ["m".into()]);
        assert_eq!((import.target.1.mode, import.target.1.type_name.as_ref()), (Mode::Managed, "t_x"));
        assert!(import.for_each.is_some() && import.provider.is_some());
        assert!(!module.removed[0].destroy);

        let check = &module.checks["up"];
        assert_eq!(check.data.as_ref().unwrap().key.mode, Mode::Data);
        assert_eq!(check.assertions.len(), 1);

        let environment = &module.environments["prod"];
        assert!(environment.require_approval);
        assert!(environment.variables.contains_key("size"));
        let levels: Vec<_> =
            environment.policy.iter().map(|(name, (level, _))| (name.as_ref(), *level)).collect();
        assert_eq!(levels, [("images", PolicyLevel::Mandatory), ("replicas-minimum", PolicyLevel::Advisory)]);
        assert_eq!(environment.state.as_ref().unwrap().body.attributes().count(), 1);
    }
}
