//! `mlo` and `terraform` blocks.

use super::arguments::{Arguments, labels, plain_text, twice};
use super::blocks::refuse_references;
use super::version::{self, Constraint, Version};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Encryption, EncryptionKey, PolicyBundle, RequiredProvider, Settings, StatePlace};
use crate::lang::syntax::ast::{Attribute, Block, Expr, ExprKind, Step};
use crate::lang::syntax::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Kinds of keys and their arguments.
const KEYS: [(&str, &[&str]); 3] = [
    ("passphrase", &["passphrase"]),
    ("age", &["recipients", "identities"]),
    ("aws_kms", &["kms_key_id", "region", "profile", "role_arn", "endpoint"]),
];
/// Arguments of an entry of `required_providers`.
const PROVIDER_ARGUMENTS: [&str; 3] = ["source", "version", "configuration_aliases"];

/// Decodes `mlo { … }` or `terraform { … }` into the settings of the module. `program` is the program's version.
pub(super) fn settings(block: &Block, program: &str, settings: &mut Settings, diagnostics: &mut Diagnostics) {
    if labels(block, [], diagnostics).is_none() {
        return;
    }
    let kind = &block.kind.name;
    let mut arguments = Arguments::new(format!("block `{kind}`"), block.header, &block.body, diagnostics);
    if let Some((text, span)) = arguments.text("required_version") {
        match Constraint::parse(&text) {
            // A constraint on Terraform's version says nothing of ours.
            Ok(constraint) if kind.as_ref() == "mlo" => {
                check_version(&constraint, &text, span, program, arguments.diagnostics);
            }
            Ok(_) => {}
            Err(error) => arguments.diagnostics.push(version::diagnostic(&error, span)),
        }
    }
    for providers in arguments.blocks("required_providers") {
        required_providers(&providers, &mut settings.required_providers, arguments.diagnostics);
    }
    for meta in arguments.labelled_blocks("provider_meta", 1) {
        provider_meta(&meta, arguments.diagnostics);
    }
    let places = [arguments.labelled_blocks("state", 1), arguments.labelled_blocks("backend", 1)].concat();
    for block in places {
        let Some(place) = state(&block, arguments.diagnostics) else { continue };
        match &settings.state {
            Some(first) => {
                arguments.diagnostics.push(twice("the place of the state", place.span, first.span));
            }
            None => settings.state = Some(place),
        }
    }
    for block in arguments.blocks("encryption") {
        let Some(found) = encryption(&block, arguments.diagnostics) else { continue };
        match &settings.encryption {
            Some(first) => {
                arguments.diagnostics.push(twice("block `encryption`", found.span, first.span));
            }
            None => settings.encryption = Some(found),
        }
    }
    // What is for programs that Terraform reads too names no policies of ours.
    let policies = if kind.as_ref() == "mlo" { arguments.labelled_blocks("policy", 1) } else { Vec::new() };
    for block in policies {
        let Some(found) = policy(&block, arguments.diagnostics) else { continue };
        if let Some(first) = settings.policies.iter().find(|first| first.name.name == found.name.name) {
            let what = format!("policy `{}`", found.name.name);
            arguments.diagnostics.push(twice(&what, found.span, first.span));
        }
        settings.policies.push(found);
    }
    arguments.finish();
}

/// `policy "name" { source = "…" }`: read before anything is evaluated.
fn policy(block: &Block, diagnostics: &mut Diagnostics) -> Option<PolicyBundle> {
    let [name] = labels(block, ["name"], diagnostics)?;
    let what = format!("policy `{}`", name.name);
    let mut arguments = Arguments::new(what.clone(), block.header, &block.body, diagnostics);
    let (source, key) = (arguments.text("source"), arguments.text("key"));
    let has_source = block.body.attributes().any(|attribute| attribute.name.name.as_ref() == "source");
    arguments.finish();
    if !has_source {
        let error = Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("{what} has no `source`"))
            .at(block.header, "`source = …` is missing in this block");
        diagnostics.push(error);
    }
    let inside = |(path, span): &(Arc<str>, Span)| {
        let leads_out = path.starts_with('/') || path.split('/').any(|part| part == "..");
        leads_out.then_some(*span)
    };
    let is_path = |(path, _): &&(Arc<str>, Span)| !path.contains("://") && !path.contains("::");
    for span in source.iter().filter(is_path).chain(&key).filter_map(inside) {
        let error =
            Diagnostic::error(code::lang::OUTSIDE, format!("{what} names what lies outside of the project"));
        diagnostics.push(
            error.at(span, "").help(
                "keep it in the project, or name a repository or an address; `--policies` takes any path",
            ),
        );
    }
    Some(PolicyBundle { name, source: source?, key, span: block.header })
}

