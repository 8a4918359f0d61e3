//! What `# METADATA` comments say of rules. OPA reads them too; the engine does not.
//!
//! Goes in: the texts of policies. Comes out: the level of each rule that says one, and of which types of objects a policy
//! looks at the values. Never happens: a level that is misspelt counts as a weaker one, or a limit where one is missing.

use super::Level;
use super::wire::Fault;
use crate::diag::SourceMap;
use crate::manifest::{as_written, yaml};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Rule to level, as `custom.rule` and `custom.level` say them. Of two levels of one rule the stricter counts.
pub(super) fn levels(rules: &BTreeMap<String, String>) -> Result<BTreeMap<String, Level>, Fault> {
    let mut levels = BTreeMap::new();
    for (file, text) in rules {
        for (line, block) in blocks(text) {
            let refuse = |reason: &str| Fault::Refused {
                file: file.clone(),
                line,
                column: 1,
                reason: reason.to_owned(),
            };
            let Some(annotation) = read(&block) else { return Err(refuse("what METADATA says is not YAML")) };
            let custom = annotation.get("custom");
            let said =
                |name: &str| custom.and_then(|custom| custom.get(name)).filter(|value| !value.is_null());
            let (Some(Json::String(rule)), Some(level)) = (said("rule"), said("level")) else { continue };
            let Some(level) = level.as_str().and_then(Level::of) else {
                return Err(refuse("a level is mandatory, overridable or advisory"));
            };
            let there = levels.entry(rule.clone()).or_insert(level);
            *there = level.min(*there);
        }
    }
    Ok(levels)
}

/// Patterns of the types of objects whose values these files look at, as `custom.values_of` of their packages says; nothing
/// if one of them does not say it: it may look at any.
pub(super) fn values_of<'t>(
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Result<Option<Vec<String>>, Fault> {
    let mut types = Some(Vec::new());
    for (file, text) in files {
        let said = values_of_file(file, text)?;
        types = types.zip(said).map(|(types, said)| [types, said].concat());
    }
    Ok(types)
}

fn values_of_file(file: &str, text: &str) -> Result<Option<Vec<String>>, Fault> {
    for (line, block) in blocks(text) {
        let refuse = |reason: &str| Fault::Refused {
            file: file.to_owned(),
            line,
            column: 1,
            reason: reason.to_owned(),
        };
        let annotation = read(&block).unwrap_or_default();
        let Some(said) = annotation.pointer("/custom/values_of").filter(|said| !said.is_null()) else {
            continue;
        };
        if annotation.get("scope").and_then(Json::as_str) != Some("package") {
            return Err(refuse("`values_of` is said of a package: write `scope: package`"));
        }
        let types = said.as_array().map(|types| types.iter().map(Json::as_str).collect::<Option<Vec<_>>>());
        return match types.flatten() {
            Some(types) => Ok(Some(types.into_iter().map(str::to_owned).collect())),
            None => Err(refuse("`values_of` is a list of types of objects, such as `aws_*`")),
        };
    }
    Ok(None)
}

/// The comments that begin with `# METADATA`, each with its line, from 1, and its text without `#`.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let comment = line.strip_prefix('#').map(str::trim_end);
        match (comment, blocks.last_mut()) {
            (Some(" METADATA"), _) => {
                blocks.push((index + 1, String::new()));
                open = true;
            }
            (Some(comment), Some((_, block))) if open => {
                block.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                block.push('\n');
            }
            _ => open = false,
        }
    }
    blocks
}

fn read(block: &str) -> Option<Json> {
    let mut sources = SourceMap::new();
    let source = sources.add("METADATA", block);
    let parsed = yaml::parse(block, source);
    let is_sound = parsed.stopped.is_none() && parsed.documents.iter().all(|each| each.problems.is_empty());
    match parsed.documents.as_slice() {
        [] if is_sound => Some(Json::Null),
        [document] if is_sound => Some(as_written(&document.root)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<BTreeMap<String, Level>, String> {
        levels(&[("a.rego".to_owned(), text.to_owned())].into()).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn a_level_is_read_where_one_is_said_and_the_stricter_counts() {
        let text = "# METADATA\n# title: A\n# custom:\n#   rule: a\n#   level: advisory\nx := 1\n\n# a comment\n\
                    # METADATA\n# custom:\n#   rule: b\n\n# METADATA\n# custom: { rule: c, level: advisory }\n\n\
                    # METADATA\n# custom: { rule: c, level: overridable }\n";
        let expected = [("a".to_owned(), Level::Advisory), ("c".to_owned(), Level::Overridable)];
        assert_eq!(of(text), Ok(expected.into()));
        assert_eq!(of(""), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_is_misspelt_is_refused_with_its_line() {
        for text in ["# METADATA\n# custom: { rule: a, level: advisery }\n", "# METADATA\n# custom: [\n"] {
            let said = of(&format!("package p\n\n{text}")).unwrap_err();
            assert!(said.contains("line: 3"), "{said}");
        }
    }

    #[test]
    fn files_look_at_the_types_that_each_of_them_names_and_at_all_if_one_names_none() {
        let said = |texts: &[&str]| values_of(texts.iter().map(|text| ("a.rego", *text)));
        let file = |types: &str| {
            format!("# METADATA\n# scope: package\n# custom:\n#   values_of: {types}\npackage p\n")
        };
        let (one, two) = (file("[\"aws_*\", b]"), file("[c]"));
        let named = |types: &[&str]| Some(types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(said(&[&one, &two]).unwrap(), named(&["aws_*", "b", "c"]));
        assert_eq!(said(&[&file("[]")]).unwrap(), named(&[]));
        assert_eq!(said(&[&one, "package p\n", &two]).unwrap(), None);
        for wrong in [file("aws_*"), file("[1]"), one.replace("package\n# custom", "rule\n# custom")] {
            let fault = format!("{:?}", said(&[&wrong]).unwrap_err());
            assert!(fault.contains("values_of") && fault.contains("line: 1"), "{fault}");
        }
    }
}
