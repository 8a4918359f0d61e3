//! Of which objects the rules for plans look at the values.
//!
//! Goes in: what the policies say of themselves (`custom.values_of`), and types of objects. Comes out: whether values of a
//! type are handed to the rules. Never happens: rules that say nothing of it are kept from anything; a rule sees, or is asked
//! again for, what its policy says it does not look at.

use super::annotation::matches;

/// The types of objects that are handed to the rules as they are. Of the others they get those that change: address, type and
/// actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Patterns of types, such as `aws_*`; nothing where a policy does not limit itself.
    types: Option<Vec<String>>,
}

impl Sight {
    /// What policies say.
    pub(super) fn of(types: Option<Vec<String>>) -> Self {
        Self { types }
    }

    /// What several policies look at: of each all that one of them does.
    pub(super) fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        let types: Option<Vec<Vec<String>>> = all.into_iter().map(|one| one.types).collect();
        Self { types: types.map(|types| types.concat()) }
    }

    /// Whether the rules get the values of objects of a type.
    pub fn sees(&self, type_name: &str) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|pattern| matches(pattern, type_name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_seen_that_a_pattern_names_and_all_are_where_nothing_is_said() {
        let some = Sight::of(Some(vec!["aws_*".to_owned(), "local_file".to_owned()]));
        for (name, expected) in
            [("aws_s3_bucket", true), ("local_file", true), ("local_files", false), ("terraform_data", false)]
        {
            assert_eq!(some.sees(name), expected, "{name}");
            assert!(Sight::default().sees(name));
            assert!(!Sight::of(Some(Vec::new())).sees(name));
            let other = Sight::of(Some(vec!["local_files".to_owned()]));
            let both = Sight::of_all([some.clone(), other]);
            assert_eq!(both.sees(name), expected || name == "local_files", "{name}");
            assert!(Sight::of_all([some.clone(), Sight::default()]).sees(name));
        }
    }
}
