//! A manifest against the object as it is: what of the manifest's fields others changed. Pure.
//!
//! Goes in: what we applied, and the object with its `managedFields`. Comes out: the manifest as it is now, and the fields
//! that differ. Never happens: a difference for a server's default, for what others added, for order where there is none, for
//! another way to write a quantity.

use super::fields::{ListKind, default_of_key, is_quantity, is_whole_map, list_kind};
use super::kinds;
use super::object::{encode_base64, value_of};
use super::owners::{self, Field, Step};
use super::quantity::Quantity;
use crate::lang::value::{Entries, Kind, Marks, Number, Value};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A manifest as it is now.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) manifest: Value,
    /// The fields in which it is not what was applied.
    pub(super) changed: Vec<Field>,
}

/// Looks at an object with the eyes of the manifest that was applied. `stays` says of a field that differs and may do so.
pub(super) fn compare(applied: &Value, live: &Json, stays: &dyn Fn(&Field) -> bool) -> Seen {
    let text = |name| applied.get(name).and_then(Value::as_str).unwrap_or_default();
    let known = kinds::find(text("apiVersion"), text("kind")).is_some();
    let mut walk = Walk { known, stays, path: Vec::new(), field: Field::default(), changed: Vec::new() };
    let ours = owners::ours(live);
    let mut entries = BTreeMap::new();
    for (name, value) in applied.as_entries().into_iter().flatten() {
        let seen = match &**name {
            // In a list the server leaves both out; nobody owns a status by its manifest.
            "apiVersion" | "kind" | "status" => Some(value.clone()),
            "stringData" if known => Some(walk.texts(value, live.get("data"))),
            _ => walk.named(name, value, live.get(&**name), ours),
        };
        entries.extend(seen.map(|seen| (name.clone(), seen)));
    }
    let manifest = Value::object(entries).with_marks(applied.marks());
    Seen { manifest, changed: walk.changed }
}

struct Walk<'a> {
    /// Whether the kind is built in.
    known: bool,
    stays: &'a dyn Fn(&Field) -> bool,
    /// The names on the way, without positions.
    path: Vec<String>,
    field: Field,
    changed: Vec<Field>,
}

