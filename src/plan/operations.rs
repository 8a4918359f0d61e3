//! The operations of a plan.
//!
//! Goes in: operations, where they were made. Comes out: the same in an order. Never happens: one is moved, which of ten
//! thousand would take their memory once more.

use super::Operation;

/// Operations in an order.
#[derive(Debug, Clone, Default)]
#[expect(clippy::vec_box, reason = "they stay where they are")]
pub struct Operations(Vec<Box<Operation>>);

impl Operations {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of a number.
    pub fn get(&self, number: usize) -> Option<&Operation> {
        self.0.get(number).map(Box::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(Box::as_ref)
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Operation> {
        self.0.iter_mut().map(Box::as_mut)
    }

    /// In the order of their addresses, what was set aside after the object that is there.
    pub(super) fn sort(&mut self) {
        self.0.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    }
}

/// Operations, one after the other.
pub(super) type Iter<'a> =
    std::iter::Map<std::slice::Iter<'a, Box<Operation>>, fn(&Box<Operation>) -> &Operation>;

impl<'a> IntoIterator for &'a Operations {
    type Item = &'a Operation;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Box<Operation>> for Operations {
    fn from_iter<I: IntoIterator<Item = Box<Operation>>>(operations: I) -> Self {
        Self(operations.into_iter().collect())
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().map(Box::new).collect()
    }
}

impl Extend<Operation> for Operations {
    fn extend<I: IntoIterator<Item = Operation>>(&mut self, operations: I) {
        self.0.extend(operations.into_iter().map(Box::new));
    }
}

#[cfg(test)]
impl std::ops::Index<usize> for Operations {
    type Output = Operation;

    fn index(&self, number: usize) -> &Operation {
        self.get(number).expect("there is one of that number")
    }
}

#[cfg(test)]
impl std::ops::IndexMut<usize> for Operations {
    fn index_mut(&mut self, number: usize) -> &mut Operation {
        self.0.get_mut(number).expect("there is one of that number")
    }
}