/// `encryption { key "kind" "name" { … } }`
fn encryption(block: &Block, diagnostics: &mut Diagnostics) -> Option<Encryption> {
    labels(block, [], diagnostics)?;
    let mut arguments =
        Arguments::new("block `encryption`".to_owned(), block.header, &block.body, diagnostics);
    let enforced = arguments.bool("enforced").unwrap_or(false);
    let mut keys: Vec<EncryptionKey> = Vec::new();
    for block in arguments.labelled_blocks("key", 2) {
        let Some(key) = encryption_key(&block, arguments.diagnostics) else { continue };
        let same =
            |other: &&EncryptionKey| other.kind.name == key.kind.name && other.name.name == key.name.name;
        if let Some(first) = keys.iter().find(same) {
            let what = format!("key `{}.{}`", key.kind.name, key.name.name);
            arguments.diagnostics.push(twice(&what, key.span, first.span));
        }
        keys.push(key);
    }
    arguments.finish();
    if keys.is_empty() && !diagnostics.has_errors() {
        let error = Diagnostic::error(code::lang::MISSING_ARGUMENT, "block `encryption` has no key")
            .at(block.header, "nothing to seal with")
            .help("add a block such as `key \"passphrase\" \"team\" {}`");
        diagnostics.push(error);
    }
    Some(Encryption { keys, enforced, span: block.header })
}

fn encryption_key(block: &Block, diagnostics: &mut Diagnostics) -> Option<EncryptionKey> {
    let [kind, name] = labels(block, ["kind", "name"], diagnostics)?;
    let Some((_, known)) = KEYS.iter().find(|(known, _)| *known == kind.name.as_ref()) else {
        let error =
            Diagnostic::error(code::lang::BAD_ARGUMENT, format!("there is no kind of key `{}`", kind.name))
                .at(kind.span, "unknown kind")
                .did_you_mean(&kind.name, KEYS.map(|(known, _)| known))
                .help("a key is a `passphrase`, one of `age`, or one of `aws_kms`");
        diagnostics.push(error);
        return None;
    };
    let what = format!("key `{}.{}`", kind.name, name.name);
    let mut arguments = Arguments::new(what, block.header, &block.body, diagnostics);
    let mut values = BTreeMap::new();
    for argument in *known {
        values.extend(arguments.expr(argument).map(|expr| (*argument, expr)));
    }
    arguments.finish();
    Some(EncryptionKey { kind, name, arguments: values, span: block.header })
}

/// What a module's author tells a provider of the module, to be counted. Providers here are told nothing.
fn provider_meta(block: &Block, diagnostics: &mut Diagnostics) {
    if labels(block, ["provider"], diagnostics).is_some() {
        for attribute in block.body.attributes() {
            refuse_references(&attribute.value, &attribute.name.name, diagnostics);
        }
    }
}

fn check_version(
    constraint: &Constraint,
    text: &str,
    span: Span,
    program: &str,
    diagnostics: &mut Diagnostics,
) {
    if Version::parse(program).is_some_and(|version| !constraint.allows(&version)) {
        let error = Diagnostic::error(
            code::lang::VERSION,
            format!("this configuration needs mlo {text}, and this is mlo {program}"),
        )
        .at(span, "not met")
        .help("use a version of mlo that meets it, or change the constraint");
        diagnostics.push(error);
    }
}

/// `state "kind" { … }`, `backend "kind" { … }`: its arguments are read before anything else is known.
pub(super) fn state(block: &Block, diagnostics: &mut Diagnostics) -> Option<StatePlace> {
    let [kind] = labels(block, ["kind"], diagnostics)?;
    for attribute in block.body.attributes() {
        refuse_references(&attribute.value, &attribute.name.name, diagnostics);
    }
    Some(StatePlace { kind, body: block.body.clone(), span: block.header })
}

