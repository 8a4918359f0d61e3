//! What is masked although nobody said that it is sensitive: values of environment variables, what is called a
//! password or a token, credentials in addresses. And what is shown although it is sensitive, if that is asked for.
//!
//! Goes in: values and texts that are about to be shown. Comes out: the same with marks, or with masks. Never happens:
//! a change of what is planned, saved or stored.

mod scan;

pub(super) use scan::masked as without_tokens;

use super::view::structures;
use crate::diag::MASK;
use crate::lang::value::{Kind, Marks, PathStep, Value};
use crate::plan::{Drift, Operation, Operations, OutputChange, Plan, diff};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// Strings shorter than this are not looked for in other places: they turn up anywhere.
const ELSEWHERE_BYTES_MIN: usize = 8;
/// Lists of environment variables: each has a name and a value.
const ENVIRONMENTS: [&str; 2] = ["env", "environment_variables"];
/// What stands for a part of a text that did not stand in it before.
const MASK_NEW: &str = "(sensitive value, new)";
/// How names end of which the value is secret: without case, `_` and `-`.
const SECRET_ENDINGS: [&str; 9] =
    ["password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey", "accesskey"];

/// Whether the value of something with this name is secret, going by the name.
fn is_secret_name(name: &str) -> bool {
    let bare = || name.bytes().rev().filter(|it| !matches!(it, b'_' | b'-' | b'.'));
    let ends_with = |ending: &str| {
        let mut bare = bare();
        ending.bytes().rev().all(|byte| bare.next().is_some_and(|it| it.eq_ignore_ascii_case(&byte)))
    };
    SECRET_ENDINGS.iter().any(|ending| ends_with(ending))
}

/// Marks what is not shown unless that is asked for.
#[derive(Debug, Default)]
struct Marker {
    /// The parts of texts that are not shown and stood in the value before it changed; nothing if it does not change.
    before: Option<BTreeSet<Part>>,
}

/// A value with marks on what is not shown unless that is asked for; nothing if there is no such part.
pub(super) fn marked(value: &Value) -> Option<Value> {
    Marker::default().marked(value)
}

/// The same of a value with a name.
pub(super) fn marked_as(name: &str, value: &Value) -> Option<Value> {
    Marker::default().named(name, value)
}

impl Marker {
    /// What marks the value that one becomes.
    fn after(before: Option<&Value>) -> Self {
        let Some(before) = before else { return Self::default() };
        let mut hidden = BTreeSet::new();
        hidden_in_texts(before, &mut hidden);
        Self { before: Some(hidden) }
    }

    fn named(&self, name: &str, value: &Value) -> Option<Value> {
        match name {
            _ if value.marks().is_sensitive() => None,
            _ if is_secret_name(name) && is_text(value) => Some(sensitive(value)),
            _ if is_environment(name, value) => self.environment(value),
            _ => self.marked(value),
        }
    }

    fn marked(&self, value: &Value) -> Option<Value> {
        if value.marks().is_sensitive() {
            return None;
        }
        match value.kind() {
            Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) | Kind::Map(..) | Kind::Object(_) => {}
            Kind::String(text) => {
                let shown = self.without_parts(text)?;
                return Some(if shown == MASK { sensitive(value) } else { Value::string(shown) });
            }
            _ => return None,
        }
        // Nearly always there is nothing to mark: a value is made anew only if there is.
        let marked: Vec<_> = match value.as_entries() {
            Some(entries) => replacements(entries.iter(), |(name, part)| self.named(name, part)),
            None => replacements(value.children(), |part| self.marked(part)),
        };
        if marked.is_empty() {
            return None;
        }
        let (mut marked, mut at) = (marked.into_iter().peekable(), 0..);
        Some(value.clone().map_parts(|_, part| {
            let at = at.next();
            marked.next_if(|(place, _)| Some(*place) == at).map_or_else(|| part.clone(), |(_, marked)| marked)
        }))
    }

    /// The values of environment variables: of a list of names and values, or of a map from one to the other.
    fn environment(&self, variables: &Value) -> Option<Value> {
        if variables.as_items().is_none() && variables.as_entries().is_none() {
            return self.marked(variables);
        }
        let mut changed = false;
        let marked = variables.clone().map_parts(|step, variable| {
            let hidden = match &step {
                PathStep::Name(_) if is_text(variable) => Some(sensitive(variable)),
                PathStep::Name(name) => self.named(name, variable),
                PathStep::Index(_) => one(variable).or_else(|| self.marked(variable)),
            };
            changed |= hidden.is_some();
            hidden.unwrap_or_else(|| variable.clone())
        });
        changed.then_some(marked)
    }

    /// A text that spells a structure, as JSON or YAML, without the parts of it that are not shown; nothing if it has no
    /// such parts.
    fn without_parts(&self, text: &str) -> Option<String> {
        let hidden = hidden_parts(text);
        let mut shown = (!hidden.is_empty()).then(|| text.to_owned())?;
        for part in hidden {
            let is_new = self.before.as_ref().is_some_and(|before| !before.contains(&part));
            let mask = if is_new { MASK_NEW } else { MASK };
            // What is written in a way of its own is not found, so no part of it can be shown.
            shown = match after_colon(&shown, &part, mask) {
                Some(masked) => masked,
                None => return Some(MASK.to_owned()),
            };
        }
        Some(shown)
    }
}

