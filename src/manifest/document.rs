//! One manifest: its names, its places, and its form as written.

use super::yaml::{Exact, Node, NodeKind, exact};
use crate::diag::{SourceId, Span};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The namespace of a manifest that names none.
pub const NAMESPACE_DEFAULT: &str = "ml-inference";

/// A manifest whose shape has been checked. What governs it (metrics, fairness, …) has not: that is the policy's.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub(super) name: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) model_name: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) uri: Arc<str>,
    pub(super) sha256: Option<Arc<str>>,
    /// The whole document; a mapping.
    pub(super) root: Node,
}

impl Manifest {
    /// `metadata.name`, or `spec.model.name` where it is left out. The key in [`Manifests`] and in HCL's `manifest`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`, or [`NAMESPACE_DEFAULT`].
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `spec.model.name`.
    pub fn model_name(&self) -> &str {
        &self.model_name
    }

    /// `spec.model.version`, a semantic version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `spec.model.uri`.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// `spec.model.sha256`: 64 hexadecimal digits in lower case, without `sha256:`.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The file that it stands in.
    pub fn source(&self) -> SourceId {
        self.root.span.source
    }

    /// The place of the whole document.
    pub fn span(&self) -> Span {
        self.root.span
    }

    /// The tree of the document.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The node at a path such as `spec.data_sources[1].source`; nothing if it is not there. A key with a dot is
    /// written in brackets: `metadata.labels["app.kubernetes.io/name"]`.
    pub fn node(&self, path: &str) -> Option<&Node> {
        let mut at = &self.root;
        for step in Steps(path) {
            at = match step {
                Step::Key(key) => at.get(key)?,
                Step::Index(index) => at.items()?.get(index)?,
            };
        }
        Some(at)
    }

    /// The place of a path. Where nothing stands there: the key of the nearest that holds it, and where that is the
    /// document itself, its `kind`. Never fails, so that a rule's path may be anything.
    pub fn span_of(&self, path: &str) -> Span {
        let (mut at, mut key_span, mut whole) = (&self.root, None, true);
        for step in Steps(path) {
            let next = match step {
                Step::Key(key) => at.entry(key).map(|entry| (&entry.value, entry.key_span)),
                Step::Index(index) => {
                    at.items().and_then(|items| items.get(index)).map(|item| (item, item.span))
                }
            };
            let Some((value, span)) = next else {
                whole = false;
                break;
            };
            (at, key_span) = (value, Some(span));
        }
        match key_span {
            Some(key_span) if !whole || is_long(at) => key_span,
            Some(_) => at.span,
            None => self.root.entry("kind").map_or(self.root.span, |kind| kind.key_span.to(kind.value.span)),
        }
    }

    /// The document as JSON, exactly as written, for the policy: a quoted number stays a string, a number that a
    /// double cannot hold becomes a string, so that no rule on numbers can take it for one.
    pub fn as_written(&self) -> Json {
        as_written(&self.root)
    }
}

/// Whether the place of a value is better shown by its key: it goes over lines.
fn is_long(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Mapping(entries) => !entries.is_empty(),
        NodeKind::Sequence(items) => !items.is_empty(),
        _ => false,
    }
}

/// A tree as JSON, exactly as written; see [`Manifest::as_written`].
pub(crate) fn as_written(node: &Node) -> Json {
    match &node.kind {
        NodeKind::Null | NodeKind::Refused => Json::Null,
        NodeKind::Bool(value) => Json::Bool(*value),
        NodeKind::String(text) => Json::String(text.to_string()),
        NodeKind::Number(text) => number_as_written(text),
        NodeKind::Sequence(items) => Json::Array(items.iter().map(as_written).collect()),
        NodeKind::Mapping(entries) => {
            let entries = entries.iter().map(|entry| (entry.key.to_string(), as_written(&entry.value)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}

fn number_as_written(text: &str) -> Json {
    match exact(text) {
        Some(Exact::Integer(whole)) => Json::from(whole),
        Some(Exact::Double(double)) => {
            serde_json::Number::from_f64(double).map_or_else(|| Json::String(text.to_owned()), Json::Number)
        }
        None => Json::String(text.to_owned()),
    }
}

/// One step of a path as rules write it.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The steps of a path. What is not understood becomes a key that nothing has.
struct Steps<'a>(&'a str);

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let rest = self.0.strip_prefix('.').unwrap_or(self.0);
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            return Some(self.bracket(inside));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        self.0 = after;
        Some(Step::Key(key))
    }
}

impl<'a> Steps<'a> {
    fn bracket(&mut self, inside: &'a str) -> Step<'a> {
        let quoted = inside.strip_prefix('"').and_then(|inside| inside.split_once("\"]"));
        let (step, after) = match quoted {
            Some((key, after)) => (Step::Key(key), after),
            None => match inside.split_once(']') {
                Some((index, after)) => (index.parse().map_or(Step::Key(index), Step::Index), after),
                None => (Step::Key(inside), ""),
            },
        };
        self.0 = after;
        step
    }
}

/// Manifests by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifests {
    pub(super) by_name: BTreeMap<Arc<str>, Manifest>,
}

impl Manifests {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// The manifest of a name.
    pub fn get(&self, name: &str) -> Option<&Manifest> {
        self.by_name.get(name)
    }

    /// All, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.by_name.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

impl<'a> IntoIterator for &'a Manifests {
    type Item = &'a Manifest;
    type IntoIter = std::collections::btree_map::Values<'a, Arc<str>, Manifest>;
    fn into_iter(self) -> Self::IntoIter {
        self.by_name.values()
    }
}
