//! Which rule something is of that does not say so.
//!
//! A set has the members of all its definitions, and none of them says which. Where it matters, the definitions are evaluated
//! again, each under a name of its own.
//!
//! Goes in: modules, what comments say of definitions, members of a set. Comes out: names of rules. Never happens: that costs
//! anything where all definitions of a set are of one rule.

use super::check::path_of;
use super::{evaluate, verdict_error};
use crate::policy::annotation::{ASKED, Annotation};
use crate::policy::wire::Fault;
use regorus::unstable::{Module, Ref, Rule, RuleHead};
use regorus::{Engine, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What the names begin with under which definitions are evaluated again.
const PREFIX: &str = "mlo_definition_";

/// One definition of `deny`, `violation` or `warn`.
struct Definition {
    /// The rule that it is of.
    rule: String,
    /// What stands after its name, where it can be evaluated alone.
    rest: Option<String>,
    /// The file that it stands in, by its number among the modules.
    module: usize,
}

/// The definitions of the sets that are asked.
#[derive(Default)]
pub(super) struct Definitions {
    /// By package, such as `model.governance`, and by name.
    by_set: BTreeMap<(String, String), Vec<Definition>>,
    /// Of each module its package and its imports, as text.
    heads: Vec<String>,
}

impl Definitions {
    /// Those of modules.
    pub(super) fn of(modules: &[Ref<Module>], annotations: &[Annotation]) -> Self {
        let mut definitions = Self::default();
        for (number, module) in modules.iter().enumerate() {
            let package = path_of(&module.package.refr).unwrap_or_default().join(".");
            definitions.heads.push(head(module, &package));
            for rule in &module.policy {
                let Rule::Spec { span, head, .. } = rule.as_ref() else { continue };
                let (refr, is_set) = match head {
                    RuleHead::Set { refr, .. } => (refr, true),
                    RuleHead::Compr { refr, .. } => (refr, false),
                    RuleHead::Func { .. } => continue,
                };
                let Some([name]) = path_of(refr).and_then(one) else { continue };
                if !ASKED.contains(&name.as_str()) {
                    continue;
                }
                let (file, line) = (span.source.get_path(), usize::try_from(span.line).unwrap_or(usize::MAX));
                let text = usize::try_from(span.start).ok().zip(usize::try_from(span.end).ok());
                let text = text.and_then(|(start, end)| span.source.get_contents().get(start..end));
                let rest = text.and_then(|text| text.strip_prefix(name.as_str())).filter(|_| is_set);
                let rule = rule_of(annotations, (file, line), (&package, &name));
                let (rest, set) = (rest.map(str::to_owned), (package.clone(), name));
                let definition = Definition { rule, rest, module: number };
                definitions.by_set.entry(set).or_default().push(definition);
            }
        }
        definitions
    }

    /// The rules that members of a set are of, in their order.
    pub(super) fn rules_of(
        &self,
        engine: &Engine,
        (package, set): (&str, &str),
        (members, input): (&[Value], &Value),
    ) -> Result<Vec<String>, Fault> {
        let none = Vec::new();
        let definitions = self.by_set.get(&(package.to_owned(), set.to_owned())).unwrap_or(&none);
        let names: BTreeSet<&str> = definitions.iter().map(|definition| definition.rule.as_str()).collect();
        if members.is_empty() || names.len() <= 1 {
            let name = names.first().copied().unwrap_or(set);
            return Ok(vec![name.to_owned(); members.len()]);
        }
        let found = self.evaluated(engine, (package, definitions), input)?;
        let rule = |member: &Value| {
            let own = found.iter().find(|(_, members)| members.contains(member));
            own.map_or_else(|| set.to_owned(), |(rule, _)| (*rule).to_owned())
        };
        Ok(members.iter().map(rule).collect())
    }

    /// What each definition gives alone.
    fn evaluated<'d>(
        &self,
        engine: &Engine,
        (package, definitions): (&str, &'d [Definition]),
        input: &Value,
    ) -> Result<Vec<(&'d str, BTreeSet<Value>)>, Fault> {
        let mut engine = engine.clone();
        let alone = || definitions.iter().enumerate().filter(|(_, definition)| definition.rest.is_some());
        for (module, head) in self.heads.iter().enumerate() {
            let mut text = head.clone();
            for (number, definition) in alone().filter(|(_, definition)| definition.module == module) {
                let _ =
                    write!(text, "\n{PREFIX}{number}{}\n", definition.rest.as_deref().unwrap_or_default());
            }
            if text.len() > head.len() {
                engine.add_policy(format!("mlo://definitions/{module}"), text).map_err(|error| {
                    Fault::Evaluation {
                        reason: format!("the definitions of `{package}` cannot be told apart: {error:#}"),
                    }
                })?;
            }
        }
        let asked: Vec<_> =
            alone().map(|(number, _)| format!("\"{number}\": data.{package}.{PREFIX}{number}")).collect();
        let answer = evaluate(&mut engine, format!("answer := {{{}}}", asked.join(", ")), input.clone())?;
        let answers = answer.as_object().map_err(|error| verdict_error(&error))?;
        let found = alone().filter_map(|(number, definition)| {
            let members = answers.get(&Value::from(number.to_string()))?.as_set().ok()?;
            Some((definition.rule.as_str(), members.iter().cloned().collect()))
        });
        Ok(found.collect())
    }
}

fn one(path: Vec<String>) -> Option<[String; 1]> {
    path.try_into().ok()
}

/// The package and the imports of a module, as text.
fn head(module: &Module, package: &str) -> String {
    let mut text = format!("package {package}\n");
    for import in &module.imports {
        let Some(path) = path_of(&import.refr) else { continue };
        let alias = import.r#as.as_ref().map(|alias| format!(" as {}", alias.text())).unwrap_or_default();
        let _ = writeln!(text, "import {}{alias}", path.join("."));
    }
    text
}

/// The rule that a definition is of: as the comment above it says, or one about all of its name, or else its name.
fn rule_of(annotations: &[Annotation], (file, line): (&str, usize), (package, name): (&str, &str)) -> String {
    let own = annotations.iter().find(|it| it.file == file && it.line == line);
    let of_all = || {
        annotations
            .iter()
            .find(|it| it.is_about_document && it.is_named && it.package == package && it.head == name)
    };
    own.filter(|it| it.is_named).or_else(of_all).map_or_else(|| name.to_owned(), |it| it.rule.clone())
}