/// What stands for the items of which something does, by their place.
fn replacements<T>(
    items: impl Iterator<Item = T>,
    mut replace: impl FnMut(T) -> Option<Value>,
) -> Vec<(usize, Value)> {
    items.enumerate().filter_map(|(at, item)| Some((at, replace(item)?))).collect()
}

/// A part of a structure that is not shown: the name that it has, and what it says.
type Part = (Arc<str>, String);

/// The parts of a text that spells a structure that are not shown.
fn hidden_parts(text: &str) -> BTreeSet<Part> {
    let mut hidden = BTreeSet::new();
    for marked in structures(text).iter().filter_map(marked) {
        marks_in(&marked, "", &mut hidden);
    }
    hidden
}

fn hidden_in_texts(value: &Value, out: &mut BTreeSet<Part>) {
    match value.kind() {
        Kind::String(text) => out.extend(hidden_parts(text)),
        _ => value.children().for_each(|part| hidden_in_texts(part, out)),
    }
}

fn marks_in(value: &Value, name: &str, out: &mut BTreeSet<Part>) {
    if value.marks().is_sensitive() {
        out.extend(value.as_str().map(|text| (name.into(), text.to_owned())));
    } else if let Some(entries) = value.as_entries() {
        for (name, part) in entries {
            marks_in(part, name, out);
        }
    } else {
        value.children().for_each(|part| marks_in(part, "", out));
    }
}

/// The text with a mask wherever a part stands whole after its name and a colon; nothing if it stands so nowhere.
fn after_colon(text: &str, (name, part): &Part, mask: &str) -> Option<String> {
    let quotes = |character: char| matches!(character, ' ' | '\t' | '"' | '\'');
    let json = serde_json::Value::from(part.as_str()).to_string();
    let spellings = [part.as_str(), json.get(1..json.len() - 1).unwrap_or(part)];
    let (mut out, mut at, mut found) = (String::with_capacity(text.len()), 0, false);
    for (colon, _) in text.match_indices(':') {
        let before = text.get(..colon).unwrap_or("").trim_end_matches(quotes);
        if colon < at || !before.ends_with(&**name) {
            continue;
        }
        let value = text.get(colon + 1..).unwrap_or("").trim_start_matches(quotes);
        let start = text.len() - value.len();
        let length = |spelling: &&str| {
            let after = value.strip_prefix(*spelling)?;
            let is_whole = after.is_empty() || after.starts_with(['"', '\'', '\n', '\r', ',', '}', ']', ' ']);
            is_whole.then_some(spelling.len())
        };
        let Some(length) = spellings.iter().find_map(length) else { continue };
        out.push_str(text.get(at..start).unwrap_or(""));
        out.push_str(mask);
        (at, found) = (start + length, true);
    }
    out.push_str(text.get(at..).unwrap_or(""));
    found.then_some(out)
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn sensitive(value: &Value) -> Value {
    value.clone().marked(Marks::SENSITIVE)
}

/// Whether something of this name holds environment variables. An object that is called `environment` may be anything.
fn is_environment(name: &str, value: &Value) -> bool {
    ENVIRONMENTS.contains(&name) || name == "environment" && !matches!(value.kind(), Kind::Object(_))
}

fn one(variable: &Value) -> Option<Value> {
    let is_named = variable.get("name").is_some() && variable.get("value").is_some_and(is_text);
    is_named.then(|| {
        variable.clone().map_parts(|step, part| match step {
            PathStep::Name(name) if name.as_ref() == "value" => sensitive(part),
            _ => part.clone(),
        })
    })
}

/// Calls `found` with each text that is secret by the name that it has, so that it is masked wherever it turns up.
pub(super) fn each_secret(value: &Value, found: &mut dyn FnMut(&str)) {
    let named = |name: &str, value: &Value, found: &mut dyn FnMut(&str)| {
        if let Some(text) = value.as_str().filter(|text| text.len() >= ELSEWHERE_BYTES_MIN)
            && is_secret_name(name)
        {
            found(text);
        }
    };
    if let Some(entries) = value.as_entries() {
        if let Some((name, value)) = value.get("name").and_then(Value::as_str).zip(value.get("value")) {
            named(name, value, found);
        }
        for (name, part) in entries {
            named(name, part, found);
            each_secret(part, found);
        }
    } else {
        value.children().for_each(|part| each_secret(part, found));
    }
}

/// A plan as it is shown.
pub(super) enum Shown<'p> {
    AsItIs(&'p Plan),
    Marked(Box<Plan>),
}

impl Deref for Shown<'_> {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        match self {
            Self::AsItIs(plan) => plan,
            Self::Marked(plan) => plan,
        }
    }
}

