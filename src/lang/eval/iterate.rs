//! `for`: over the elements of a value.

use super::conditional::Truth;
use super::expression::Evaluator;
use crate::diag::{Diagnostic, code};
use crate::lang::syntax::ast::{Expr, For, Ident};
use crate::lang::value::{Kind, Marks, Type, Value, normalize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names that a `for` gives to key and value.
#[derive(Clone, Copy)]
pub(super) struct Names<'e> {
    pub(super) key: Option<&'e Ident>,
    pub(super) value: &'e Ident,
}

impl Names<'_> {
    pub(super) fn bind(self, key: Value, value: Value) -> impl Iterator<Item = (Arc<str>, Value)> {
        let key = self.key.map(|name| (name.name.clone(), key));
        key.into_iter().chain([(self.value.name.clone(), value)])
    }
}

/// Keys with their values.
pub(super) type Items = Vec<(Value, Value)>;

/// What the turns of a `for` have gathered.
#[derive(Default)]
struct Gathered {
    list: Vec<Value>,
    entries: BTreeMap<Arc<str>, Vec<Value>>,
    /// Of conditions and keys: they decide what is in the result.
    marks: Marks,
    unknown: bool,
    /// It is not known, because of an error, what is in the result.
    lost: bool,
}

impl Evaluator<'_> {
    pub(super) fn each(&mut self, expr: &Expr, each: &For) -> Value {
        let names = Names { key: each.key_name.as_ref(), value: &each.value_name };
        let (items, marks) = match self.items_of(&each.collection) {
            Ok(items) => items,
            Err(unknown) => {
                self.check_condition(each, names);
                return unknown;
            }
        };
        let mut gathered = Gathered { marks, ..Gathered::default() };
        if items.is_empty() {
            self.check_condition(each, names);
        }
        let before = self.failures();
        for (key, value) in items {
            let bound = names.bind(key, value);
            let failed = self.failures() > before;
            let turn =
                |evaluator: &mut Self| evaluator.with_elements(marks, bound, |e| e.turn(each, &mut gathered));
            if failed {
                // The same expression would fail in the same way in other turns.
                self.held(|evaluator| {
                    turn(evaluator);
                    Value::null()
                });
            } else {
                turn(self);
            }
            if gathered.lost || self.is_exhausted() {
                return Value::unknown(Type::Any);
            }
        }
        if gathered.unknown {
            let inside = gathered.list.iter().chain(gathered.entries.values().flatten());
            let inside = inside.fold(Marks::NONE, |marks, value| marks | value.marks_deep());
            return Value::unknown_not_null(Type::Any).marked(gathered.marks | inside);
        }
        let result = if each.key.is_none() {
            Value::tuple(gathered.list)
        } else if each.group {
            Value::object(
                gathered
                    .entries
                    .into_iter()
                    .map(|(key, group)| {
                        let group = self.made(Value::tuple(group), expr.span);
                        (key, group)
                    })
                    .collect::<Vec<_>>(),
            )
        } else {
            Value::object(
                gathered.entries.into_iter().filter_map(|(key, mut values)| Some((key, values.pop()?))),
            )
        };
        result.marked(gathered.marks)
    }

    /// The condition's own errors, where no turn would show them.
    fn check_condition(&mut self, each: &For, names: Names<'_>) {
        let Some(condition) = &each.condition else { return };
        let bound = names.bind(Value::unknown(Type::Any), Value::unknown(Type::Any));
        self.with_names(bound, |evaluator| {
            let before = evaluator.failures();
            let decided = evaluator.value(condition);
            if evaluator.failures() == before {
                evaluator.truth(&decided, condition);
            }
        });
    }

    fn turn(&mut self, each: &For, gathered: &mut Gathered) {
        if let Some(condition) = &each.condition {
            let before = self.failures();
            let decided = self.value(condition);
            if self.failures() > before {
                gathered.lost = true;
                return;
            }
            gathered.marks = gathered.marks | decided.marks();
            match self.truth(&decided, condition) {
                Truth::Known(true) => {}
                Truth::Known(false) => return,
                Truth::Failed => {
                    gathered.lost = true;
                    return;
                }
                Truth::Unknown => {
                    gathered.unknown = true;
                    // Its errors count only if it is in the result, its marks in any case.
                    let held = self.held(|evaluator| evaluator.value(&each.value));
                    gathered.marks = gathered.marks | held.value.marks_deep();
                    return;
                }
            }
        }
        let Some(key) = &each.key else {
            let value = self.value(&each.value);
            gathered.list.push(value);
            return;
        };
        let before = self.failures();
        let key_value = self.value(key);
        let known = self.failures() == before;
        let value = self.value(&each.value);
        let Some(key_value) = known.then(|| self.key(&key_value, key)).flatten() else {
            gathered.lost = true;
            return;
        };
        gathered.marks = gathered.marks | key_value.marks();
        let Some(name) = key_value.as_str() else {
            gathered.unknown = true;
            gathered.marks = gathered.marks | value.marks_deep();
            return;
        };
        let group = gathered.entries.entry(normalize(name)).or_default();
        if !group.is_empty() && !each.group {
            let shown = if self.is_hidden() || !key_value.marks().is_empty() {
                String::new()
            } else {
                format!(" `{name}`")
            };
            let error = Diagnostic::error(code::lang::KEY, format!("the key{shown} comes twice"))
                .at(key.span, "")
                .help("put `...` after the value to gather all values of one key in a list");
            self.fail(error);
            return;
        }
        group.push(value);
    }

    /// Keys and values of a collection, and the marks of the collection itself. What `for` gives if it is not known or
    /// there is an error is in `Err`.
    pub(super) fn items_of(&mut self, collection: &Expr) -> Result<(Items, Marks), Value> {
        let before = self.failures();
        let value = self.value(collection);
        if self.failures() > before {
            return Err(Value::unknown(Type::Any));
        }
        let marks = value.marks();
        let numbered = |items: &[Value]| {
            let keys = (0i64..).map(Value::from);
            keys.zip(items.iter().cloned()).collect::<Items>()
        };
        let items = match value.kind() {
            Kind::List(_, items) | Kind::Tuple(items) => numbered(items),
            Kind::Set(..) if value.is_undecided_set() => {
                return Err(Value::unknown_not_null(Type::Any).marked(marks));
            }
            Kind::Set(_, items) => items.iter().map(|item| (item.clone(), item.clone())).collect(),
            Kind::Map(_, entries) | Kind::Object(entries) => {
                entries.iter().map(|(name, item)| (Value::string(name.clone()), item.clone())).collect()
            }
            Kind::Unknown(ty, _) if !ty.is_primitive() => {
                return Err(Value::unknown_not_null(Type::Any).marked(marks));
            }
            Kind::Null(_) => {
                let error = Diagnostic::error(code::lang::NOT_ITERABLE, "null has no elements to walk over")
                    .at(collection.span, "this is null");
                return Err(self.fail_with(error, &[collection]));
            }
            _ => {
                let summary = format!("{} has no elements to walk over", value.ty().with_article());
                let error = Diagnostic::error(code::lang::NOT_ITERABLE, summary).at(collection.span, "");
                return Err(self.fail_with(error, &[collection]));
            }
        };
        match self.meter.steps(items.len() as u64) {
            Ok(()) => Ok((items, marks)),
            Err(exhausted) => Err(self.stop(exhausted, collection.span)),
        }
    }
}
