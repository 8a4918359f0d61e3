//! `environment` blocks: the values and the state of one environment, and who may change it.

use super::arguments::{Arguments, labels, plain_text, twice};
use super::blocks::refuse_references;
use super::settings;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Environment, NamedKey, PolicyLevel, StatePlace};
use crate::lang::syntax::ast::{Block, Expr, ExprKind, Ident};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Levels of a rule, as they are written.
const LEVELS: [(&str, PolicyLevel); 3] = [
    ("mandatory", PolicyLevel::Mandatory),
    ("overridable", PolicyLevel::Overridable),
    ("advisory", PolicyLevel::Advisory),
];

/// The name of the state that is kept without environments; none of these can be called so.
pub const NO_ENVIRONMENT: &str = "default";
/// An approval that counts for less could not be used.
const EXPIRY_MIN: SignedDuration = SignedDuration::from_mins(1);
/// Characters of a name, so that it fits wherever states are kept.
const NAME_CHARS_MAX: usize = 63;

/// Whether an environment can be called this. Its state lies under its name, in a folder or a bucket, which may not tell
/// capital letters from small ones.
pub fn is_environment_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    begins && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain) && name != NO_ENVIRONMENT
}

fn check_name(name: &Ident, diagnostics: &mut Diagnostics) {
    if is_environment_name(&name.name) {
        return;
    }
    let error =
        Diagnostic::error(code::lang::LABELS, format!("an environment cannot be called `{}`", name.name));
    let error = error.at(name.span, "its state is kept under this name");
    diagnostics.push(error.help(format!(
        "use small letters, digits, `_` and `-`, at most {NAME_CHARS_MAX}, and not `{NO_ENVIRONMENT}`: that is the state without environments"
    )));
}

/// Adds an environment to the others of a module.
pub(super) fn insert(
    all: &mut BTreeMap<Arc<str>, Environment>,
    environment: Environment,
    diagnostics: &mut Diagnostics,
) {
    let name = environment.name.name.clone();
    match all.get(&name) {
        Some(first) => {
            diagnostics.push(twice(&format!("environment `{name}`"), environment.span, first.span));
        }
        None => drop(all.insert(name, environment)),
    }
}

/// Decodes `environment "name" { … }`.
pub(super) fn environment(block: &Block, diagnostics: &mut Diagnostics) -> Option<Environment> {
    let [name] = labels(block, ["name"], diagnostics)?;
    check_name(&name, diagnostics);
    let what = format!("environment `{}`", name.name);
    let mut arguments = Arguments::new(what, block.header, &block.body, diagnostics);
    let mut variables = BTreeMap::new();
    for (name, value) in entries(&mut arguments, "variables") {
        refuse_references(&value, "variables", arguments.diagnostics);
        variables.insert(name.name.clone(), (name, value));
    }
    let mut policy = BTreeMap::new();
    for (name, value) in entries(&mut arguments, "policy") {
        policy.extend(level(&value, arguments.diagnostics).map(|level| (name.name, (level, value.span))));
    }
    let mut place: Option<StatePlace> = None;
    for block in arguments.labelled_blocks("state", 1) {
        let Some(found) = settings::state(&block, arguments.diagnostics) else { continue };
        match &place {
            Some(first) => {
                arguments.diagnostics.push(twice("the place of the state", found.span, first.span));
            }
            None => place = Some(found),
        }
    }
    let (authors, approvers) = (keys(&mut arguments, "authors"), keys(&mut arguments, "approvers"));
    let mut flag = |name: &'static str| arguments.bool(name).unwrap_or(false);
    let require_approval = flag("require_approval");
    let (unsigned_approvals, approvals_by_author) = (flag("unsigned_approvals"), flag("approvals_by_author"));
    let approval_expires_after = expiry(&mut arguments);
    arguments.finish();
    Some(Environment {
        name,
        variables,
        state: place,
        policy,
        require_approval,
        authors,
        approvers,
        unsigned_approvals,
        approvals_by_author,
        approval_expires_after,
        span: block.header,
    })
}

/// How long an approval counts.
fn expiry(arguments: &mut Arguments<'_>) -> Option<SignedDuration> {
    let (text, span) = arguments.text("approval_expires_after")?;
    let time = text.parse::<SignedDuration>().ok().filter(|time| *time >= EXPIRY_MIN);
    if time.is_none() {
        let error = Diagnostic::error(
            code::lang::BAD_ARGUMENT,
            "`approval_expires_after` must be a time of a minute or more",
        );
        let error = error.at(span, "expected a time such as `\"24h\"` or `\"1h 30m\"`");
        arguments.diagnostics.push(error);
    }
    time
}

/// Public keys by the names of whose they are.
fn keys(arguments: &mut Arguments<'_>, argument: &'static str) -> BTreeMap<Arc<str>, NamedKey> {
    let mut keys = BTreeMap::new();
    for (name, value) in entries(arguments, argument) {
        if let Some(text) = plain_text(&value) {
            keys.insert(name.name, (text, value.span));
        } else {
            let error =
                Diagnostic::error(code::lang::BAD_ARGUMENT, "a key must be a quoted text without `${…}`");
            arguments.diagnostics.push(error.at(value.span, "expected `\"ssh-ed25519 …\"`"));
        }
    }
    keys
}

/// The entries of an argument that is an object with plain names.
fn entries(arguments: &mut Arguments<'_>, argument: &'static str) -> Vec<(Ident, Expr)> {
    let Some(value) = arguments.literal(argument) else { return Vec::new() };
    let ExprKind::Object(items) = value.kind else {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, format!("`{argument}` must be an object"))
            .at(value.span, "expected `{ name = value }`");
        arguments.diagnostics.push(error);
        return Vec::new();
    };
    let mut entries: Vec<(Ident, Expr)> = Vec::with_capacity(items.len());
    let mut seen: BTreeMap<Arc<str>, Span> = BTreeMap::new();
    for (key, value) in items {
        let (ExprKind::Name(name) | ExprKind::String(name)) = key.kind else {
            let error =
                Diagnostic::error(code::lang::BAD_ARGUMENT, format!("a name in `{argument}` is computed"))
                    .at(key.span, "expected a plain name");
            arguments.diagnostics.push(error);
            continue;
        };
        if let Some(first) = seen.insert(name.clone(), key.span) {
            arguments.diagnostics.push(twice(&format!("`{name}`"), key.span, first));
        }
        entries.push((Ident { name, span: key.span }, value));
    }
    entries
}

fn level(value: &Expr, diagnostics: &mut Diagnostics) -> Option<PolicyLevel> {
    let text = plain_text(value);
    let word = text.as_deref().unwrap_or_default();
    let found = LEVELS.iter().find(|(name, _)| *name == word).map(|(_, level)| *level);
    if found.is_none() {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "not a level of a rule")
            .at(value.span, "expected `\"mandatory\"`, `\"overridable\"` or `\"advisory\"`")
            .did_you_mean(word, LEVELS.map(|(name, _)| name));
        diagnostics.push(error);
    }
    found
}