/// An object before and after as they are shown; nothing if both are shown as they are.
fn shown_pair(
    before: Option<&Value>,
    after: Option<&Value>,
    everything: bool,
) -> Option<(Option<Value>, Option<Value>)> {
    let look = |value: Option<&Value>, marker: &Marker| {
        value.and_then(|value| if everything { bare(value) } else { marker.marked(value) })
    };
    let marker = if everything { Marker::default() } else { Marker::after(before) };
    let shown = (look(before, &Marker::default()), look(after, &marker));
    (shown.0.is_some() || shown.1.is_some()).then_some(shown)
}

/// An operation with what it makes, as both are handed to policies.
pub(super) fn judged(operation: &Operation, planned: &Value) -> Operation {
    let (before, after) = shown_pair(operation.prior.as_ref(), Some(planned), false).unwrap_or_default();
    let prior = before.or_else(|| operation.prior.clone());
    let planned = Some(after.unwrap_or_else(|| planned.clone()));
    Operation { prior, planned, ..operation.clone() }
}

/// A plan as it is shown: with marks on what is not, or, if everything is shown, without any.
pub(super) fn shown(plan: &Plan, everything: bool) -> Shown<'_> {
    shown_in_part(plan, everything, &|_| true)
}

/// A plan as it is handed to policies that get the values of some types of objects: the others are not looked at here either.
pub(super) fn judged_in_part<'p>(plan: &'p Plan, sees: &dyn Fn(&str) -> bool) -> Shown<'p> {
    shown_in_part(plan, false, sees)
}

fn shown_in_part<'p>(plan: &'p Plan, everything: bool, sees: &dyn Fn(&str) -> bool) -> Shown<'p> {
    let pair = |before: Option<&Value>, after: Option<&Value>| shown_pair(before, after, everything);
    let named = |name: &str, value: &Value| if everything { bare(value) } else { marked_as(name, value) };
    rewritten(plan, &Rewriting { pair: &pair, named: &named, sees, strips: everything })
}

/// The same with marks on each text in which a secret stands, which `hides` tells: so a plan's file has it, which keeps no
/// such text.
pub(super) fn hidden<'p>(plan: &'p Plan, hides: &dyn Fn(&str) -> bool) -> Shown<'p> {
    let mark = |value: Option<&Value>| value.and_then(|value| marked_by_value(value, hides));
    let pair = |before: Option<&Value>, after: Option<&Value>| {
        let marked = (mark(before), mark(after));
        (marked.0.is_some() || marked.1.is_some()).then_some(marked)
    };
    let named = |_: &str, value: &Value| mark(Some(value));
    rewritten(plan, &Rewriting { pair: &pair, named: &named, sees: &|_| true, strips: false })
}

/// A value with marks on each text in which a secret stands, and on what has such a name in it; nothing if there is none.
fn marked_by_value(value: &Value, hides: &dyn Fn(&str) -> bool) -> Option<Value> {
    if value.marks().is_sensitive() {
        return None;
    }
    let is_hidden = match value.kind() {
        Kind::String(text) => hides(text),
        Kind::Map(_, entries) | Kind::Object(entries) => entries.keys().any(|name| hides(name)),
        Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) => false,
        _ => return None,
    };
    if is_hidden {
        return Some(sensitive(value));
    }
    let mut changed = false;
    let marked = value.clone().map_parts(|_, part| {
        let marked = marked_by_value(part, hides);
        changed |= marked.is_some();
        marked.unwrap_or_else(|| part.clone())
    });
    changed.then_some(marked)
}

