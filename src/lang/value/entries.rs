//! Parts by name: the attributes of an object, the elements of a map.
//!
//! Goes in: names with values. Comes out: the same in the order of their names. Never happens: a name twice.

use super::Value;
use std::sync::Arc;

/// Values by name, in order.
///
/// Most objects have few attributes and are there by the ten thousand: beside each other these take a third of what the
/// nodes of a tree do, which have room for eleven each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entries(Vec<Entry>);

type Entry = (Arc<str>, Value);

impl Entries {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a name.
    pub fn get(&self, name: &(impl AsRef<str> + ?Sized)) -> Option<&Value> {
        let at = self.find(name.as_ref()).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a name, to be changed.
    pub fn get_mut(&mut self, name: &(impl AsRef<str> + ?Sized)) -> Option<&mut Value> {
        let at = self.find(name.as_ref()).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether a name has a value.
    pub fn contains_key(&self, name: &(impl AsRef<str> + ?Sized)) -> bool {
        self.find(name.as_ref()).is_ok()
    }

    /// Gives a name a value; returns the one that it had. Costs a move of all that come after it: of many, collect.
    pub fn insert(&mut self, name: Arc<str>, value: Value) -> Option<Value> {
        match self.find(&name) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| std::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes a name out; returns the value that it had.
    pub fn remove(&mut self, name: &(impl AsRef<str> + ?Sized)) -> Option<Value> {
        let at = self.find(name.as_ref()).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Names with values.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(pair)
    }

    /// The names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Arc<str>> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(name))
    }
}

fn pair(entry: &Entry) -> (&Arc<str>, &Value) {
    (&entry.0, &entry.1)
}

/// Names with values.
pub(super) type Iter<'a> = std::iter::Map<std::slice::Iter<'a, Entry>, fn(&Entry) -> (&Arc<str>, &Value)>;

/// Of a name that comes twice the last value counts.
impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            // The first of those with one name is kept: it gets the value of each that follows it.
            entries.dedup_by(|later, kept| {
                let is_same = later.0 == kept.0;
                if is_same {
                    std::mem::swap(later, kept);
                }
                is_same
            });
        }
        entries.shrink_to_fit();
        Self(entries)
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a Arc<str>, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn they_are_what_a_map_of_the_same_names_is(
            given in proptest::collection::vec(("[a-d]{1,2}", 0..9_i64), 0..12),
            changes in proptest::collection::vec(("[a-d]{1,2}", proptest::option::of(0..9_i64)), 0..6),
        ) {
            let pairs = || given.iter().map(|(name, value)| (Arc::from(name.as_str()), Value::from(*value)));
            let (mut entries, mut map): (Entries, BTreeMap<Arc<str>, Value>) = (pairs().collect(), pairs().collect());
            for (name, value) in changes {
                let name: Arc<str> = name.into();
                prop_assert_eq!(entries.get(&name), map.get(&name));
                prop_assert_eq!(entries.contains_key(&name), map.contains_key(&name));
                let (was, is) = if let Some(value) = value.map(Value::from) {
                    (entries.insert(name.clone(), value.clone()), map.insert(name, value))
                } else {
                    (entries.remove(&name), map.remove(&name))
                };
                prop_assert_eq!(was, is);
                prop_assert_eq!(entries.len(), map.len());
                prop_assert!(entries.iter().eq(&map));
                prop_assert!(entries.keys().eq(map.keys()) && entries.values().eq(map.values()));
            }
            prop_assert!(entries.into_iter().eq(map));
        }
    }
}
