//! What an object will be, and what of it needs a new one.

use super::change::{self, Try};
use super::compare::{Difference, canonical, differences};
use super::kinds::{self, DEFINITION, PLACE};
use super::object::{self, Identity, change_type, is_within, json_of, marked};
use super::{Cluster, NAMESPACE};
use crate::lang::value::{Marks, Path, Type, Value};
use crate::provider::object::{attribute, same, text, with};
use crate::provider::{Order, PlanRequest, Planned, ProviderError};

/// What does not change any more of a `ConfigMap` or Secret that is `immutable`.
const SEALED: [&str; 4] = ["data", "binaryData", "stringData", "immutable"];

/// Plans an object.
///
/// # Errors
/// If an argument cannot be used, or the cluster says that it would not take the object.
pub(super) async fn plan(
    cluster: Option<&Cluster>,
    request: PlanRequest<'_>,
) -> Result<Planned, ProviderError> {
    let wanted = request.wanted;
    object::check(wanted)?;
    let manifest = marked(&attribute(wanted, "manifest"));
    let proposed = with(&request.proposed, [("manifest", manifest.clone()), ("ready", Value::bool(true))]);
    let Some(prior) = request.prior else {
        expect(cluster, &manifest);
        let value = with(&proposed, made(cluster, &manifest));
        if let Some(cluster) = cluster.filter(|_| manifest.is_wholly_known()) {
            change::attempt(cluster, None, &value).await?;
        }
        return Ok(Planned { value, replace: Vec::new() });
    };
    let namespace = cluster.map_or(NAMESPACE, Cluster::namespace);
    let before = attribute(prior, "manifest");
    let value = changed(prior, &proposed, &manifest);
    let mut replace = replaced(&before, &manifest, namespace);
    let is_change = !same(&before, &attribute(&value, "manifest"));
    if let Some(cluster) = cluster.filter(|_| is_change && replace.is_empty() && manifest.is_wholly_known())
        && let Try::Fixed(fields) = change::attempt(cluster, Some(prior), &value).await?
    {
        replace.extend(fields.iter().map(|field| path(field.split(['.', '[']))));
    }
    Ok(Planned { value, replace })
}

/// What is known of a new object beside its manifest. Its namespace is only where its kind is, and its provider connected.
fn made(cluster: Option<&Cluster>, manifest: &Value) -> [(&'static str, Value); 4] {
    let at = cluster.and_then(|cluster| Identity::of(manifest, cluster.namespace()));
    let at = at.filter(|at| kinds::find(&at.api_version, &at.kind).is_some());
    [
        ("id", at.map_or_else(|| Value::unknown_not_null(Type::String), |at| Value::string(at.id()))),
        ("uid", Value::unknown_not_null(Type::String)),
        ("object", Value::unknown(Type::Any)),
        ("outside_changes", Value::list(change_type(), [])),
    ]
}

/// The object after a change: as it was where the manifest says the same in other words.
fn changed(prior: &Value, proposed: &Value, manifest: &Value) -> Value {
    let before = attribute(prior, "manifest");
    let was_ready = attribute(prior, "ready").as_bool() == Some(true);
    let is_same = says_the_same(&before, manifest);
    let manifest = if is_same && !same(&before, manifest) {
        let marks = if manifest.marks_deep().is_sensitive() { Marks::SENSITIVE } else { Marks::NONE };
        marked(&before).marked(marks)
    } else {
        manifest.clone()
    };
    let changes = attribute(prior, "outside_changes");
    let put_back = if is_same { Vec::new() } else { differences(&before, &manifest) };
    let put_back: Vec<_> = put_back.iter().map(Difference::field).collect();
    let stays = |change: &&Value| {
        let field = text(change, "field").map(names);
        field.is_some_and(|field| {
            !put_back.iter().any(|back| is_within(&field, back) || is_within(back, &field))
        })
    };
    let kept: Vec<_> = changes.as_items().unwrap_or_default().iter().filter(stays).cloned().collect();
    let value =
        with(proposed, [("manifest", manifest), ("outside_changes", Value::list(change_type(), kept))]);
    if is_same && was_ready { value } else { with(&value, [("object", Value::unknown(Type::Any))]) }
}

/// A field without what chooses items of lists.
pub(super) fn names(field: &str) -> String {
    let mut names = String::with_capacity(field.len());
    let (mut depth, mut quoted) = (0_u32, false);
    for c in field.chars() {
        match c {
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 => names.push(c),
            _ => {}
        }
    }
    names
}

/// Whether two manifests say the same.
fn says_the_same(before: &Value, manifest: &Value) -> bool {
    if same(before, manifest) {
        return true;
    }
    let json = |value: &Value| value.is_wholly_known().then(|| json_of(value).ok()).flatten();
    json(before)
        .zip(json(manifest))
        .is_some_and(|(before, manifest)| canonical(&before) == canonical(&manifest))
}

/// What changes that an object cannot change: what names it, and what its kind keeps.
fn replaced(before: &Value, manifest: &Value, namespace: &str) -> Vec<Path> {
    let part = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut replace = Vec::new();
    if let Some((old, new)) = Identity::of(before, namespace).zip(Identity::of(manifest, namespace)) {
        let differs = [
            (old.group() != new.group(), "apiVersion"),
            (old.kind != new.kind, "kind"),
            (old.namespace != new.namespace, "metadata.namespace"),
            (old.name != new.name, "metadata.name"),
        ];
        replace.extend(
            differs.into_iter().filter(|(differs, _)| *differs).map(|(_, field)| path(field.split('.'))),
        );
    }
    let (version, kind) = (part(manifest, "apiVersion"), part(manifest, "kind"));
    let known = version.zip(kind).and_then(|(version, kind)| kinds::find(&version, &kind));
    let is_sealed = before.get("immutable").and_then(Value::as_bool) == Some(true);
    for Difference { names, .. } in differences(before, manifest) {
        let steps: Vec<&str> = names.iter().map(String::as_str).collect();
        let first = steps.first().copied().unwrap_or_default();
        let sealed = is_sealed && SEALED.contains(&first);
        if sealed || known.is_some_and(|known| known.fixed(&steps)) {
            replace.push(path(steps.into_iter()));
        }
    }
    replace.sort();
    replace.dedup();
    replace
}

fn path<'a>(names: impl Iterator<Item = &'a str>) -> Path {
    let fit = |name: &&str| !name.is_empty() && !name.contains([']', '=', '"']);
    names.take_while(fit).fold(Path::root().name("manifest"), |path, name| path.name(name))
}