/// Each entry is `name = { source = "…", version = "…" }` or `name = "constraint"`.
fn required_providers(
    block: &Block,
    all: &mut BTreeMap<Arc<str>, RequiredProvider>,
    diagnostics: &mut Diagnostics,
) {
    for attribute in block.body.attributes() {
        let name = &attribute.name;
        let entry = required_provider(attribute, diagnostics);
        match all.get(&name.name) {
            Some(first) => {
                diagnostics.push(twice(&format!("required provider `{}`", name.name), name.span, first.span));
            }
            None => drop(all.insert(name.name.clone(), entry)),
        }
    }
    for inner in block.body.blocks() {
        let error = Diagnostic::error(code::lang::UNKNOWN_BLOCK, "block `required_providers` has no blocks")
            .at(inner.header, "unknown block")
            .help(format!("write `{} = {{ … }}`", inner.kind.name));
        diagnostics.push(error);
    }
}

fn required_provider(attribute: &Attribute, diagnostics: &mut Diagnostics) -> RequiredProvider {
    let name = &attribute.name;
    let mut entry = RequiredProvider { source: None, version: None, aliases: Vec::new(), span: name.span };
    match &attribute.value.kind {
        ExprKind::String(_) => entry.version = constraint(&attribute.value, diagnostics),
        ExprKind::Object(items) => {
            for (key, value) in items {
                let (ExprKind::Name(word) | ExprKind::String(word)) = &key.kind else { continue };
                match word.as_ref() {
                    "source" => entry.source = source(value, diagnostics),
                    "version" => entry.version = constraint(value, diagnostics),
                    "configuration_aliases" => entry.aliases = aliases(attribute, value, diagnostics),
                    other => {
                        let summary = format!("required provider `{}` has no argument `{other}`", name.name);
                        let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary)
                            .at(key.span, "unknown argument")
                            .did_you_mean(other, PROVIDER_ARGUMENTS);
                        diagnostics.push(error);
                    }
                }
            }
        }
        _ => {
            let error = Diagnostic::error(
                code::lang::BAD_ARGUMENT,
                format!("provider `{}` must be an object", name.name),
            )
            .at(attribute.value.span, "expected `{ source = \"…\", version = \"…\" }`");
            diagnostics.push(error);
        }
    }
    entry
}

fn constraint(value: &Expr, diagnostics: &mut Diagnostics) -> Option<Constraint> {
    let Some(text) = plain_text(value) else {
        let error =
            Diagnostic::error(code::lang::BAD_ARGUMENT, "`version` must be a quoted text without `${…}`")
                .at(value.span, "expected something like `\"~> 1.2\"`");
        diagnostics.push(error);
        return None;
    };
    match Constraint::parse(&text) {
        Ok(constraint) => Some(constraint),
        Err(error) => {
            diagnostics.push(version::diagnostic(&error, value.span));
            None
        }
    }
}

/// `[host/][namespace/]name`
fn source(value: &Expr, diagnostics: &mut Diagnostics) -> Option<Arc<str>> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.:".contains(&it))
    };
    let text = plain_text(value);
    let text = text.filter(|text| text.split('/').count() <= 3 && text.split('/').all(is_part));
    if text.is_none() {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "not the source of a provider")
            .at(value.span, "expected `\"[host/][namespace/]name\"`");
        diagnostics.push(error);
    }
    text
}

/// `[name.alias, …]`
fn aliases(attribute: &Attribute, value: &Expr, diagnostics: &mut Diagnostics) -> Vec<Arc<str>> {
    let name = &attribute.name.name;
    let value = match &attribute.json {
        Some(text) => json::reference(value.clone(), text, diagnostics),
        None => Some(value.clone()),
    };
    let mut aliases = Vec::new();
    let Some(value) = value else { return aliases };
    let items = match &value.kind {
        ExprKind::Tuple(items) => items.as_slice(),
        _ => std::slice::from_ref(&value),
    };
    for item in items {
        if let ExprKind::Access { target, steps } = &item.kind {
            match (&target.kind, steps.as_slice()) {
                (ExprKind::Name(root), [Step::Attr(alias)]) if root == name => {
                    aliases.push(alias.name.clone());
                    continue;
                }
                _ => {}
            }
        }
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "not an alias of this provider")
            .at(item.span, format!("expected `{name}.alias`"));
        diagnostics.push(error);
    }
    aliases
}
