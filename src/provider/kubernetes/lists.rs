//! What is read in a run: one list for each kind and namespace, whoever asks for how many objects of it.
//!
//! Never happens: an answer that is older than a change of ours, or than [`FRESH`].

use super::client::Api;
use super::object::Identity;
use super::status::Failure;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How old a list may be: a plan and its apply ask within this time, a person who thinks about a plan does not.
const FRESH: Duration = Duration::from_secs(20);

/// API version, kind and namespace.
type Key = (String, String, Option<String>);

/// Objects by their names.
type Named = HashMap<String, Arc<Json>>;

/// Objects of one kind in one namespace.
#[derive(Default)]
struct List {
    /// As the cluster had them, and when it was asked.
    objects: OnceCell<(Instant, Named)>,
    /// What became of them by changes of ours; nothing for what is gone.
    changed: Mutex<HashMap<String, Option<Arc<Json>>>>,
}

/// Lists of a run.
#[derive(Default)]
pub(super) struct Lists {
    lists: Mutex<HashMap<Key, Arc<List>>>,
}

fn key(at: &Identity) -> Key {
    (at.api_version.clone(), at.kind.clone(), at.namespace.clone())
}

impl Lists {
    /// An object as the list of its kind and namespace has it; nothing if it is not there. Whoever may not list is asked
    /// for the object alone.
    pub(super) async fn get(&self, api: &Api, at: &Identity) -> Result<Option<Arc<Json>>, Failure> {
        let list = self.list(at);
        if let Some(changed) = locked(&list.changed).get(&at.name) {
            return Ok(changed.clone());
        }
        let asked = list.objects.get_or_try_init(|| async {
            let begun = Instant::now();
            let items = api.list(at, "").await?;
            let named = items.into_iter().filter_map(|item| {
                let name = item.pointer("/metadata/name").and_then(Json::as_str)?.to_owned();
                Some((name, Arc::new(item)))
            });
            Ok((begun, named.collect()))
        });
        match asked.await {
            Ok((_, objects)) => Ok(objects.get(&at.name).cloned()),
            Err(Failure::Refused(refusal)) if refusal.code == 403 => Ok(api.get(at).await?.map(Arc::new)),
            Err(failure) => Err(failure),
        }
    }

    /// What became of an object by a change of ours.
    pub(super) fn note(&self, at: &Identity, now: Option<&Json>) {
        let list = self.list(at);
        locked(&list.changed).insert(at.name.clone(), now.map(|now| Arc::new(now.clone())));
    }

    fn list(&self, at: &Identity) -> Arc<List> {
        let mut lists = locked(&self.lists);
        let list = lists.entry(key(at)).or_default();
        if list.objects.get().is_some_and(|(begun, _)| begun.elapsed() > FRESH) {
            *list = Arc::default();
        }
        Arc::clone(list)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
