//! The blocks of a module's files, decoded.

use super::arguments::{Arguments, labels, later, twice};
use super::calls::{self, CallBlock};
use super::names::SUGGESTED_MAX;
use super::type_constraint::type_of;
use super::{changes, environment, resources, settings};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{
    Condition, Local, Missing, Module, ModuleSource, Output, Provider, ProviderKey, Resource, ResourceKey,
    Settings, TypeDefaults, Variable,
};
use crate::lang::reference::{Reference, Target, reference_of, references_in};
use crate::lang::syntax::ast::{Block, Body, Expr, ExprKind, Item};
use crate::lang::syntax::json;
use crate::lang::value::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names that a `module` block has arguments of its own for.
const RESERVED: [&str; 8] =
    ["source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"];

/// Labels of each kind of block of a file.
pub(super) const LABELS: [(&str, usize); 15] = [
    ("variable", 1),
    ("locals", 0),
    ("output", 1),
    ("module", 1),
    ("resource", 2),
    ("data", 2),
    ("ephemeral", 2),
    ("provider", 1),
    ("mlo", 0),
    ("terraform", 0),
    ("moved", 0),
    ("import", 0),
    ("removed", 0),
    ("check", 1),
    ("environment", 1),
];

/// A file with what can only be blocks, of these kinds, as blocks: in JSON, every property.
pub(super) fn of_file(body: Body, kinds: &[(&'static str, usize)], diagnostics: &mut Diagnostics) -> Body {
    let mut items = Vec::with_capacity(body.items.len());
    for item in body.items {
        match item {
            Item::Attribute(property) if property.json.is_some() => {
                let name = property.name.name.as_ref();
                match kinds.iter().find(|(kind, _)| *kind == name) {
                    Some((_, labels)) => {
                        let blocks = json::blocks(property, *labels, diagnostics);
                        items.extend(blocks.into_iter().map(Item::Block));
                    }
                    None => diagnostics.push(unknown_kind(
                        name,
                        kinds,
                        property.name.span,
                        diagnostics.len() < SUGGESTED_MAX,
                    )),
                }
            }
            item => items.push(item),
        }
    }
    Body { items, span: body.span }
}

fn unknown_kind(kind: &str, kinds: &[(&'static str, usize)], span: Span, may_suggest: bool) -> Diagnostic {
    let error = Diagnostic::error(code::lang::UNKNOWN_BLOCK, format!("there are no `{kind}` blocks"))
        .at(span, "unknown block");
    // What people write from memory.
    let meant = match kind {
        "var" | "input" | "variables" => Some("variable"),
        "local" => Some("locals"),
        "mod" => Some("module"),
        _ => None,
    };
    match meant {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None if may_suggest => error.did_you_mean(kind, kinds.iter().map(|(kind, _)| *kind)),
        None => error,
    }
}

/// A module without what it calls.
pub(super) struct Decoded {
    /// All but its calls.
    pub(super) module: Module,
    /// Its `module` blocks.
    pub(super) calls: Vec<CallBlock>,
}

/// A module without anything in it.
pub(super) fn empty(path: Vec<Arc<str>>, source: ModuleSource) -> Module {
    Module {
        path,
        source,
        variables: BTreeMap::new(),
        locals: BTreeMap::new(),
        outputs: BTreeMap::new(),
        resources: BTreeMap::new(),
        calls: BTreeMap::new(),
        providers: BTreeMap::new(),
        moved: Vec::new(),
        imports: Vec::new(),
        removed: Vec::new(),
        checks: BTreeMap::new(),
        environments: BTreeMap::new(),
        settings: Settings::default(),
        missing: Missing::Nothing,
        unwritten: BTreeSet::new(),
    }
}

/// Decodes a module's files, and takes them apart. `program` is the program's version.
pub(super) fn decode(
    bodies: Vec<Body>,
    path: Vec<Arc<str>>,
    source: ModuleSource,
    program: &str,
    diagnostics: &mut Diagnostics,
) -> Decoded {
    let decoded = Decoded { module: empty(path, source), calls: Vec::new() };
    let mut state = Decoder { decoded, calls: BTreeMap::new(), program, diagnostics };
    for item in bodies.into_iter().flat_map(|body| body.items) {
        match item {
            Item::Attribute(attribute) => {
                let name = &attribute.name.name;
                let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, format!("`{name}` stands outside of any block"))
                    .at(attribute.name.span, "arguments belong into blocks")
                    .help(format!("to name a value, write `locals {{ {name} = … }}`; values of variables come from `*.tfvars` files"));
                state.diagnostics.push(error);
            }
            Item::Block(mut block) => {
                if state.block(&mut block).is_none() {
                    state.miss(&block);
                }
            }
        }
    }
    state.decoded
}

struct Decoder<'a> {
    decoded: Decoded,
    /// Headers of the `module` blocks by their names.
    calls: BTreeMap<Arc<str>, Span>,
    program: &'a str,
    diagnostics: &'a mut Diagnostics,
}

impl Decoder<'_> {
    /// Decodes one block into the module; nothing if it is not in there afterwards.
    fn block(&mut self, block: &mut Block) -> Option<()> {
        match block.kind.name.as_ref() {
            "variable" => self.variable(block),
            "locals" => self.locals(block),
            "output" => self.output(block),
            "resource" | "data" => self.resource(block),
            "provider" => self.provider(block),
            "module" => {
                let call = calls::decode(block, self.diagnostics)?;
                if let Some(first) = self.calls.get(&call.name.name) {
                    let what = format!("module `{}`", call.name.name);
                    self.diagnostics.push(twice(&what, call.span, *first));
                } else {
                    self.calls.insert(call.name.name.clone(), call.span);
                    self.decoded.calls.push(call);
                }
                Some(())
            }
            "mlo" | "terraform" => {
                let settings = &mut self.decoded.module.settings;
                settings::settings(block, self.program, settings, self.diagnostics);
                Some(())
            }
            "moved" => Self::keep(&mut self.decoded.module.moved, changes::moved(block, self.diagnostics)),
            "removed" => {
                Self::keep(&mut self.decoded.module.removed, changes::removed(block, self.diagnostics))
            }
            "import" => {
                self.refuse_in_called(block);
                Self::keep(&mut self.decoded.module.imports, changes::import(block, self.diagnostics))
            }
            "check" => self.check(block),
            "environment" => self.environment(block),
            kind => {
                let error = later(block).unwrap_or_else(|| {
                    unknown_kind(kind, &LABELS, block.header, self.diagnostics.len() < SUGGESTED_MAX)
                });
                self.diagnostics.push(error);
                None
            }
        }
    }

    /// Notes what a block that could not be decoded would have declared.
    fn miss(&mut self, block: &Block) {
        let values = block.body.attributes().filter(|_| block.kind.name.as_ref() == "locals");
        for name in block.labels.iter().chain(values.map(|attribute| &attribute.name)) {
            self.decoded.module.missing.add(&name.name);
        }
    }

    fn variable(&mut self, block: &Block) -> Option<()> {
        let [name] = labels(block, ["name"], self.diagnostics)?;
        if RESERVED.contains(&name.name.as_ref()) {
            let error =
                Diagnostic::error(code::lang::LABELS, format!("a variable cannot be called `{}`", name.name))
                    .at(name.span, "reserved")
                    .detail(
                        "A `module` block has an argument of this name, so the variable could not be set.",
                    );
            self.diagnostics.push(error);
        }
        let what = format!("variable `{}`", name.name);
        let mut arguments = Arguments::new(what.clone(), block.header, &block.body, self.diagnostics);
        let constraint = arguments.names("type");
        let is_typed = constraint.is_some();
        let constraint = constraint.and_then(|expr| type_of(&expr, arguments.diagnostics));
        let (ty, defaults) = constraint.unwrap_or_else(|| (Type::Any, TypeDefaults::default()));
        let default = arguments.literal("default");
        if let Some(default) = &default {
            refuse_references(default, "default", arguments.diagnostics);
        }
        let variable = Variable {
            ty,
            is_typed,
            defaults,
            default,
            description: text(&mut arguments),
            sensitive: arguments.bool("sensitive").unwrap_or(false),
            ephemeral: arguments.bool("ephemeral").unwrap_or(false),
            nullable: arguments.bool("nullable").unwrap_or(true),
            deprecated: arguments.text("deprecated").map(|(text, _)| text),
            validations: conditions(&mut arguments, "validation"),
            span: block.header,
            name: name.clone(),
        };
        arguments.finish();
        for validation in &variable.validations {
            self.check_validation(&variable, validation);
        }
        insert(
            &mut self.decoded.module.variables,
            name.name,
            variable,
            |it| it.span,
            &what,
            self.diagnostics,
        );
        Some(())
    }

    /// A validation that does not look at its variable checks nothing of it.
    fn check_validation(&mut self, variable: &Variable, validation: &Condition) {
        let name = &variable.name.name;
        let own = Target::Variable(name.clone());
        if !references_in(&validation.condition).iter().any(|reference| reference.target == own) {
            let error = Diagnostic::error(
                code::lang::BAD_REFERENCE,
                format!("the validation of variable `{name}` does not look at it"),
            )
            .at(validation.condition.span, format!("`var.{name}` is not in here"));
            self.diagnostics.push(error);
        }
    }

    fn locals(&mut self, block: &Block) -> Option<()> {
        let [] = labels(block, [], self.diagnostics)?;
        let mut arguments =
            Arguments::new("block `locals`".to_owned(), block.header, &block.body, self.diagnostics);
        let locals = arguments.rest();
        arguments.finish();
        for attribute in locals {
            let (name, what) = (attribute.name.clone(), format!("local `{}`", attribute.name.name));
            let local = Local { name: attribute.name, value: attribute.value };
            insert(
                &mut self.decoded.module.locals,
                name.name,
                local,
                |it| it.name.span,
                &what,
                self.diagnostics,
            );
        }
        Some(())
    }

    fn output(&mut self, block: &Block) -> Option<()> {
        let [name] = labels(block, ["name"], self.diagnostics)?;
        let what = format!("output `{}`", name.name);
        let mut arguments = Arguments::new(what.clone(), block.header, &block.body, self.diagnostics);
        let output = Output {
            value: arguments.require("value").unwrap_or(Expr { kind: ExprKind::Null, span: block.header }),
            description: text(&mut arguments),
            sensitive: arguments.bool("sensitive").unwrap_or(false),
            ephemeral: arguments.bool("ephemeral").unwrap_or(false),
            depends_on: depends_on(&mut arguments),
            preconditions: conditions(&mut arguments, "precondition"),
            span: block.header,
            name: name.clone(),
        };
        arguments.finish();
        if output.ephemeral && self.decoded.module.path.is_empty() {
            let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "an output of the root module is kept")
                .at(block.header, "so it cannot be `ephemeral`");
            self.diagnostics
                .push(error.help("take `ephemeral` out: outputs of the root module are for others"));
        }
        insert(&mut self.decoded.module.outputs, name.name, output, |it| it.span, &what, self.diagnostics);
        Some(())
    }

    fn resource(&mut self, block: &mut Block) -> Option<()> {
        let resource: Resource = resources::resource(block, self.diagnostics)?;
        let key: ResourceKey = resource.key.clone();
        let what = format!("{} `{}.{}`", block.kind.name, key.type_name, key.name);
        insert(
            &mut self.decoded.module.resources,
            key,
            Box::new(resource),
            |it| it.span,
            &what,
            self.diagnostics,
        );
        Some(())
    }

    fn provider(&mut self, block: &Block) -> Option<()> {
        let provider: Provider = resources::provider(block, self.diagnostics)?;
        let key: ProviderKey = provider.key.clone();
        let what = match &key.alias {
            Some(alias) => format!("provider `{}.{alias}`", key.name),
            None => format!("provider `{}`", key.name),
        };
        if key.alias.is_none()
            && let Some(first) = self.decoded.module.providers.get(&key)
        {
            let error = twice(&what, provider.span, first.span);
            self.diagnostics.push(error.help("for a second configuration of it, add `alias = \"name\"`"));
            return Some(());
        }
        insert(&mut self.decoded.module.providers, key, provider, |it| it.span, &what, self.diagnostics);
        Some(())
    }

    /// Keeps what was decoded; nothing if it was not.
    fn keep<T>(into: &mut Vec<T>, decoded: Option<T>) -> Option<()> {
        into.push(decoded?);
        Some(())
    }

    fn check(&mut self, block: &Block) -> Option<()> {
        let check = changes::check(block, self.diagnostics)?;
        let (name, what) = (check.name.name.clone(), format!("check `{}`", check.name.name));
        insert(&mut self.decoded.module.checks, name, check, |it| it.span, &what, self.diagnostics);
        Some(())
    }

    fn environment(&mut self, block: &Block) -> Option<()> {
        let environment = environment::environment(block, self.diagnostics)?;
        self.refuse_in_called(block);
        environment::insert(&mut self.decoded.module.environments, environment, self.diagnostics);
        Some(())
    }

    /// Some blocks stand in the root module only.
    fn refuse_in_called(&mut self, block: &Block) {
        if !self.decoded.module.path.is_empty() {
            let kind = &block.kind.name;
            let summary = format!("`{kind}` blocks stand in the root module only");
            let error = Diagnostic::error(code::lang::UNKNOWN_BLOCK, summary)
                .at(block.header, "not in a module that is called");
            self.diagnostics.push(error);
        }
    }
}