/// Two values of one thing, where one of them is another now.
type Pair = (Option<Value>, Option<Value>);

/// Gives what two values of one thing become.
type Rewrite<'a> = dyn Fn(Option<&Value>, Option<&Value>) -> Option<Pair> + 'a;

/// How the values of a plan are made others; nothing for what stays as it is.
struct Rewriting<'a> {
    pair: &'a Rewrite<'a>,
    named: &'a dyn Fn(&str, &Value) -> Option<Value>,
    /// Of which types of objects.
    sees: &'a dyn Fn(&str) -> bool,
    /// Whether outputs that are sensitive are shown.
    strips: bool,
}

fn rewritten<'p>(plan: &'p Plan, how: &Rewriting<'_>) -> Shown<'p> {
    let Rewriting { pair, named, sees, .. } = how;
    let operations: Option<Operations> = replaced(plan.operations.iter(), |operation: &Operation| {
        if !sees(&operation.address.type_name) {
            return None;
        }
        let (prior, planned) = pair(operation.prior.as_ref(), operation.planned.as_ref())?;
        let (prior, planned) =
            (prior.or_else(|| operation.prior.clone()), planned.or_else(|| operation.planned.clone()));
        Some(Operation { prior, planned, ..operation.clone() })
    });
    let drift: Option<Vec<_>> = replaced(plan.drift.iter(), |drift: &Drift| {
        if !sees(&drift.address.type_name) {
            return None;
        }
        let (before, after) = pair(Some(&drift.before), drift.after.as_ref())?;
        let (before, after) =
            (before.unwrap_or_else(|| drift.before.clone()), after.or_else(|| drift.after.clone()));
        Some(Drift { before, after, ..drift.clone() })
    });
    let outputs: Vec<_> = plan
        .outputs
        .iter()
        .filter_map(|(name, change)| Some((name.clone(), rewritten_output(name, change, how)?)))
        .collect();
    let variables: Vec<_> = plan
        .values
        .root_variables()
        .into_iter()
        .filter_map(|(name, value)| Some((name.clone(), named(name, value)?)))
        .collect();
    if operations.is_none() && drift.is_none() && outputs.is_empty() && variables.is_empty() {
        return Shown::AsItIs(plan);
    }
    let mut shown = plan.to_be_shown(operations);
    shown.drift = drift.unwrap_or(shown.drift);
    shown.outputs.extend(outputs);
    shown.values.replace_root_variables(variables);
    Shown::Marked(Box::new(shown))
}

fn rewritten_output(name: &str, change: &OutputChange, how: &Rewriting<'_>) -> Option<OutputChange> {
    let look = |value: &Option<Value>| value.as_ref().and_then(|value| (how.named)(name, value));
    let (mut before, mut after) = (look(&change.before), look(&change.after));
    if let (Some(old), Some(new), Some(was), Some(is)) = (&change.before, &change.after, &before, &after)
        && diff::same(was, is)
        && !diff::same(old, new)
    {
        (before, after) = (Some(sensitive(old)), Some(sensitive(new)));
    }
    let is_changed = before.is_some() || after.is_some() || how.strips && change.sensitive;
    is_changed.then(|| OutputChange {
        before: before.or_else(|| change.before.clone()),
        after: after.or_else(|| change.after.clone()),
        sensitive: change.sensitive && !how.strips,
    })
}

/// A value without marks; nothing if it has none.
pub(super) fn bare(value: &Value) -> Option<Value> {
    value.marks_deep().is_sensitive().then(|| value.unmarked_deep())
}

