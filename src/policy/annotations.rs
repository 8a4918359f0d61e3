//! What `# METADATA` comments say of rules. OPA reads them too; the engine does not.
//!
//! Goes in: the texts of policies. Comes out: for each comment, what it says of the rule below it; and of which types of
//! objects a policy looks at the values. Never happens: something that is misspelt counts as if it were not there, such as a
//! level as a weaker one, or a limit where one is missing.

use super::bundle::package_of;
use super::wire::Fault;
use super::{Annotation, Level};
use crate::diag::SourceMap;
use crate::manifest::{as_written, yaml};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What all comments say, in the order of files and lines.
pub(super) fn annotations(rules: &BTreeMap<String, String>) -> Result<Vec<Annotation>, Fault> {
    let mut found = Vec::new();
    for (file, text) in rules {
        let package = package_of(text).unwrap_or_default().join(".");
        for block in blocks(text) {
            let Some(said) = read(&block.text) else {
                return Err(block.refused(file, "what METADATA says is not YAML"));
            };
            // Of a whole package nothing is asked of.
            let Some((head, line)) = &block.head else { continue };
            let about = Said(&said).annotation(head).map_err(|reason| block.refused(file, &reason))?;
            let (file, package) = (file.clone(), package.clone());
            found.push(Annotation { package, file, line: *line, ..about });
        }
    }
    Ok(found)
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
    for block in blocks(text) {
        let annotation = read(&block.text).unwrap_or_default();
        let Some(said) = annotation.pointer("/custom/values_of").filter(|said| !said.is_null()) else {
            continue;
        };
        if annotation.get("scope").and_then(Json::as_str) != Some("package") {
            return Err(block.refused(file, "`values_of` is said of a package: write `scope: package`"));
        }
        let types = said.as_array().map(|types| types.iter().map(Json::as_str).collect::<Option<Vec<_>>>());
        return match types.flatten() {
            Some(types) => Ok(Some(types.into_iter().map(str::to_owned).collect())),
            None => Err(block.refused(file, "`values_of` is a list of types of objects, such as `aws_*`")),
        };
    }
    Ok(None)
}

/// Rule to level, as comments say them. Of two levels of one rule the stricter counts.
pub(super) fn levels(annotations: &[Annotation]) -> BTreeMap<String, Level> {
    let mut levels = BTreeMap::new();
    for Annotation { rule, level, .. } in annotations {
        let Some(level) = *level else { continue };
        let there = levels.entry(rule.clone()).or_insert(level);
        *there = level.min(*there);
    }
    levels
}

/// A comment that begins with `# METADATA`.
struct Block {
    /// Where it begins, from 1.
    line: usize,
    /// Without `#`.
    text: String,
    /// The name of the rule below it, and its line; nothing if something else stands there.
    head: Option<(String, usize)>,
}

impl Block {
    /// That something of it, in this file, is not as it must be.
    fn refused(&self, file: &str, reason: &str) -> Fault {
        Fault::Refused { file: file.to_owned(), line: self.line, column: 1, reason: reason.to_owned() }
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    // Whether the last one goes on, and whether what it is about is still to come.
    let (mut open, mut waits) = (false, false);
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix('#').map(str::trim_end), blocks.last_mut()) {
            (Some(" METADATA"), _) => {
                blocks.push(Block { line: index + 1, text: String::new(), head: None });
                (open, waits) = (true, true);
            }
            (Some(comment), Some(block)) if open => {
                block.text.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                block.text.push('\n');
            }
            (None, Some(block)) if waits && !line.trim().is_empty() => {
                block.head = head_of(line).map(|name| (name.to_owned(), index + 1));
                (open, waits) = (false, false);
            }
            _ => open = false,
        }
    }
    blocks
}

/// The name of a rule that begins on a line.
fn head_of(line: &str) -> Option<&str> {
    let line = line.strip_prefix("default ").unwrap_or(line);
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
    line.get(..end).filter(|name| !matches!(*name, "" | "package" | "import"))
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

/// What a comment says.
struct Said<'a>(&'a Json);

