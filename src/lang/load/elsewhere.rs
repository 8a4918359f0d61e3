//! Modules that are not files of the project, and values that are not in its files: who asks for them, and how.

use super::Loader;
use super::calls::{self, CallBlock};
use super::files::{Location, PackageRoot, code_of, normal};
use super::statics::Statics;
use super::version::Constraint;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::config::Module;
use crate::lang::scope::Nowhere;
use crate::lang::syntax::ast::{Expr, ExprKind};
use crate::lang::value::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// Values given for variables of the root module, each with its place; not converted to their types.
pub type Given = BTreeMap<Arc<str>, (Value, Span)>;

/// What loading asks of the world beyond the project's files.
pub trait Elsewhere {
    /// What is given for the variables of the root module. It is asked at most once, and only if a module's source
    /// needs it.
    ///
    /// # Errors
    /// What is wrong with what is given.
    fn given(&self, root: &Module, sources: &mut SourceMap) -> Result<Given, Diagnostics> {
        let _ = (root, sources);
        Ok(Given::new())
    }

    /// The path of the archive, if a local source names one and not a folder.
    fn archive<'s>(&self, source: &'s str) -> Option<&'s str> {
        let _ = source;
        None
    }

    /// Gets a package.
    ///
    /// # Errors
    /// Why it is not there, without a place.
    fn package(&self, request: &PackageRequest<'_>) -> Result<Package, Box<Diagnostic>> {
        let summary = format!("module `{}` cannot be fetched here", request.source);
        Err(Box::new(Diagnostic::error(code::lang::MODULE_ABSENT, summary)))
    }

    /// What in a source must not be shown.
    fn secrets(&self, source: &str) -> Vec<String> {
        let _ = source;
        Vec::new()
    }
}

impl Elsewhere for Nowhere {}

/// A package that a module is in.
pub struct PackageRequest<'r> {
    /// The source, as it came out.
    pub source: &'r str,
    /// The constraint on its version, and its text.
    pub version: Option<(&'r Constraint, &'r str)>,
    /// The bytes, if it is an archive of the project.
    pub archive: Option<&'r [u8]>,
}

/// A package that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its folder, relative to the project.
    pub at: PathBuf,
    /// The folder of the module in it.
    pub folder: PathBuf,
    /// What it is called before the names of its files.
    pub shown: String,
}

impl Loader<'_, '_> {
    /// The place that a call leads to, and the constraint on its version.
    pub(super) fn locate(
        &mut self,
        call: &CallBlock,
        statics: &Statics<'_>,
        caller: &Location,
    ) -> Result<(Location, Option<(Constraint, Span)>), Diagnostics> {
        let span = call.source.span;
        let source = self.text(&call.source, "source", statics)?;
        self.hide_secrets(&source, span);
        let version = match &call.version {
            Some(expr) => self.constraint(&source, expr, statics)?,
            None => None,
        };
        let archive = match self.elsewhere.archive(&source).filter(|_| source.starts_with('.')) {
            Some(path) => Some(self.archive(path, span, caller).map_err(|error| *error)?),
            None => None,
        };
        if archive.is_none()
            && let Some(location) =
                calls::locate((&source, span), caller, &self.files).map_err(|error| *error)?
        {
            return Ok((location, version.map(|(constraint, _, span)| (constraint, span))));
        }
        let wanted = version.as_ref().map(|(constraint, text, _)| (constraint, text.as_ref()));
        let request = PackageRequest { source: &source, version: wanted, archive: archive.as_deref() };
        let package = self.elsewhere.package(&request).map_err(|error| {
            let place = version.as_ref().filter(|_| error.code == code::lang::VERSION);
            error.at(place.map_or(span, |(.., span)| *span), "")
        })?;
        let root = PackageRoot { at: package.at, shown: package.shown };
        let folder = normal(&package.folder).unwrap_or_default();
        Ok((Location::Package(root, folder), version.map(|(constraint, _, span)| (constraint, span))))
    }

    /// The constraint on a version, its text and its place. Where there are no versions an error is said, and no more:
    /// the module is known all the same.
    fn constraint(
        &mut self,
        source: &str,
        expr: &Expr,
        statics: &Statics<'_>,
    ) -> Result<Option<(Constraint, Arc<str>, Span)>, Diagnostics> {
        let text = self.text(expr, "version", statics)?;
        match calls::constraint(source, &text, expr.span) {
            Ok(constraint) => Ok(Some((constraint, text, expr.span))),
            Err(error) if calls::is_without_versions(source) => {
                self.diagnostics.push(*error);
                Ok(None)
            }
            Err(error) => Err((*error).into()),
        }
    }

    /// The bytes of an archive of the project.
    fn archive(&self, path: &str, span: Span, caller: &Location) -> Result<Vec<u8>, Box<Diagnostic>> {
        let outside = || {
            let summary = format!("module source `{path}` leads out of {}", caller.whole());
            Box::new(Diagnostic::error(code::lang::OUTSIDE, summary).at(span, ""))
        };
        let location = caller.beside(path).ok_or_else(outside)?;
        self.files.read_archive(&location).map_err(|error| {
            let summary = format!("module archive `{path}` cannot be read: {error}");
            Diagnostic::error(code_of(&error), summary).at(span, "the archive should be there").into()
        })
    }

    /// The text that an argument is, evaluated with what is known by now.
    fn text(&mut self, expr: &Expr, name: &str, statics: &Statics<'_>) -> Result<Arc<str>, Diagnostics> {
        if let ExprKind::String(text) = &expr.kind {
            return Ok(text.clone());
        }
        let given = self.given(statics.root())?;
        let value = statics.evaluate(expr, &given).map_err(|errors| {
            let is_inside =
                |place: Span| place.source == expr.span.source && expr.span.to(place) == expr.span;
            errors.map(|error| match error.labels.first() {
                Some(label) if !is_inside(label.span) => error.at(expr.span, format!("`{name}` needs it")),
                _ => error,
            })
        })?;
        let error = |summary: String| {
            Diagnostics::from(Diagnostic::error(code::lang::NOT_STATIC, summary).at(expr.span, ""))
        };
        let marks = value.marks_deep();
        if !marks.is_empty() {
            let what = if marks.is_sensitive() { "a sensitive" } else { "an ephemeral" };
            return Err(error(format!("`{name}` is made of {what} value, and would be seen")));
        }
        match value.as_str() {
            Some(text) => Ok(text.into()),
            None if value.is_unknown() => {
                Err(error(format!("`{name}` is not known when modules are loaded")))
            }
            None => {
                let error = Diagnostic::error(code::lang::BAD_ARGUMENT, format!("`{name}` must be a text"));
                Err(error.at(expr.span, crate::lang::eval::describe(&value)).into())
            }
        }
    }

    /// What is given for the root module's variables.
    fn given(&mut self, root: &Module) -> Result<Rc<Given>, Diagnostics> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        let given = Rc::new(self.elsewhere.given(root, self.sources)?);
        self.given = Some(given.clone());
        Ok(given)
    }

    /// From now on no message shows the credentials in a source.
    fn hide_secrets(&mut self, source: &str, span: Span) {
        for secret in self.elsewhere.secrets(source) {
            let found = self.sources.text(span).find(&secret);
            let part = found.and_then(|at| {
                let start = span.start + u32::try_from(at).ok()?;
                Some(Span { start, end: start + u32::try_from(secret.len()).ok()?, ..span })
            });
            // Where it is written in another way, all of it is hidden.
            self.sources.hide(part.unwrap_or(span));
        }
    }
}