/// Values that are known before anything is evaluated refer to nothing.
pub(super) fn refuse_references(expr: &Expr, argument: &str, diagnostics: &mut Diagnostics) {
    for reference in references_in(expr) {
        let error = Diagnostic::error(code::lang::BAD_REFERENCE, format!("a reference in `{argument}`"))
            .at(reference.span, "nothing can be referred to here")
            .detail("It is read before anything else is known.")
            .help("to compute a value from others, use `locals`");
        diagnostics.push(error);
    }
}

fn text(arguments: &mut Arguments<'_>) -> String {
    arguments.text("description").map(|(text, _)| text.to_string()).unwrap_or_default()
}

/// The entries of `depends_on`.
pub(super) fn depends_on(arguments: &mut Arguments<'_>) -> Vec<Reference> {
    let mut references = Vec::new();
    for entry in arguments.list("depends_on") {
        match reference_of(&entry) {
            Ok(reference) => references.push(reference),
            Err(error) => arguments.diagnostics.push(*error),
        }
    }
    references
}

/// All blocks of a kind that have a condition and a message.
pub(super) fn conditions(arguments: &mut Arguments<'_>, kind: &'static str) -> Vec<Condition> {
    let blocks = arguments.blocks(kind);
    let mut conditions = Vec::new();
    for block in blocks {
        let mut inner =
            Arguments::new(format!("block `{kind}`"), block.header, &block.body, arguments.diagnostics);
        let condition = inner.require("condition");
        let message = inner.require("error_message");
        inner.finish();
        if let (Some(condition), Some(message)) = (condition, message) {
            conditions.push(Condition { condition, message, span: block.header });
        }
    }
    conditions
}

/// Inserts what must have a name of its own.
fn insert<K: Ord, V>(
    into: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    span: impl Fn(&V) -> Span,
    what: &str,
    diagnostics: &mut Diagnostics,
) {
    match into.get(&key) {
        Some(first) => diagnostics.push(twice(what, span(&value), span(first))),
        None => drop(into.insert(key, value)),
    }
}
