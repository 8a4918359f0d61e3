//! What an expression mentions, spelled as tools that read Terraform's plans know it.
//!
//! Goes in: an expression. Comes out: each reference with the steps that follow it as far as they are literal. Never
//! happens: evaluation.

use super::reference::{Name, Target, names_in, target};
use super::syntax::ast::{Expr, ExprKind, Step};
use super::value::{PathStep, quote};

/// A reference with the steps into its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// What is referred to.
    pub target: Target,
    /// Its spellings, the most exact first: `type.name[0]`, `type.name`.
    subject: Vec<String>,
    /// Steps into its value, as far as they are literal.
    pub steps: Vec<PathStep>,
    /// The same, spelled.
    spelled: Vec<String>,
}

/// All that an expression mentions, in the order in which it is written.
pub fn mentions_in(expr: &Expr) -> Vec<Mention> {
    let mut found = Vec::new();
    names_in(expr, &mut |name| found.extend(mention(name)));
    found
}

/// Whether an expression says a value by itself: it mentions nothing and calls no function.
pub fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_constant),
        ExprKind::Object(items) => items.iter().all(|(key, value)| {
            (matches!(key.kind, ExprKind::Name(_)) || is_constant(key)) && is_constant(value)
        }),
        ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => is_constant(inner),
        ExprKind::Chain { first, rest } => {
            is_constant(first) && rest.iter().all(|(_, operand)| is_constant(operand))
        }
        _ => false,
    }
}

fn mention(name: Name<'_>) -> Option<Mention> {
    let (target, used) = target(name.root, name.steps)?;
    let used = match &target {
        // The output is not part of the name of what has it where the instances are many: `module.m[*].out`.
        Target::Module(_, Some(_)) if matches!(name.steps.get(1), Some(Step::Splat { .. })) => 1,
        Target::Resource(_) if name.steps.get(used).is_some_and(is_literal_key) => used + 1,
        _ => used,
    };
    let mut spelled = name.root.to_string();
    let mut subject = Vec::new();
    for (number, step) in name.steps.iter().take(used).enumerate() {
        let Some((_, text)) = literal(step) else { break };
        // What stands before a key, and before the output of a module, has a name of its own.
        if is_literal_key(step) || matches!(target, Target::Module(..)) && number >= 1 {
            subject.push(spelled.clone());
        }
        spelled.push_str(&text);
    }
    subject.push(spelled);
    subject.reverse();
    let (steps, spelled) = name.steps.iter().skip(used).map_while(literal).unzip();
    Some(Mention { target, subject, steps, spelled })
}

impl Mention {
    /// The whole, then one step less at a time, then what has it: `t.n[0].a.b`, `t.n[0].a`, `t.n[0]`, `t.n`.
    pub fn spellings(&self) -> Vec<String> {
        let Some(subject) = self.subject.first() else { return Vec::new() };
        let longer = (1..=self.spelled.len()).rev().map(|length| {
            let steps = self.spelled.iter().take(length);
            steps.fold(subject.clone(), |spelled, step| spelled + step)
        });
        longer.chain(self.subject.iter().cloned()).collect()
    }
}

fn is_literal_key(step: &Step) -> bool {
    matches!(step, Step::Index(..)) && literal(step).is_some()
}

/// A step that does not depend on anything, and how it is spelled.
fn literal(step: &Step) -> Option<(PathStep, String)> {
    match step {
        Step::Attr(name) => Some((PathStep::Name(name.name.clone()), format!(".{}", name.name))),
        Step::Index(index, _) => match &index.kind {
            ExprKind::String(text) => Some((PathStep::Name(text.clone()), format!("[{}]", quote(text)))),
            ExprKind::Number(number) => {
                let index = usize::try_from(number.as_i64()?).ok()?;
                Some((PathStep::Index(index), format!("[{index}]")))
            }
            _ => None,
        },
        Step::Splat { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::syntax::parse_expression;

    fn parsed(text: &str) -> Expr {
        parse_expression(SourceMap::new().add("x", text), text).unwrap()
    }

    #[test]
    fn references_are_spelled_from_the_whole_to_what_has_it() {
        for (text, spelled) in [
            ("var.a", &["var.a"][..]),
            ("var.a.b", &["var.a.b", "var.a"]),
            ("t.n.out.x", &["t.n.out.x", "t.n.out", "t.n"]),
            ("t.n[0].id", &["t.n[0].id", "t.n[0]", "t.n"]),
            ("t.n[\"k\"].id", &["t.n[\"k\"].id", "t.n[\"k\"]", "t.n"]),
            ("t.n[each.key].id", &["t.n", "each.key"]),
            ("t.n[*].id", &["t.n"]),
            ("data.t.n.id", &["data.t.n.id", "data.t.n"]),
            ("module.m.out", &["module.m.out", "module.m"]),
            (
                "module.m[\"x\"].out.y",
                &["module.m[\"x\"].out.y", "module.m[\"x\"].out", "module.m[\"x\"]", "module.m"],
            ),
            ("[for a in local.l : a.b]", &["local.l"]),
        ] {
            let found: Vec<_> = mentions_in(&parsed(text)).iter().flat_map(Mention::spellings).collect();
            assert_eq!(found, spelled, "{text}");
        }
    }

    #[test]
    fn constants_mention_nothing_and_call_nothing() {
        for (text, constant) in [
            ("[1, \"a\", {b = null}]", true),
            ("1 + 2 * 3", true),
            ("var.a", false),
            ("upper(\"a\")", false),
            ("\"a${1}\"", false),
        ] {
            assert_eq!(is_constant(&parsed(text)), constant, "{text}");
        }
    }
}
