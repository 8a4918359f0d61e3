//! Objects that are there already and that the state takes in: `import` blocks, and `mlo import`.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::{ModuleId, ModuleTree};
use crate::lang::config::{Import, Repeat, ResourceKey};
use crate::lang::eval::{BlockSchema, evaluate};
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use crate::lang::value::{Type, Value, convert};
use crate::plan::change::describe;
use crate::plan::planner::Connected;
use crate::plan::stored::mark_by_schema;
use crate::plan::{Action, Reason};
use crate::provider::{Subject, retry};
use mlo_state::{Address, Key, Mode, ModuleAddress};
use std::collections::HashMap;

/// What its provider knows an object by that shall be imported, and where that is said.
#[derive(Debug, Clone)]
pub(super) struct Importing {
    id: String,
    span: Option<Span>,
}

/// An object that was found.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) value: Value,
    /// The token that the state has for it from now on.
    pub(super) token: String,
}

/// The `import` blocks by the block that they are for.
pub(super) struct Imports<'c>(HashMap<(ModuleId, &'c ResourceKey), Vec<&'c Import>>);

impl<'c> Imports<'c> {
    /// Finds the block of each.
    ///
    /// # Errors
    /// One stands in a module that is called, or is for a block that the configuration has not.
    pub(super) fn of(tree: &ModuleTree<'c>) -> (Self, Diagnostics) {
        let (mut found, mut messages) = (Self(HashMap::new()), Diagnostics::new());
        let error = |import: &Import, summary: String| {
            Diagnostic::error(code::engine::IMPORT, summary).at(import.span, "")
        };
        for import in tree.ids().skip(1).flat_map(|id| &tree.module(id).imports) {
            let summary = "`import` blocks stand in the root module, not in one that is called".to_owned();
            messages.push(error(import, summary).help("name the object as `module.name.type.name` there"));
        }
        for import in &tree.module(0).imports {
            let (path, key) = &import.target;
            let id = tree.find(path).filter(|id| tree.module(*id).resources.contains_key(key));
            let Some(id) = id else {
                let summary = format!("there is no block `{}.{}` to import to", key.type_name, key.name);
                messages.push(error(import, summary).help("write the block that the object becomes"));
                continue;
            };
            found.0.entry((id, key)).or_default().push(import);
        }
        (found, messages)
    }
}

impl Walker<'_, '_, '_> {
    /// Evaluates what is to be imported to the instances of a block.
    pub(super) fn evaluate_imports(&self, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        if let Some((address, text)) = &self.planner.requests.import {
            let asked = Importing { id: text.clone(), span: None };
            self.importing.borrow_mut().insert(address.clone(), asked);
        }
        let mut failures = Diagnostics::new();
        for import in self.imports.0.get(&(id, key)).into_iter().flatten() {
            if let Err(messages) = self.evaluate_import(import) {
                failures.extend(messages);
            }
        }
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    fn evaluate_import(&self, import: &Import) -> Result<(), Diagnostics> {
        let world = self.world.borrow();
        let root = ModuleAddress::root();
        let repeat = import.for_each.clone().map_or(Repeat::Once, Repeat::ForEach);
        for repetition in world.repetitions(0, &root, &repeat)? {
            let value = |expr: &Expr| evaluate(expr, &world.scope(0, &root, Some(&repetition)));
            let address = target(&import.to, &value)?;
            let id = text(&import.id, &value(&import.id)?)?;
            let here = Importing { id, span: Some(import.span) };
            if let Some(first) = self.importing.borrow_mut().insert(address.clone(), here) {
                let summary = format!("two objects are to be imported to {address}");
                let error = Diagnostic::error(code::engine::IMPORT, summary).at(import.span, "again here");
                return Err(first
                    .span
                    .into_iter()
                    .fold(error, |error, span| error.at(span, "first here"))
                    .into());
            }
        }
        Ok(())
    }

    /// What is to be imported to an address, if anything is.
    pub(super) fn importing(&self, address: &Address) -> Option<Importing> {
        self.importing.borrow().get(address).cloned()
    }

    /// The object that is imported to an address.
    pub(super) async fn import(
        &self,
        connected: &Connected,
        schema: &BlockSchema,
        (address, token): (&Address, String),
        Importing { id, span }: Importing,
    ) -> Result<Found, Diagnostics> {
        let error = |summary: String| {
            let error = Diagnostic::error(code::engine::IMPORT, summary);
            Diagnostics::from(span.into_iter().fold(error, |error, span| error.at(span, "")))
        };
        let Some(connection) = &connected.connection else {
            return Err(error(format!(
                "{address} cannot be imported: its provider's configuration is not known yet"
            )));
        };
        let subject = Subject { type_name: &address.type_name, address, token: &token };
        let _permit = self.calls.acquire().await;
        let found = retry(|| connection.import(subject, &id)).await;
        let found = found.map_err(|error| describe(&error, &format!("importing {address}"), span, None))?;
        let Some(imported) = found else {
            return Err(error(format!("{address} cannot be imported: there is nothing with the id {id:?}")));
        };
        let value = mark_by_schema(&imported.value, schema);
        Ok(Found { id, value, token: imported.token.unwrap_or(token) })
    }

    /// What was to be imported to an instance that is not there.
    pub(super) fn check_imported(&self) {
        let operations = self.operations.borrow();
        for (address, Importing { span, .. }) in self.importing.borrow().iter() {
            if operations.contains_key(address) || self.left_out.borrow().contains(address) {
                continue;
            }
            let error = Diagnostic::error(
                code::engine::IMPORT,
                format!("there is no instance {address} to import to"),
            );
            let error = span.iter().fold(error, |error, span| error.at(*span, ""));
            let known: Vec<_> = operations.keys().map(ToString::to_string).collect();
            let error = error.did_you_mean(&address.to_string(), known.iter().map(String::as_str));
            self.messages.borrow_mut().push(error);
        }
    }

    /// For `mlo import` nothing else happens: the object is taken in as it is.
    pub(super) fn import_alone(&self) {
        let Some((address, _)) = &self.planner.requests.import else { return };
        let operations = self.operations.take().into_iter().filter_map(|(at, mut operation)| {
            if at == *address && operation.importing.is_some() {
                (operation.action, operation.reason) = (Action::NoOp, Reason::Configuration);
                operation.planned.clone_from(&operation.prior);
                operation.replace.clear();
                return Some((at, operation));
            }
            let untouched =
                self.planner.snapshot.objects.get(&at).map(|object| self.untouched(&at, object))?;
            Some((at, Box::new(untouched)))
        });
        let operations = operations.collect();
        *self.operations.borrow_mut() = operations;
        self.drift.borrow_mut().clear();
    }
}

