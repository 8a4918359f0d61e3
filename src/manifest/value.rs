//! A manifest as a value of HCL: `manifest["iris"].spec.model.uri`.

use super::artifact::Artifact;
use super::document::Manifest;
use super::schema::{self, Field, Shape};
use super::yaml::{Exact, Node, NodeKind, exact};
use crate::lang::value::{Number, Type, Value, normalize};
use std::sync::Arc;

impl Manifest {
    /// The manifest as an object with every field that there is, null where it is left out; names and namespace with
    /// their defaults. Governed values have the types that they were written with. `artifact` is
    /// `{path, sha256, size_bytes, opset, inputs, outputs}`, or null.
    pub fn to_value(&self, artifact: Option<&Artifact>) -> Value {
        let mut fields = object(Some(&self.root), schema::ROOT);
        for (name, value) in &mut fields {
            if &**name == "metadata" {
                *value = self.metadata();
            }
        }
        let artifact = artifact.map_or_else(|| Value::null_of(artifact_type()), Artifact::to_value);
        fields.push(("artifact".into(), artifact));
        Value::object(fields)
    }

    fn metadata(&self) -> Value {
        let block = self.root.get("metadata");
        let table = schema::ROOT.iter().find(|field| field.name == "metadata");
        let fields = table.map_or(&[][..], |field| field.shape.fields());
        let mut entries = object(block, fields);
        for (name, value) in &mut entries {
            match &**name {
                "name" => *value = Value::string(self.name.clone()),
                "namespace" => *value = Value::string(self.namespace.clone()),
                _ => {}
            }
        }
        Value::object(entries)
    }
}

/// The type of [`Manifest::to_value`]; governed values are [`Type::Any`].
pub fn value_type() -> Type {
    let fields = schema::ROOT.iter().map(|field| (Arc::from(field.name), field.shape.ty(field.governed)));
    Type::object(fields.chain([(Arc::from("artifact"), artifact_type())]))
}

/// The type of `artifact`.
pub(super) fn artifact_type() -> Type {
    let port = Type::object([
        (Arc::from("name"), Type::String),
        (Arc::from("dtype"), Type::String),
        (Arc::from("shape"), Type::list(Type::String)),
    ]);
    Type::object([
        (Arc::from("path"), Type::String),
        (Arc::from("sha256"), Type::String),
        (Arc::from("size_bytes"), Type::Number),
        (Arc::from("parameters"), Type::Number),
        (Arc::from("opset"), Type::Number),
        (Arc::from("inputs"), Type::list(port.clone())),
        (Arc::from("outputs"), Type::list(port)),
    ])
}

fn object(node: Option<&Node>, fields: &[Field]) -> Vec<(Arc<str>, Value)> {
    let value =
        |field: &Field| shaped(node.and_then(|node| node.get(field.name)), &field.shape, field.governed);
    fields.iter().map(|field| (Arc::from(field.name), value(field))).collect()
}

fn shaped(node: Option<&Node>, shape: &Shape, governed: bool) -> Value {
    let absent = || Value::null_of(shape.ty(governed));
    let Some(node) = node else { return absent() };
    match (shape, &node.kind) {
        (_, NodeKind::Null | NodeKind::Refused) => absent(),
        (Shape::Object(fields), NodeKind::Mapping(_)) => Value::object(object(Some(node), fields)),
        (Shape::List(of), NodeKind::Sequence(items)) => {
            let values: Vec<_> = items.iter().map(|item| shaped(Some(item), of, governed)).collect();
            match shape.ty(governed) {
                Type::List(of) => Value::list((*of).clone(), values),
                _ => together(values),
            }
        }
        (Shape::Open(_, of), NodeKind::Mapping(entries)) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| (normalize(&entry.key), shaped(Some(&entry.value), of, governed)))
                .collect();
            match shape.ty(false) {
                Type::Map(of) if entries.iter().all(|(_, value)| value.ty() == *of) => {
                    Value::map((*of).clone(), entries)
                }
                _ => Value::object(entries),
            }
        }
        (Shape::Quantity(_), NodeKind::Number(text)) if !governed => Value::string(text.clone()),
        (Shape::Either(first, second), _) => {
            let shape = if matches!(node.kind, NodeKind::Mapping(_)) { second } else { first };
            shaped(Some(node), shape, governed)
        }
        _ => natural(node),
    }
}

/// A value of the type that it was written with.
fn natural(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Null | NodeKind::Refused => Value::null(),
        NodeKind::Bool(value) => Value::bool(*value),
        NodeKind::String(text) => Value::string(normalize(text)),
        NodeKind::Number(text) => number(text),
        NodeKind::Sequence(items) => together(items.iter().map(natural).collect()),
        NodeKind::Mapping(entries) => {
            Value::object(entries.iter().map(|entry| (normalize(&entry.key), natural(&entry.value))))
        }
    }
}

/// A list if all are strings or all are numbers, else a tuple.
fn together(values: Vec<Value>) -> Value {
    for of in [Type::String, Type::Number] {
        if !values.is_empty() && values.iter().all(|value| value.ty() == of) {
            return Value::list(of, values);
        }
    }
    Value::tuple(values)
}

/// A number; the text of one that is not finite.
fn number(text: &Arc<str>) -> Value {
    let number = match exact(text) {
        Some(Exact::Integer(whole)) => Some(Number::from(whole)),
        Some(Exact::Double(double)) => Number::parse(&double.to_string()),
        None => None,
    };
    number.map_or_else(|| Value::string(text.clone()), Value::number)
}
