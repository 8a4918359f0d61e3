//! Marks: what must be remembered of a value wherever it goes.

/// A set of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u8);

impl Marks {
    /// None.
    pub const NONE: Self = Self(0);
    /// Shown nowhere in clear.
    pub const SENSITIVE: Self = Self(1);
    /// Kept nowhere: neither in the state nor in a plan.
    pub const EPHEMERAL: Self = Self(2);

    /// Whether all of `other` are in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Without those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it must not be shown.
    pub fn is_sensitive(self) -> bool {
        self.contains(Self::SENSITIVE)
    }
}

impl std::ops::BitOr for Marks {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