impl Said<'_> {
    /// What it says of the rule `head`; a reason in words if something of it is not of its type.
    fn annotation(&self, head: &str) -> Result<Annotation, String> {
        let rule = self.text("rule")?;
        let level = match self.custom("level") {
            None => None,
            Some(said) => Some(
                said.as_str()
                    .and_then(Level::of)
                    .ok_or_else(|| "a level is mandatory, overridable or advisory".to_owned())?,
            ),
        };
        let top = |name: &str| self.0.get(name).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
        let docs = self.text("docs")?.or_else(|| self.first_resource()).unwrap_or_default();
        Ok(Annotation {
            is_named: rule.is_some(),
            is_about_document: self.0.get("scope").and_then(Json::as_str) == Some("document"),
            rule: rule.unwrap_or_else(|| head.to_owned()),
            head: head.to_owned(),
            title: top("title"),
            description: top("description").split_whitespace().collect::<Vec<_>>().join(" "),
            level,
            docs,
            actions: self.list("actions")?.unwrap_or_default(),
            reads: self.list("reads")?,
            settings: self.list("settings")?.unwrap_or_default(),
            package: String::new(),
            file: String::new(),
            line: 0,
        })
    }

    fn custom(&self, name: &str) -> Option<&Json> {
        self.0.get("custom")?.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.custom(name) {
            None => Ok(None),
            Some(Json::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(format!("`custom.{name}` must be a string")),
        }
    }

    fn list(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(said) = self.custom(name) else { return Ok(None) };
        let texts = said.as_array().map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
        let texts: Option<Vec<_>> = texts.and_then(Iterator::collect);
        texts.map(Some).ok_or_else(|| format!("`custom.{name}` must be a list of strings"))
    }

    /// The first of what OPA calls related resources: an address, or a map with one.
    fn first_resource(&self) -> Option<String> {
        let first = self.0.get("related_resources")?.get(0)?;
        first.as_str().or_else(|| first.get("ref")?.as_str()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Annotation>, String> {
        annotations(&[("a.rego".to_owned(), text.to_owned())].into()).map_err(|fault| format!("{fault:?}"))
    }

    #[test]
    fn a_level_is_read_where_one_is_said_and_the_stricter_counts() {
        let text = "# METADATA\n# title: A\n# custom:\n#   rule: a\n#   level: advisory\nx := 1\n\n# a comment\n\
                    # METADATA\n# custom:\n#   rule: b\n\n# METADATA\n# custom: { rule: c, level: advisory }\nx := 1\n\
                    # METADATA\n# custom: { rule: c, level: overridable }\nx := 1\n";
        let expected = [("a".to_owned(), Level::Advisory), ("c".to_owned(), Level::Overridable)];
        assert_eq!(of(text).map(|found| levels(&found)), Ok(expected.into()));
        assert_eq!(of(""), Ok(Vec::new()));
    }

    #[test]
    fn a_comment_is_about_the_rule_below_it_and_names_it_or_not() {
        let text = "# METADATA\n# title: All\n# scope: package\npackage a.b # it\n\nimport data.x\n\n# METADATA\n# title: T\n# \
                    description: |\n#   Two\n#   lines.\n# related_resources:\n# - ref: https://example.com/r\n# custom:\n#   \
                    actions: [do, it]\n#   reads: [\"x.*\"]\ndeny contains \"x\" if true\n\n# METADATA\n# scope: document\n\n# \
                    between\ndefault allow := false\n\n# METADATA\n# custom: { rule: named }\nviolation contains v if some v in \
                    problem\n";
        let found = of(text).unwrap();
        let told: Vec<_> = found.iter().map(|it| (&*it.rule, &*it.head, it.line, it.is_named)).collect();
        assert_eq!(
            told,
            [("deny", "deny", 18, false), ("allow", "allow", 24, false), ("named", "violation", 28, true)]
        );
        let [deny, allow, _] = &found[..] else { panic!("three") };
        assert_eq!((&*deny.package, &*deny.file), ("a.b", "a.rego"));
        assert_eq!((&*deny.title, &*deny.description), ("T", "Two lines."));
        assert_eq!(
            (&*deny.docs, &deny.actions[..]),
            ("https://example.com/r", &["do".into(), "it".into()][..])
        );
        assert_eq!(deny.reads.as_deref(), Some(&["x.*".to_owned()][..]));
        assert!(allow.is_about_document && !deny.is_about_document);
    }

    #[test]
    fn the_package_is_that_of_the_first_statement_however_it_is_written() {
        for head in ["package a.b", "# package c\n# or\npackage\ta[\"b\"]", "package # of ours\n a.b"] {
            let found =
                of(&format!("{head}\n\n# METADATA\n# title: T\ndeny contains \"package c\" if true\n"))
                    .unwrap();
            assert_eq!(found.first().map(|it| it.package.as_str()), Some("a.b"), "{head}");
        }
    }

    #[test]
    fn what_is_misspelt_is_refused_with_its_line() {
        for (said, expected) in [
            ("{ rule: a, level: advisery }", "a level is mandatory"),
            ("[", "not YAML"),
            ("{ rule: 1 }", "`custom.rule` must be a string"),
            ("{ rule: a, reads: x }", "`custom.reads` must be a list of strings"),
            ("{ rule: a, actions: [1] }", "`custom.actions` must be a list of strings"),
        ] {
            let said = of(&format!("package p\n\n# METADATA\n# custom: {said}\ndeny contains \"x\"\n"));
            let said = said.unwrap_err();
            assert!(said.contains("line: 3") && said.contains(expected), "{said}");
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
