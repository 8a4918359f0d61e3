//! Sets: elements once each, in the order in which Terraform walks them.

use super::{Form, Kind, Marks, Type, Value, equal::same_known, quote};
use std::cmp::Ordering;

/// Digits of a number in the order of sets of compound values: Go's `big.Float.String`.
const ORDER_DIGITS: usize = 10;

impl Value {
    /// A set; every item is of type `element` already. Marks of items and of their parts go to the set, since an
    /// element of a set cannot be marked apart from the others.
    pub fn set(element: Type, items: impl IntoIterator<Item = Value>) -> Self {
        let mut marks = Marks::NONE;
        let mut keyed: Vec<_> = items
            .into_iter()
            .map(|item| {
                marks = marks | item.marks_deep();
                let item = item.unmarked_deep();
                (SortKey::of(&item), item)
            })
            .collect();
        keyed.sort_by(|(a_key, a), (b_key, b)| a_key.cmp(b_key).then_with(|| structural(a, b)));
        let mut kept: Vec<Value> = Vec::with_capacity(keyed.len());
        for (_, item) in keyed {
            if kept.last().is_none_or(|last| same_known(last, &item) != Some(true)) {
                kept.push(item);
            }
        }
        Self::from(Kind::Set(element, kept.into())).marked(marks)
    }
}

/// Before any other: values, then unknown, then null. Numbers by value, other primitives by their text; compound ones by a text
/// of all their parts, as cty does it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    rank: u8,
    text: Vec<u8>,
}

impl SortKey {
    fn of(value: &Value) -> Self {
        let rank = match value.kind() {
            Kind::Null(_) => 2,
            Kind::Unknown(..) => 1,
            _ => 0,
        };
        let mut text = Vec::new();
        match value.kind() {
            Kind::Number(_) | Kind::String(_) | Kind::Bool(_) => {}
            _ => write_key(value, &mut text),
        }
        Self { rank, text }
    }
}

fn write_key(value: &Value, out: &mut Vec<u8>) {
    let mut all = |open: u8, close: u8, items: &[Value]| {
        out.push(open);
        for item in items {
            write_key(item, out);
            out.push(b';');
        }
        out.push(close);
    };
    match value.kind() {
        Kind::Unknown(..) => out.push(b'?'),
        Kind::Null(_) => out.push(b'~'),
        Kind::Bool(true) => out.push(b'T'),
        Kind::Bool(false) => out.push(b'F'),
        Kind::Number(number) => out.extend(number.format(Form::General, Some(ORDER_DIGITS)).bytes()),
        Kind::String(text) => out.extend(quote(text).bytes()),
        Kind::List(_, items) | Kind::Set(_, items) => all(b'[', b']', items),
        Kind::Tuple(items) => all(b'<', b'>', items),
        Kind::Object(entries) => {
            out.push(b'<');
            for item in entries.values() {
                write_key(item, out);
                out.push(b';');
            }
            out.push(b'>');
        }
        Kind::Map(_, entries) => {
            out.push(b'{');
            for (name, item) in entries.iter() {
                out.extend(quote(name).bytes());
                out.push(b':');
                write_key(item, out);
                out.push(b';');
            }
            out.push(b'}');
        }
    }
}

/// A total order of known values of one type, in which equal ones are neighbours.
fn structural(a: &Value, b: &Value) -> Ordering {
    match (a.kind(), b.kind()) {
        (Kind::Bool(a), Kind::Bool(b)) => a.cmp(b),
        (Kind::Number(a), Kind::Number(b)) => a.cmp(b),
        (Kind::String(a), Kind::String(b)) => a.cmp(b),
        (
            Kind::List(_, a) | Kind::Set(_, a) | Kind::Tuple(a),
            Kind::List(_, b) | Kind::Set(_, b) | Kind::Tuple(b),
        ) => all(a.iter(), b.iter()),
        (Kind::Map(_, a) | Kind::Object(a), Kind::Map(_, b) | Kind::Object(b)) => {
            a.keys().cmp(b.keys()).then_with(|| all(a.values(), b.values()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value.kind() {
        Kind::Null(_) => 2,
        Kind::Unknown(..) => 1,
        _ => 0,
    }
}

fn all<'a>(
    a: impl ExactSizeIterator<Item = &'a Value>,
    b: impl ExactSizeIterator<Item = &'a Value>,
) -> Ordering {
    let lengths = a.len().cmp(&b.len());
    a.zip(b).map(|(a, b)| structural(a, b)).find(|order| order.is_ne()).unwrap_or(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Number;

    fn numbers(texts: &[&str]) -> Vec<Value> {
        texts.iter().map(|text| Value::number(Number::parse(text).unwrap())).collect()
    }

    #[test]
    fn elements_come_once_in_terraforms_order() {
        let set = Value::set(Type::Number, numbers(&["3", "20", "1", "3.0"]));
        assert_eq!(set.as_items().unwrap(), numbers(&["1", "3", "20"]));
        let pair = |number: &str, text: &str| Value::tuple([numbers(&[number]).remove(0), text.into()]);
        let ty = Type::Tuple([Type::Number, Type::String].into());
        let set = Value::set(ty, [pair("1", "x"), pair("10", "y"), pair("2", "z"), pair("1", "a")]);
        let expected = [pair("10", "y"), pair("1", "a"), pair("1", "x"), pair("2", "z")];
        assert_eq!(set.as_items().unwrap(), expected, "by their text, in which `0` is before `;`");
    }

    #[test]
    fn unknown_elements_are_never_the_same() {
        let set = Value::set(
            Type::String,
            [
                Value::unknown(Type::String),
                "a".into(),
                Value::unknown(Type::String),
                Value::null_of(Type::String),
            ],
        );
        assert_eq!(set.as_items().unwrap().len(), 4);
        assert_eq!(set.as_items().unwrap()[0], "a".into());
    }

    #[test]
    fn marks_of_elements_go_to_the_set() {
        let inner = Value::tuple(["a".into(), Value::from("b").marked(Marks::SENSITIVE)]);
        let set = Value::set(inner.ty(), [inner]);
        assert_eq!(set.marks(), Marks::SENSITIVE);
        assert!(set.as_items().unwrap()[0].marks_deep().is_empty());
    }
}
