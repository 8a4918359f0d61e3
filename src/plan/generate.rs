//! The configuration of an object that is there and that nobody has written a block for.
//!
//! Goes in: an object as its provider tells it, and the schema of its type. Comes out: the text of a block of which
//! this object comes. Never happens: a sensitive value in the text, an attribute that only the provider sets.

use crate::lang::config::ProviderUse;
use crate::lang::eval::{BlockSchema, Nesting};
use crate::lang::value::{Kind, Marks, Value};
use crate::lang::write::{expression, quoted};
use mlo_state::Address;
use std::fmt::Write as _;

/// An object that is to be imported to a block that is yet to be written.
#[derive(Debug, Clone)]
pub struct Unwritten {
    /// What it will be called.
    pub address: Address,
    /// What its provider knows it by.
    pub id: String,
    /// The object as it is.
    pub value: Value,
    /// What blocks of its type take.
    pub schema: BlockSchema,
    /// The provider configuration that the block has to name; nothing where it is the one that the type belongs to.
    pub provider: Option<ProviderUse>,
}

/// A block as text, and the names of the arguments that are left to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The block, not laid out.
    pub text: String,
    /// Arguments whose values are sensitive.
    pub sensitive: Vec<String>,
}

impl Unwritten {
    /// The block. `is_secret` tells texts in which a sensitive value stands.
    pub fn block(&self, is_secret: &dyn Fn(&str) -> bool) -> Generated {
        let Address { type_name, name, .. } = &self.address;
        let mut writer = Writer { is_secret, out: String::new(), sensitive: Vec::new() };
        let _ = writeln!(writer.out, "# Generated from {}", quoted(&self.id));
        let _ = writeln!(writer.out, "resource {} {} {{", quoted(type_name), quoted(name));
        if let Some(provider) = self.provider.as_ref().and_then(spelt) {
            let _ = writeln!(writer.out, "provider = {provider}\n");
        }
        writer.body(&self.schema, &self.value);
        writer.out.push_str("}\n");
        Generated { text: writer.out, sensitive: writer.sensitive }
    }
}

/// `name` or `name.alias`; nothing where an expression chooses.
fn spelt(provider: &ProviderUse) -> Option<String> {
    let alias = provider.key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
    provider.instance.is_none().then(|| format!("{}{alias}", provider.key.name))
}

struct Writer<'s> {
    is_secret: &'s dyn Fn(&str) -> bool,
    out: String,
    sensitive: Vec<String>,
}

impl Writer<'_> {
    // As deep as blocks stand in a schema.
    fn body(&mut self, schema: &BlockSchema, value: &Value) {
        for (name, attribute) in schema.attributes.iter().filter(|(_, attribute)| attribute.is_argument()) {
            let Some(given) = value.get(name) else { continue };
            if given.is_null() && !attribute.required {
                continue;
            }
            let hidden = attribute.sensitive || self.holds_secret(given);
            let text = expression(given, &attribute.ty).filter(|_| !hidden && !given.is_null());
            let _ = match text {
                Some(text) => writeln!(self.out, "{name} = {text}"),
                None if hidden => {
                    self.sensitive.push(name.to_string());
                    writeln!(self.out, "{name} = null # sensitive")
                }
                None => writeln!(self.out, "{name} = null # required"),
            };
        }
        for (name, nested) in &schema.blocks {
            let Some(given) = value.get(name).filter(|given| !given.is_null()) else { continue };
            let mut write = |label: Option<&str>, inner: &Value| {
                let label = label.map(|label| format!(" {}", quoted(label))).unwrap_or_default();
                let _ = writeln!(self.out, "\n{name}{label} {{");
                self.body(&nested.block, inner);
                self.out.push_str("}\n");
            };
            match nested.nesting {
                Nesting::Single => write(None, given),
                Nesting::List | Nesting::Set => {
                    given.as_items().into_iter().flatten().for_each(|item| write(None, item));
                }
                Nesting::Map => {
                    let entries = given.as_entries().into_iter().flatten();
                    entries.for_each(|(label, item)| write(Some(label), item));
                }
            }
        }
    }

    /// Whether a part of a value is sensitive by its mark, or since a secret stands in it.
    fn holds_secret(&self, value: &Value) -> bool {
        if value.marks().contains(Marks::SENSITIVE) {
            return true;
        }
        match value.kind() {
            Kind::String(text) => (self.is_secret)(text),
            Kind::Map(_, entries) | Kind::Object(entries) => {
                entries.iter().any(|(name, item)| (self.is_secret)(name) || self.holds_secret(item))
            }
            _ => value.children().any(|item| self.holds_secret(item)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::eval::{AttributeSchema, NestedBlock};
    use crate::lang::format::format;
    use crate::lang::value::Type;

    fn schema() -> BlockSchema {
        let port = BlockSchema::new().attribute("number", AttributeSchema::required(Type::Number));
        BlockSchema::new()
            .attribute("id", AttributeSchema::computed(Type::String))
            .attribute("name", AttributeSchema::required(Type::String))
            .attribute("size", AttributeSchema::optional(Type::Number))
            .attribute("mode", AttributeSchema::optional_computed(Type::String))
            .attribute("tags", AttributeSchema::optional(Type::map(Type::String)))
            .attribute("token", AttributeSchema::optional(Type::String).sensitive())
            .attribute("note", AttributeSchema::optional(Type::String))
            .attribute("seen", AttributeSchema::required(Type::String))
            .block("health", NestedBlock::single(port.clone()))
            .block("port", NestedBlock::list(port.clone()))
            .block("named", NestedBlock::map(port))
    }

    fn object() -> Value {
        let port = |number: i64| Value::object([("number".into(), number.into())]);
        let Type::Object(fields) = schema().implied_type() else { panic!("an object") };
        let mut entries: Vec<_> =
            fields.iter().map(|(name, field)| (name.clone(), Value::null_of(field.ty.clone()))).collect();
        for (name, value) in [
            ("id", "i-1".into()),
            ("name", "a \"b\"".into()),
            ("mode", "0644".into()),
            ("tags", Value::map(Type::String, [("a".into(), "x".into()), ("a b".into(), "y".into())])),
            ("token", "hunter2".into()),
            ("note", Value::string("it is hunter2")),
            ("port", Value::tuple([port(1), port(2)])),
            ("named", Value::object([("k".into(), port(3))])),
        ] {
            entries
                .iter_mut()
                .filter(|(known, _)| known.as_ref() == name)
                .for_each(|it| it.1 = value.clone());
        }
        Value::object(entries)
    }

    #[test]
    fn a_block_has_what_can_be_given_and_no_secret() {
        let unwritten = Unwritten {
            address: "fake_thing.a".parse().unwrap(),
            id: "one\ntwo".into(),
            value: object(),
            schema: schema(),
            provider: None,
        };
        let Generated { text, sensitive } = unwritten.block(&|text| text.contains("hunter2"));
        let mut sources = SourceMap::new();
        let laid_out = format(sources.add("x.hcl", &*text), &text).unwrap();
        assert_eq!(
            laid_out,
            r#"# Generated from "one\ntwo"
resource "fake_thing" "a" {
  mode = "0644"
  name = "a \"b\""
  note = null # sensitive
  seen = null # required
  tags = {
    a     = "x"
    "a b" = "y"
  }
  token = null # sensitive

  named "k" {
    number = 3
  }

  port {
    number = 1
  }

  port {
    number = 2
  }
}
"#
        );
        assert_eq!(sensitive, ["note", "token"]);
    }
}