/// What others of this run can count on.
fn expect(cluster: Option<&Cluster>, manifest: &Value) {
    let Some(cluster) = cluster else { return };
    let text = |path: &[&str]| {
        let found = path.iter().try_fold(manifest, |value, name| value.get(name))?;
        found.as_str().map(str::to_owned)
    };
    match text(&["kind"]).as_deref() {
        Some("Namespace") => cluster.expect(of_namespace(&text(&["metadata", "name"]).unwrap_or_default())),
        Some("CustomResourceDefinition") => {
            let name = |path: &[&str]| text(path).unwrap_or_default();
            cluster.expect(of_kind(&name(&["spec", "group"]), &name(&["spec", "names", "kind"])));
        }
        _ => {}
    }
}

/// How a namespace is called among what is expected and ordered.
pub(super) fn of_namespace(name: &str) -> String {
    format!("namespace {name}")
}

/// How a kind is called among what is expected and ordered.
pub(super) fn of_kind(group: &str, kind: &str) -> String {
    format!("kind {group}/{kind}")
}

/// What comes before an object, and after it: in its namespace by what it is; after the definition of its kind.
pub(super) fn order(object: &Value) -> Vec<Order> {
    let manifest = attribute(object, "manifest");
    let known = text(object, "id").and_then(|id| Identity::parse(id, NAMESPACE));
    let Some(at) = known.or_else(|| Identity::of(&manifest, NAMESPACE)) else { return Vec::new() };
    let rank = kinds::rank(&at.api_version, &at.kind);
    let mut orders = Vec::new();
    match (&*at.kind, &at.namespace) {
        ("Namespace", _) => orders.push(Order { among: of_namespace(&at.name), rank: PLACE }),
        ("CustomResourceDefinition", _) => {
            let text = |path: &[&str]| {
                path.iter()
                    .try_fold(&manifest, |value, name| value.get(name))
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let among = of_kind(text(&["spec", "group"]), text(&["spec", "names", "kind"]));
            orders.push(Order { among, rank: DEFINITION });
        }
        (_, Some(namespace)) => orders.push(Order { among: of_namespace(namespace), rank }),
        (_, None) => orders.push(Order { among: "the cluster".to_owned(), rank }),
    }
    if kinds::find(&at.api_version, &at.kind).is_none() {
        orders.push(Order { among: of_kind(at.group(), &at.kind), rank });
    }
    orders
}

#[cfg(test)]
mod tests;
