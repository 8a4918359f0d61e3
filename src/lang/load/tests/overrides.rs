//! What override files change.

use super::good;
use crate::lang::config::Repeat;
use crate::lang::syntax::ast::{Expr, ExprKind};
use crate::lang::value::Type;

fn text(expr: &Expr) -> &str {
    match &expr.kind {
        ExprKind::String(text) => text,
        other => panic!("{other:?}"),
    }
}

const BASE: &str = r#"== main.tf
variable "v" {
  type        = string
  default     = "main"
  description = "kept"
}
locals {
  a = "main"
  b = "main"
}
output "o" {
  value     = "main"
  sensitive = true
}
module "m" {
  source = "./m"
  x      = "main"
  y      = "main"
}
resource "t_x" "r" {
  count = 2
  a     = "main"
  b     = "main"
  port {
    n = "main 1"
  }
  port {
    n = "main 2"
  }
  dynamic "rule" {
    for_each = [1]
    content {
      n = "main"
    }
  }
  tag {
    n = "main"
  }
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [a]
    precondition {
      condition     = true
      error_message = "kept"
    }
  }
}
provider "t" {
  a = "main"
  b = "main"
}
provider "t" {
  alias = "w"
  a     = "main"
}
== m/main.tf
variable "x" {}
variable "y" {}
variable "z" {
  default = 1
}
"#;

const OVERRIDE: &str = r#"== a_override.tf
variable "v" {
  type    = number
  default = 1
}
locals {
  a = "first"
}
output "o" {
  value = "over"
}
module "m" {
  y = "over"
  z = "over"
}
resource "t_x" "r" {
  count = 3
  b     = "over"
  port {
    n = "over"
  }
  rule {
    n = "over"
  }
  lifecycle {
    ignore_changes        = [b]
    create_before_destroy = true
  }
}
provider "t" {
  a = "over"
}
provider "t" {
  alias = "w"
  a     = "over w"
}
provider "new" {
  a = "over"
}
== b_override.tf
locals {
  a = "last"
}
"#;

const OVERRIDE_JSON: &str = r#"== a_override.tf.json
{
  "variable": {"v": {"type": "number", "default": 1}},
  "locals": {"a": "first"},
  "output": {"o": {"value": "over"}},
  "module": {"m": {"y": "over", "z": "over"}},
  "resource": {"t_x": {"r": {
    "count": 3,
    "b": "over",
    "port": {"n": "over"},
    "rule": [{"n": "over"}],
    "lifecycle": {"ignore_changes": ["b"], "create_before_destroy": true}
  }}},
  "provider": {"t": [{"a": "over"}, {"alias": "w", "a": "over w"}], "new": {"a": "over"}}
}
== override.hcl
locals {
  a = "last"
}
"#;

#[test]
fn an_override_replaces_what_it_names() {
    for over in [OVERRIDE, OVERRIDE_JSON] {
        let module = good(&format!("{BASE}{over}"));
        let variable = &module.variables["v"];
        assert_eq!((&variable.ty, variable.description.as_str()), (&Type::Number, "kept"));
        assert_eq!((text(&module.locals["a"].value), text(&module.locals["b"].value)), ("last", "main"));
        assert_eq!(text(&module.outputs["o"].value), "over");
        assert!(module.outputs["o"].sensitive);
        let call = &module.calls["m"];
        let arguments: Vec<_> =
            call.arguments.iter().map(|(name, (_, value))| format!("{name} {}", text(value))).collect();
        assert_eq!(arguments, ["x main", "y over", "z over"]);

        let resource = module.resources.values().next().unwrap();
        assert!(
            matches!(&resource.repeat, Repeat::Count(Expr { kind: ExprKind::Number(n), .. }) if n.as_i64() == Some(3))
        );
        let attributes: Vec<_> = resource.body.attributes().map(|it| it.name.name.as_ref()).collect();
        let blocks: Vec<_> = resource.body.blocks().map(|it| it.kind.name.as_ref()).collect();
        // In JSON nobody but the schema knows that these are blocks.
        if over == OVERRIDE {
            assert_eq!((attributes, blocks), (vec!["a", "b"], vec!["tag", "port", "rule"]));
        } else {
            assert_eq!((attributes, blocks), (vec!["a", "b", "port", "rule"], vec!["tag"]));
        }
        let lifecycle = &resource.lifecycle;
        assert!(lifecycle.prevent_destroy.is_some() && lifecycle.create_before_destroy.is_some());
        assert_eq!(lifecycle.preconditions.len(), 1);
        let ignored = format!("{:?}", lifecycle.ignore_changes);
        assert!(ignored.contains("Name(\"b\")") && !ignored.contains("Name(\"a\")"), "{ignored}");

        let providers: Vec<_> = module
            .providers
            .values()
            .map(|it| {
                let all: Vec<_> =
                    it.body.attributes().map(|it| format!("{}={}", it.name.name, text(&it.value))).collect();
                format!("{}.{} {}", it.key.name, it.key.alias.as_deref().unwrap_or(""), all.join(" "))
            })
            .collect();
        assert_eq!(providers, ["new. a=over", "t. b=main a=over", "t.w a=over w"]);
    }
}

#[test]
fn an_override_of_settings_takes_their_place() {
    good(
        "== a.tf\nterraform {\n  required_version = \"none\"\n  required_providers {\n    a = { version = \"none\" }\n    b = { version = \"1\" }\n  }\n}\n== override.tf\nterraform {\n  required_version = \">= 1\"\n  required_providers {\n    a = { version = \"1\" }\n  }\n}\n",
    );
}
