//! Files of data to one document.

use super::unreadable;
use crate::diag::SourceMap;
use crate::manifest::{as_written, yaml};
use crate::policy::PolicyError;
use serde_json::{Map, Value as Json};

/// A document that says nothing.
pub(super) fn nothing() -> Json {
    Json::Object(Map::new())
}

/// `value` under the keys of a folder such as `team/rules`.
pub(super) fn nest(folder: &str, value: Json) -> Json {
    folder
        .rsplit('/')
        .filter(|key| !key.is_empty())
        .fold(value, |inner, key| Json::Object(Map::from_iter([(key.to_owned(), inner)])))
}

/// Puts `from` into `into`. Two files that say different things of one key contradict each other.
pub(super) fn merge(into: &mut Json, from: Json, file: &str) -> Result<(), PolicyError> {
    match add(into, from, &mut Vec::new()) {
        None => Ok(()),
        Some(_) => {
            Err(unreadable(file, &"another data file of the bundle says something else of the same key"))
        }
    }
}

/// Two values of one key.
pub(super) struct Contradiction {
    /// `mlo.thresholds.dev.accuracy`
    pub(super) path: String,
    pub(super) one: Json,
    pub(super) other: Json,
}

/// Puts `from` into `into`, up to the first key of which both say something else. `at` holds the keys above.
pub(super) fn add(into: &mut Json, from: Json, at: &mut Vec<String>) -> Option<Contradiction> {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                let Some(there) = into.get_mut(&key) else {
                    into.insert(key, value);
                    continue;
                };
                at.push(key);
                let found = add(there, value, at);
                if found.is_some() {
                    return found;
                }
                at.pop();
            }
            None
        }
        (there, value) if *there == value => None,
        (there, value) => Some(Contradiction { path: at.join("."), one: there.clone(), other: value }),
    }
}

/// A data file as JSON. YAML is read as manifests are: a key that is there twice is an error.
pub(super) fn read(name: &str, text: &str) -> Result<Json, PolicyError> {
    let mut sources = SourceMap::new();
    let source = sources.add(name, text);
    let parsed = yaml::parse(text, source);
    let problems = parsed.documents.iter().flat_map(|document| &document.problems);
    if let Some(problem) = parsed.stopped.iter().chain(problems).next() {
        let line = problem.labels.first().map(|label| sources.get(source).position(label.span.start).line);
        let reason = match line {
            Some(line) => format!("line {line}: {}", problem.summary),
            None => problem.summary.clone(),
        };
        return Err(unreadable(name, &reason));
    }
    let value = match parsed.documents.as_slice() {
        [] => nothing(),
        [document] => as_written(&document.root),
        _ => return Err(unreadable(name, &"it holds more than one document")),
    };
    match value {
        Json::Null => Ok(nothing()),
        Json::Object(_) => Ok(value),
        _ => Err(unreadable(name, &"data must be a map")),
    }
}