/// The id as text.
fn text(expr: &Expr, value: &Value) -> Result<String, Diagnostics> {
    let wrong = |what: &str| {
        let summary = format!("the id of what is imported {what}");
        Diagnostics::from(Diagnostic::error(code::engine::IMPORT, summary).at(expr.span, ""))
    };
    if value.marks().is_sensitive() {
        return Err(wrong("is sensitive, and would be shown"));
    }
    if value.is_unknown() {
        return Err(wrong("is not known before the apply"));
    }
    let id = convert(value, &Type::String).ok().and_then(|value| value.as_str().map(str::to_owned));
    id.filter(|id| !id.is_empty()).ok_or_else(|| wrong("is no text, or empty"))
}

/// `module.a[each.key].type.name[each.value]` with the values of its keys. That it is such an address was checked when
/// it was read.
fn target(to: &Expr, value: &impl Fn(&Expr) -> Result<Value, Diagnostics>) -> Result<Address, Diagnostics> {
    let malformed =
        || Diagnostics::from(Diagnostic::error(code::engine::IMPORT, "not an address").at(to.span, ""));
    let ExprKind::Access { target, steps } = &to.kind else { return Err(malformed()) };
    let ExprKind::Name(first) = &target.kind else { return Err(malformed()) };
    // Each name with the key after it.
    let mut names = vec![(first.clone(), None)];
    for step in steps {
        match step {
            Step::Attr(name) => names.push((name.name.clone(), None)),
            Step::Index(index, _) => {
                let key = key_of(index, &value(index)?)?;
                names.last_mut().into_iter().for_each(|last| last.1 = Some(key.clone()));
            }
            Step::Splat { .. } => return Err(malformed()),
        }
    }
    let mut module = ModuleAddress::root();
    let mut names = names.into_iter().peekable();
    while names.peek().is_some_and(|(name, _)| name.as_ref() == "module") {
        names.next();
        let (name, key) = names.next().ok_or_else(malformed)?;
        module = module.child(name, key);
    }
    let (type_name, _) = names.next().ok_or_else(malformed)?;
    let (name, key) = names.next().ok_or_else(malformed)?;
    Ok(Address { module, mode: Mode::Managed, type_name, name, key })
}

fn key_of(expr: &Expr, value: &Value) -> Result<Key, Diagnostics> {
    let number = value.as_number().and_then(crate::lang::value::Number::as_i64);
    let index = number.and_then(|number| u64::try_from(number).ok()).map(Key::Index);
    index.or_else(|| Some(Key::Name(value.as_str()?.into()))).ok_or_else(|| {
        let error =
            Diagnostic::error(code::engine::IMPORT, "a key is a text or a whole number that is known");
        error.at(expr.span, "").into()
    })
}