impl Walk<'_> {
    fn named(
        &mut self,
        name: &str,
        applied: &Value,
        live: Option<&Json>,
        ours: Option<&Json>,
    ) -> Option<Value> {
        let step = Step::Name(name.to_owned());
        let below = owners::below(ours, &step);
        self.path.push(name.to_owned());
        self.field.0.push(step);
        let seen = self.any(applied, live, below);
        self.field.0.pop();
        self.path.pop();
        seen
    }

    /// The texts of a Secret against its data.
    fn texts(&mut self, applied: &Value, data: Option<&Json>) -> Value {
        let Some(entries) = applied.as_entries() else { return applied.clone() };
        let mut seen = BTreeMap::new();
        for (name, value) in entries {
            let now = data.and_then(|data| data.get(&**name)).and_then(Json::as_str);
            let same = now.is_some() && now == value.as_str().map(encode_base64).as_deref();
            self.field.0 = vec![Step::Name("data".to_owned()), Step::Name(name.to_string())];
            let value =
                if same { Some(value.clone()) } else { self.differs(value, now.map(decoded).as_ref()) };
            seen.extend(value.map(|value| (name.clone(), value)));
        }
        self.field.0.clear();
        like(applied, seen)
    }

    fn any(&mut self, applied: &Value, live: Option<&Json>, ours: Option<&Json>) -> Option<Value> {
        let Some(now) = live.filter(|live| !live.is_null()) else {
            let nothing = applied.is_null() || self.known && is_nothing(applied);
            return if nothing { Some(applied.clone()) } else { self.differs(applied, None) };
        };
        match (applied.as_entries(), applied.as_items(), now) {
            _ if applied.is_null() => Some(applied.clone()),
            (Some(entries), _, Json::Object(map)) => self.map(applied, entries, map, ours),
            (_, Some(items), Json::Array(list)) => self.list(applied, items, list, ours),
            (None, None, _) if self.scalar(applied, now) => Some(applied.clone()),
            _ => self.differs(applied, Some(now)),
        }
    }

    fn map(
        &mut self,
        applied: &Value,
        entries: &Entries,
        now: &Map<String, Json>,
        ours: Option<&Json>,
    ) -> Option<Value> {
        let added =
            self.known && is_whole_map(&self.path) && now.keys().any(|name| !entries.contains_key(&**name));
        if added && !entries.is_empty() && entries.values().all(|value| value.as_str().is_some()) {
            return self.differs(applied, Some(&Json::Object(now.clone())));
        }
        let mut seen = BTreeMap::new();
        for (name, value) in entries {
            let value = self.named(name, value, now.get(&**name), ours);
            seen.extend(value.map(|value| (name.clone(), value)));
        }
        Some(like(applied, seen))
    }

    fn list(&mut self, applied: &Value, items: &[Value], now: &[Json], ours: Option<&Json>) -> Option<Value> {
        let kind = if self.known { list_kind(&self.path) } else { ListKind::Whole };
        let kind = match owners::keys_of(ours) {
            Some(keys) if kind == ListKind::Whole => ListKind::Keyed(keys),
            _ => kind,
        };
        match kind {
            ListKind::Keyed(keys) => {
                if let Some(pairs) = pair(&keys, items, now) {
                    return Some(self.keyed(applied, pairs, ours));
                }
                self.whole(applied, items, now)
            }
            ListKind::Set => {
                let has = |item: &Value| now.iter().any(|now| value_of(now) == item.unmarked_deep());
                if items.iter().all(has) { Some(applied.clone()) } else { self.differs_in(applied, now) }
            }
            ListKind::Bag => {
                let sorted = |values: Vec<Value>| {
                    let mut texts: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
                    texts.sort_unstable();
                    texts
                };
                let given = sorted(items.iter().map(Value::unmarked_deep).collect());
                let same = given == sorted(now.iter().map(value_of).collect());
                if same { Some(applied.clone()) } else { self.whole(applied, items, now) }
            }
            ListKind::Whole => self.whole(applied, items, now),
        }
    }

    fn keyed(&mut self, applied: &Value, pairs: Vec<Pair<'_>>, ours: Option<&Json>) -> Value {
        let mut seen = Vec::new();
        for Pair { keys, item, now } in pairs {
            let step = Step::Item(keys);
            let below = owners::below(ours, &step);
            self.field.0.push(step);
            seen.extend(self.any(item, now, below));
            self.field.0.pop();
        }
        as_was(applied, seen)
    }

    /// A list that belongs together: item by item where there are as many, so that defaults in them are none.
    fn whole(&mut self, applied: &Value, items: &[Value], now: &[Json]) -> Option<Value> {
        if items.len() != now.len() {
            return self.differs_in(applied, now);
        }
        let mut seen = Vec::new();
        for (index, (item, now)) in items.iter().zip(now).enumerate() {
            self.field.0.push(Step::Index(index));
            seen.extend(self.any(item, Some(now), None));
            self.field.0.pop();
        }
        Some(as_was(applied, seen))
    }

    fn differs_in(&mut self, applied: &Value, now: &[Json]) -> Option<Value> {
        self.differs(applied, Some(&Json::Array(now.to_vec())))
    }

    /// The value as it is now, unless it may differ.
    fn differs(&mut self, applied: &Value, now: Option<&Json>) -> Option<Value> {
        if (self.stays)(&self.field) {
            return Some(applied.clone());
        }
        self.changed.push(self.field.clone());
        let secret = applied.marks_deep().is_sensitive();
        let marks = if secret { Marks::SENSITIVE } else { Marks::NONE };
        now.map(|now| value_of(now).marked(marks))
    }

    fn scalar(&self, applied: &Value, now: &Json) -> bool {
        if value_of(now) == applied.unmarked_deep() {
            return true;
        }
        if !self.known || !is_quantity(&self.path) {
            return false;
        }
        let given = match applied.kind() {
            Kind::String(text) => Some(text.to_string()),
            Kind::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let now = match now {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let quantity = |text: Option<String>| text.as_deref().and_then(Quantity::parse);
        quantity(given).is_some_and(|given| Some(given) == quantity(now))
    }
}

/// A map or object with other entries: as an object, since others may have changed their types.
fn like(applied: &Value, entries: BTreeMap<Arc<str>, Value>) -> Value {
    let old = applied.as_entries().filter(|old| old.len() == entries.len());
    if old.is_some_and(|old| old.iter().all(|(name, value)| entries.get(name) == Some(value))) {
        return applied.clone();
    }
    Value::object(entries).with_marks(applied.marks())
}

/// A list of the same items as it was, since its type is part of it; else as a tuple.
fn as_was(applied: &Value, seen: Vec<Value>) -> Value {
    if applied.as_items().is_some_and(|items| *items == *seen) {
        return applied.clone();
    }
    Value::tuple(seen).with_marks(applied.marks())
}

/// What the server leaves out of what it keeps.
fn is_nothing(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => true,
        Kind::Bool(value) => !value,
        Kind::Number(number) => number.is_zero(),
        Kind::String(text) => text.is_empty(),
        _ => value.children().all(is_nothing),
    }
}

/// The text of data in base64; as it is if it is no text.
fn decoded(data: &str) -> Json {
    let bytes = data_encoding::BASE64.decode(data.as_bytes()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Json::from(text.unwrap_or_else(|| data.to_owned()))
}

struct Pair<'a> {
    keys: Map<String, Json>,
    item: &'a Value,
    now: Option<&'a Json>,
}

