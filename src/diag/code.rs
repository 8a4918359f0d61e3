//! The stable codes of messages and what `mlo explain` says of each. One file per area, so that a new code has one room.

/// Declares the codes of an area: a constant each, and `ALL` of them in order.
macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal, $explanation:literal;)+) => {
        use super::Code;
        $(#[doc = $title] pub const $name: Code = Code { id: $id, title: $title, explanation: $explanation };)+
        pub(super) const ALL: &[Code] = &[$($name),+];
    };
}

pub mod engine;
pub mod lang;
pub mod manifest;
pub mod policy;
pub mod provider;
pub mod state;

/// A kind of message. Codes never change their meaning and are never used again for another.
#[derive(Clone, Copy)]
pub struct Code {
    /// `MLO` and four digits.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What it means and how to mend it, in sentences.
    pub explanation: &'static str,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
impl Eq for Code {}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Code {
    /// All codes, in order of their numbers.
    pub fn all() -> impl Iterator<Item = &'static Code> {
        [lang::ALL, manifest::ALL, engine::ALL, provider::ALL, policy::ALL, state::ALL].into_iter().flatten()
    }

    /// The code of an id such as `MLO1001`; letters may be small.
    pub fn find(id: &str) -> Option<&'static Code> {
        Self::all().find(|code| code.id.eq_ignore_ascii_case(id))
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_unique_ascending_and_explained() {
        let all: Vec<_> = Code::all().collect();
        for pair in all.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} comes before {}", pair[0].id, pair[1].id);
        }
        for code in all {
            assert!(code.id.len() == 7 && code.id.starts_with("MLO"), "{}", code.id);
            assert!(
                code.explanation.len() > 40 && code.explanation.ends_with('.'),
                "{} is explained",
                code.id
            );
            assert_eq!(Code::find(&code.id.to_lowercase()), Some(code));
        }
    }
}