/// The list with some of its items replaced; nothing if none is.
fn replaced<'i, T: Clone + 'i, I: Iterator<Item = &'i T> + Clone, C: FromIterator<T>>(
    items: I,
    replace: impl Fn(&T) -> Option<T>,
) -> Option<C> {
    let first = items.clone().position(|item| replace(item).is_some())?;
    let rest = items.clone().skip(first).map(|item| replace(item).unwrap_or_else(|| item.clone()));
    Some(items.take(first).cloned().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Type;

    fn text(value: &Value) -> String {
        let mut out = String::new();
        crate::cli::view::state::value(value).lines().for_each(|line| out += line.trim());
        out
    }

    fn variable(name: &str, value: &str) -> Value {
        Value::object([("name".into(), name.into()), ("value".into(), value.into())])
    }

    #[test]
    fn environments_and_what_is_called_a_secret_are_marked() {
        for (name, value, expected) in [
            (
                "env",
                Value::tuple([variable("A", "x1")]),
                "{env = [{name  = \"A\"value = (sensitive value)},]}",
            ),
            (
                "environment",
                Value::map(Type::String, [("A".into(), "x".into())]),
                "{environment = {A = (sensitive value)}}",
            ),
            ("environment", Value::object([("name".into(), "x".into())]), "{environment = {name = \"x\"}}"),
            ("db_password", "x".into(), "{db_password = (sensitive value)}"),
            ("apiToken", "x".into(), "{apiToken = (sensitive value)}"),
            ("API-KEY", "x".into(), "{API-KEY = (sensitive value)}"),
            ("max_tokens", "x".into(), "{max_tokens = \"x\"}"),
            ("secret_name", "x".into(), "{secret_name = \"x\"}"),
            ("token", 5.into(), "{token = 5}"),
            ("env", "prod".into(), "{env = \"prod\"}"),
            (
                "env",
                Value::object([("env".into(), Value::tuple([variable("A", "x")]))]),
                "{env = {env = [{name  = \"A\"value = (sensitive value)},]}}",
            ),
            (
                "env",
                Value::tuple([Value::object([
                    ("name".into(), "A".into()),
                    ("valueFrom".into(), "b".into()),
                ])]),
                "{env = [{name      = \"A\"valueFrom = \"b\"},]}",
            ),
        ] {
            let value = Value::object([(name.into(), value)]);
            assert_eq!(text(marked(&value).as_ref().unwrap_or(&value)), expected);
        }
    }

    #[test]
    fn structures_in_texts_lose_only_what_is_not_shown() {
        for (text, expected) in [
            (
                r#"{"env":[{"name":"A","value":"pa\"ss"},{"name":"value","value":"1"}],"a":"1"}"#,
                r#"{"env":[{"name":"A","value":"(sensitive value)"},{"name":"value","value":"(sensitive value)"}],"a":"1"}"#,
            ),
            (
                "spec:\n  env:\n  - name: A\n    value: hunter\n  - name: B\n    value: \"x y\"\n  image: hunter2\n",
                "spec:\n  env:\n  - name: A\n    value: (sensitive value)\n  - name: B\n    value: \"(sensitive value)\"\n  image: hunter2\n",
            ),
            ("env:\n- name: A\n  value: |\n    two\n    lines\n", "(sensitive value)"),
            ("a: 1\nb: 2\n", "a: 1\nb: 2\n"),
            ("password: yyyyyy\n", "password: (sensitive value)\n"),
            (
                "---\nuser: me\npassword: yyyyyy\n--- # two\npassword: qqqqqq\nb: 1\n---\na: 1\n",
                "---\nuser: me\npassword: (sensitive value)\n--- # two\npassword: (sensitive value)\nb: 1\n---\na: 1\n",
            ),
            ("plain", "plain"),
        ] {
            let value = Value::string(text);
            let shown = marked(&value).unwrap_or(value);
            let shown = if shown.marks().is_sensitive() { MASK } else { shown.as_str().unwrap() };
            assert_eq!(shown, expected, "{text}");
        }
        let yaml = |value: &str| Value::string(format!("env:\n- name: A\n  value: {value}\n"));
        let after = Marker::after(Some(&yaml("one"))).marked(&yaml("two")).unwrap();
        assert_eq!(after, yaml("(sensitive value, new)"));
    }

    #[test]
    fn what_is_secret_by_its_name_is_looked_for_elsewhere() {
        let value = Value::object([
            (
                "env".into(),
                Value::tuple([variable("DB_PASSWORD", "correct horse"), variable("STAGE", "production")]),
            ),
            ("token".into(), "short".into()),
            ("inner".into(), Value::object([("client_secret".into(), "battery staple".into())])),
        ]);
        let mut found = Vec::new();
        each_secret(&value, &mut |text| found.push(text.to_owned()));
        assert_eq!(found, ["correct horse", "battery staple"]);
    }
}