/// Items with those of the same keys; nothing if an item lacks a key, or two have the same.
fn pair<'a>(keys: &[String], items: &'a [Value], now: &'a [Json]) -> Option<Vec<Pair<'a>>> {
    let mut by_key = BTreeMap::new();
    for now in now {
        by_key.insert(keys_in(keys, |key| now.get(key).cloned())?.1, now);
    }
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for item in items {
        let (keys, text) = keys_in(keys, |key| item.get(key).and_then(scalar_json))?;
        if !taken.insert(text.clone()) {
            return None;
        }
        found.push(Pair { keys, item, now: by_key.get(&text).copied() });
    }
    Some(found)
}

fn keys_in(names: &[String], get: impl Fn(&str) -> Option<Json>) -> Option<(Map<String, Json>, String)> {
    let mut keys = Map::new();
    for name in names {
        let value = get(name).or_else(|| default_of_key(name).map(Json::from))?;
        keys.insert(name.clone(), value);
    }
    let text = Json::Object(keys.clone()).to_string();
    Some((keys, text))
}

fn scalar_json(value: &Value) -> Option<Json> {
    match value.kind() {
        Kind::String(text) => Some(Json::from(&**text)),
        Kind::Number(number) => number.as_i64().map(Json::from),
        Kind::Bool(value) => Some(Json::from(*value)),
        _ => None,
    }
}

/// A manifest in the one form that all ways to write the same object have: for two manifests to be compared.
pub(super) fn canonical(manifest: &Json) -> Json {
    let text = |name| manifest.get(name).and_then(Json::as_str).unwrap_or_default();
    let known = kinds::find(text("apiVersion"), text("kind")).is_some();
    let mut json = super::object::normal(manifest);
    json.as_object_mut().into_iter().for_each(|map| {
        map.shift_remove("status");
    });
    settle(&mut json, &mut Vec::new(), known);
    json
}

/// A place in which two manifests differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The names on the way, positions left out.
    pub(super) names: Vec<String>,
    /// Whether the first manifest says something there.
    pub(super) existed: bool,
}

impl Difference {
    /// As people write it: `spec.replicas`.
    pub(super) fn field(&self) -> String {
        self.names.join(".")
    }
}

/// The places in which two manifests differ, as deep as both have them. What is not known yet differs from nothing.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let text = |name| after.get(name).and_then(Value::as_str).unwrap_or_default();
    let known = kinds::find(text("apiVersion"), text("kind")).is_some();
    let mut found = Vec::new();
    differ((Some(before), Some(after)), &mut Vec::new(), known, &mut found);
    found.dedup();
    found
}

fn differ(
    (before, after): (Option<&Value>, Option<&Value>),
    path: &mut Vec<String>,
    known: bool,
    found: &mut Vec<Difference>,
) {
    let (before, after) = (before.filter(|value| !value.is_null()), after.filter(|value| !value.is_null()));
    if let (Some(before), Some(after)) = (before, after) {
        if let (Some(old), Some(new)) = (before.as_entries(), after.as_entries()) {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                path.push(name.to_string());
                differ((old.get(name), new.get(name)), path, known, found);
                path.pop();
            }
            return;
        }
        if let (Some(old), Some(new)) = (before.as_items(), after.as_items())
            && old.len() == new.len()
            && !(known && matches!(list_kind(path), ListKind::Set | ListKind::Bag))
        {
            old.iter().zip(new).for_each(|(old, new)| differ((Some(old), Some(new)), path, known, found));
            return;
        }
    }
    let settled = |value: Option<&Value>| {
        let mut json = value.map_or(Some(Json::Null), |value| super::object::json_of(value).ok())?;
        settle(&mut json, &mut path.clone(), known);
        Some(json)
    };
    if settled(before).zip(settled(after)).is_some_and(|(before, after)| before != after) {
        found.push(Difference { names: path.clone(), existed: before.is_some() });
    }
}

fn settle(json: &mut Json, path: &mut Vec<String>, known: bool) {
    match json {
        Json::Object(map) => {
            for (name, value) in map.iter_mut() {
                path.push(name.clone());
                settle(value, path, known);
                path.pop();
            }
            map.retain(|_, value| !value.is_null());
            map.sort_keys();
        }
        Json::Array(items) => {
            for item in items.iter_mut() {
                settle(item, path, known);
            }
            if known && matches!(list_kind(path), ListKind::Set | ListKind::Bag) {
                items.sort_by_key(ToString::to_string);
            }
        }
        Json::String(text) if known && is_quantity(path) => {
            if let Some(quantity) = Quantity::parse(text) {
                *json = Json::from(format!("{quantity:?}"));
            }
        }
        Json::Number(number) => {
            let text = number.to_string();
            if let Some(quantity) = Quantity::parse(&text).filter(|_| known && is_quantity(path)) {
                *json = Json::from(format!("{quantity:?}"));
            } else if let Some(number) = Number::parse(&text) {
                *json = Json::from(format!("#{number}"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
