//! Values that are made up: by what somebody chose, else by their types, as Terraform does it.

use super::Dice;
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Kind, Type, Value, convert};
use std::sync::Arc;

/// Letters of a text that is made up.
const TEXT_LENGTH: usize = 8;
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// An object of a schema whose computed attributes are known: those that are not known, and with `nulls` those that are
/// null, are what `chosen` says, else made up.
pub(super) fn complete(
    value: &Value,
    block: &BlockSchema,
    (chosen, nulls): (Option<&Value>, bool),
    dice: &Dice,
) -> Value {
    let Some(entries) = value.as_entries() else { return known(value, dice) };
    let completed = entries.iter().map(|(name, item)| {
        let own = chosen.and_then(|chosen| chosen.get(name));
        let completed = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) if attribute.computed => {
                if item.is_unknown() || nulls && item.is_null() {
                    made(&attribute.ty, own, dice).with_marks(item.marks())
                } else {
                    known(item, dice)
                }
            }
            (None, Some(nested)) => each(item, &|child| complete(child, &nested.block, (own, nulls), dice)),
            _ => known(item, dice),
        };
        (name.clone(), completed)
    });
    Value::object(completed).with_marks(value.marks())
}

/// A whole object of a schema: what is chosen, and the computed attributes made up.
pub(super) fn whole(block: &BlockSchema, chosen: Option<&Value>, dice: &Dice) -> Value {
    let own = |name: &Arc<str>| chosen.and_then(|chosen| chosen.get(name));
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let value = match own(name) {
            None if !attribute.computed => Value::null_of(attribute.ty.clone()),
            own => made(&attribute.ty, own, dice),
        };
        (name.clone(), value)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let ty = nested.implied_type();
        (name.clone(), if ty.is_collection() { by_type(&ty, dice) } else { Value::null_of(ty) })
    });
    Value::object(attributes.chain(blocks))
}

/// What of an object of chosen values cannot be: attributes that there are not, and values of wrong types.
pub fn misfits(block: &BlockSchema, chosen: &Value) -> Vec<String> {
    let entries = chosen.as_entries().into_iter().flatten();
    let misfit =
        |(name, value): (&Arc<str>, &Value)| match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) => {
                convert(value, &attribute.ty).err().map(|error| format!("`{name}`: {error}"))
            }
            (None, Some(nested)) => misfits(&nested.block, value).into_iter().next(),
            (None, None) => Some(format!("there is no attribute `{name}`")),
        };
    entries.filter_map(misfit).collect()
}

/// A value of a type: what is chosen, if it is of the type, else made up.
fn made(ty: &Type, chosen: Option<&Value>, dice: &Dice) -> Value {
    let chosen = chosen.and_then(|chosen| convert(chosen, ty).ok());
    chosen.map_or_else(|| by_type(ty, dice), |chosen| known(&chosen, dice))
}

/// The same value with all that is not known made up.
fn known(value: &Value, dice: &Dice) -> Value {
    match value.kind() {
        _ if value.is_wholly_known() => value.clone(),
        Kind::Unknown(ty, _) => by_type(ty, dice).with_marks(value.marks()),
        _ => each_part(value, &|part| known(part, dice)),
    }
}

fn by_type(ty: &Type, dice: &Dice) -> Value {
    match ty {
        Type::String => Value::string(text(dice)),
        Type::Number => Value::number(0),
        Type::Bool => Value::bool(false),
        Type::List(element) => Value::list((**element).clone(), []),
        Type::Map(element) => Value::map((**element).clone(), []),
        Type::Set(_) => convert(&Value::tuple([]), ty).unwrap_or_else(|_| Value::null_of(ty.clone())),
        Type::Tuple(items) => Value::tuple(items.iter().map(|item| by_type(item, dice))),
        Type::Object(fields) => {
            Value::object(fields.iter().map(|(name, field)| (name.clone(), by_type(&field.ty, dice))))
        }
        // Nobody can tell what type it would be.
        Type::Any => Value::null(),
    }
}

fn text(dice: &Dice) -> String {
    let letter = |byte: u8| LETTERS.get(usize::from(byte) % LETTERS.len()).copied().map_or('a', char::from);
    dice().into_iter().take(TEXT_LENGTH).map(letter).collect()
}

/// An object itself, or each element of a collection of objects.
fn each(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match value.kind() {
        Kind::Object(_) => change(value),
        _ => each_part(value, change),
    }
}

fn each_part(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    match value.kind() {
        // Elements that were different may be the same now, and have an order of their own.
        Kind::Set(element, items) => {
            let set = convert(&Value::tuple(items.iter().map(change)), &Type::Set(element.clone().into()));
            set.map_or_else(|_| value.clone(), |set| set.with_marks(value.marks()))
        }
        _ => value.clone().map_parts(|_, part| change(part)),
    }
}
