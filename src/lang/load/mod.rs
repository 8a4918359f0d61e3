//! A folder of files to a configuration: the tree of modules.
//!
//! Goes in: a folder, or files in memory, and the modules that come with the program. Comes out: the decoded root
//! module with all modules that it calls, or every error of all of them, by place. Never happens: evaluation, reading
//! outside the project, an unbounded chain of modules.

mod arguments;
mod blocks;
mod calls;
mod changes;
mod elsewhere;
mod environment;
mod files;
mod names;
mod overrides;
mod resources;
mod settings;
mod statics;
mod suite;
mod type_constraint;
mod unwritten;
mod used;
mod version;

#[cfg(test)]
mod tests;

pub use elsewhere::{Elsewhere, Given, Package, PackageRequest};
pub use environment::{NO_ENVIRONMENT, is_environment_name};
pub use files::{has_configuration, is_configuration, read_body};
pub use names::{check_beside, check_expression};
pub use suite::load_tests;
pub use unwritten::Unwritten;
pub use version::{Constraint, Version};

use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code, nearest};
use crate::lang::config::{Environment, Missing, Module, ModuleCall, PolicyBundle, Settings, StatePlace};
use crate::lang::fetch::FetchError;
use crate::lang::syntax::ast::{Body, Expr};
use crate::lang::value::Value;
use calls::CallBlock;
use files::{Files, Location};
use statics::Statics;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Modules that call each other in one chain.
const CHAIN_MAX: usize = 20;
/// Calls of modules in one configuration, so that modules that call others many times each end in time.
const CALLS_MAX: usize = 1_000;

/// The files of a module that comes with the program: name and text of each.
pub type BuiltinFiles = Vec<(String, &'static str)>;

/// What to load.
pub struct LoadRequest<'a> {
    /// The root module.
    pub root: Root<'a>,
    /// The files of the module `mlo://name`, if there is one.
    pub builtin: &'a dyn Fn(&str) -> Option<BuiltinFiles>,
    /// All names that `builtin` knows, for messages.
    pub builtin_names: &'a [&'a str],
    /// The program's version, `1.2.3`, which `required_version` is compared with.
    pub version: &'a str,
    /// What gets packages, and knows what is given for variables.
    pub elsewhere: &'a dyn Elsewhere,
    /// Blocks that may be missing.
    pub unwritten: Unwritten,
}

/// Where the root module is.
#[derive(Debug, Clone, Copy)]
pub enum Root<'a> {
    /// In a folder.
    Folder {
        /// The folder that nothing is read outside of.
        project: &'a Path,
        /// The root module's folder, relative to the project; empty if it is the project's own.
        module: &'a Path,
        /// How the root module's folder is shown: names of files are shown below it. Empty for the current folder.
        shown: &'a Path,
    },
    /// Files in memory: paths relative to the root module, with their texts.
    Memory(&'a BTreeMap<String, String>),
    /// Files of a folder, as they were when it was read. What was fetched for it is where it is.
    Saved {
        /// The folder that nothing is read outside of.
        project: &'a Path,
        /// Paths relative to the root module, with their texts.
        files: &'a BTreeMap<String, String>,
        /// How the root module's folder is shown.
        shown: &'a Path,
    },
    /// A module that comes with the program.
    Builtin(&'a str),
}

/// Loads a configuration. All sources that are read are added to `sources`.
///
/// A root folder without any file of the language gives an empty module; a called one is an error.
///
/// # Errors
/// The messages, sorted by place, hold all errors of the whole configuration; there is a module only if there are none.
pub fn load(request: &LoadRequest<'_>, sources: &mut SourceMap) -> (Option<Module>, Diagnostics) {
    let (module, diagnostics) = load_partly(request, sources);
    (module.filter(|_| !diagnostics.has_errors()), diagnostics)
}

/// What a configuration says of its states.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// Where they are kept, if it says so.
    pub place: Option<StatePlace>,
    /// Its environments, each with a state of its own.
    pub environments: BTreeMap<Arc<str>, Environment>,
    /// Whether there are keys that they are sealed with.
    pub is_sealed: bool,
    /// The bundles of policies that plans are judged by.
    pub policies: Vec<PolicyBundle>,
}

/// What the root module says of its states. Nothing else of it is looked at, but all of its files must be readable: the
/// blocks may be in any of them.
///
/// # Errors
/// If a file cannot be read, or if one of the blocks is there twice or wrong.
pub fn states(request: &LoadRequest<'_>, sources: &mut SourceMap) -> Result<States, Diagnostics> {
    let location = match request.root {
        Root::Folder { module, .. } => Location::Folder(files::normal(module).unwrap_or_default()),
        Root::Memory(_) | Root::Saved { .. } => Location::Folder(PathBuf::new()),
        Root::Builtin(_) => return Ok(States::default()),
    };
    let unreadable = |error: FetchError| {
        let summary = format!("the configuration cannot be read: {error}");
        Diagnostics::from(Diagnostic::error(files::code_of(&error), summary))
    };
    let files = Files::new(request).map_err(unreadable)?;
    let mut diagnostics = Diagnostics::new();
    let folder = files::read_folder(&files, &location, sources, &mut diagnostics);
    let Some(folder) = folder.filter(|folder| folder.whole) else { return Err(diagnostics) };
    let (mut found, mut said) = (Settings::default(), Diagnostics::new());
    let mut environments = BTreeMap::new();
    for block in folder.bodies.iter().flat_map(Body::blocks) {
        match block.kind.name.as_ref() {
            "mlo" | "terraform" => settings::settings(block, request.version, &mut found, &mut said),
            "environment" => {
                if let Some(environment) = environment::environment(block, &mut said) {
                    environment::insert(&mut environments, environment, &mut said);
                }
            }
            _ => {}
        }
    }
    let is_sealed = found.encryption.is_some();
    let Settings { state: place, policies, .. } = found;
    if said.has_errors() { Err(said) } else { Ok(States { place, environments, is_sealed, policies }) }
}

/// The same, but the module is there also if there are errors, as far as it could be decoded: to look for more.
pub fn load_partly(request: &LoadRequest<'_>, sources: &mut SourceMap) -> (Option<Module>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let root = root_location(request.root);
    let module = match Files::new(request) {
        Ok(files) => {
            let mut loader = Loader::new(files, request, sources, &mut diagnostics);
            loader.is_wanted_once = true;
            loader.load(&root, Vec::new(), &mut Vec::new(), None)
        }
        Err(error) => {
            let shown = match request.root {
                Root::Folder { project, .. } => project.display().to_string(),
                Root::Memory(_) | Root::Saved { .. } | Root::Builtin(_) => String::new(),
            };
            diagnostics.push(Diagnostic::error(
                code::lang::UNREADABLE,
                format!("folder {shown} cannot be read: {error}"),
            ));
            None
        }
    };
    diagnostics.sort();
    (module, diagnostics)
}

/// The value of an expression of the root module that is needed before any state is read: made of variables that are
/// given or have a default, and of local values.
///
/// # Errors
/// If something in it is not known by then.
pub fn known_value(root: &Module, expr: &Expr, given: &Given) -> Result<Value, Diagnostics> {
    Statics::new(root, None).evaluate(expr, given)
}

fn root_location(root: Root<'_>) -> Location {
    match root {
        Root::Folder { module, .. } => Location::Folder(files::normal(module).unwrap_or_default()),
        Root::Memory(_) | Root::Saved { .. } => Location::Folder(PathBuf::new()),
        Root::Builtin(name) => Location::Builtin(name.to_owned()),
    }
}

struct Loader<'a, 'r> {
    files: Files<'r>,
    /// Where the root module is.
    root: Location,
    sources: &'a mut SourceMap,
    /// Folders that were read: a module that is called twice is read once.
    parsed: BTreeMap<Location, Rc<Folder>>,
    /// Whether nobody wants the root module's folder again.
    is_wanted_once: bool,
    calls: usize,
    version: &'r str,
    elsewhere: &'r dyn Elsewhere,
    unwritten: Unwritten,
    /// Values given for the root module's variables, once somebody asked.
    given: Option<Rc<Given>>,
    diagnostics: &'a mut Diagnostics,
}

/// A folder's files, read.
struct Folder {
    bodies: Vec<Body>,
    /// Whether all of it could be read, so that what is not in it does not exist.
    whole: bool,
    /// Whether there is any file of the language.
    empty: bool,
}

impl<'a, 'r> Loader<'a, 'r> {
    fn new(
        files: Files<'r>,
        request: &LoadRequest<'r>,
        sources: &'a mut SourceMap,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let (parsed, is_wanted_once, calls, given) = (BTreeMap::new(), false, 0, None);
        let (version, elsewhere, root) = (request.version, request.elsewhere, root_location(request.root));
        let unwritten = request.unwritten.clone();
        Self {
            files,
            root,
            sources,
            parsed,
            is_wanted_once,
            calls,
            version,
            elsewhere,
            unwritten,
            given,
            diagnostics,
        }
    }
}

impl Loader<'_, '_> {
    /// Loads a module and what it calls. `chain` holds the locations of the modules around it, `caller` the call of it
    /// and what is known around that.
    fn load(
        &mut self,
        location: &Location,
        path: Vec<Arc<str>>,
        chain: &mut Vec<Location>,
        caller: Option<(&CallBlock, &Statics<'_>)>,
    ) -> Option<Module> {
        let folder = self.folder(location)?;
        let source = self.files.source(location);
        let somewhere = folder.bodies.first().map(|body| body.span);
        let is_whole = folder.whole;
        let mut found = Diagnostics::new();
        let bodies = self.bodies(location, folder);
        let mut decoded = blocks::decode(bodies, path, source, self.version, &mut found);
        // What is missing in a file with syntax errors may be in what could not be read.
        let is_sure = |error: &Diagnostic| is_whole || error.code != code::lang::MISSING_ARGUMENT;
        found.into_iter().filter(is_sure).for_each(|error| self.diagnostics.push(error));
        if !is_whole {
            decoded.module.missing = Missing::Anything;
        }
        chain.push(location.clone());
        let mut calls = BTreeMap::new();
        let statics = Statics::new(&decoded.module, caller);
        for call in std::mem::take(&mut decoded.calls) {
            let name = call.name.name.clone();
            let (module, version) = match self.call(&call, &statics, chain) {
                Some((module, version)) => {
                    calls::check_arguments(&call, &module, is_whole, self.diagnostics);
                    calls::check_repeated(&call, &module, self.diagnostics);
                    (module, version)
                }
                None => (calls::unread(&call, &decoded.module.path), None),
            };
            calls.insert(name, call.with_module(module, version));
        }
        decoded.module.calls = calls;
        chain.pop();
        if chain.is_empty() {
            unwritten::stand_in(&mut decoded.module, &self.unwritten, somewhere);
        }
        names::check(&decoded.module, self.diagnostics);
        Some(decoded.module)
    }

    /// What a call leads to, and the constraint on its version.
    fn call(
        &mut self,
        call: &CallBlock,
        statics: &Statics<'_>,
        chain: &mut Vec<Location>,
    ) -> Option<(Module, Option<(Constraint, Span)>)> {
        let located = self.locate(call, statics, chain.last()?);
        let (location, version) = match located {
            Ok(located) => located,
            Err(errors) => {
                self.diagnostics.extend(errors);
                return None;
            }
        };
        self.calls += 1;
        if let Some(error) = self.too_many(call, &location, chain) {
            self.diagnostics.push(error);
            return None;
        }
        let folder = self.folder_of_call(&location, call.source.span)?;
        if folder.empty {
            let error = Diagnostic::error(
                code::lang::UNREADABLE,
                format!("the folder of module `{}` has no configuration", call.name.name),
            )
            .at(call.source.span, "no `*.hcl` or `*.tf` file is in there");
            self.diagnostics.push(error);
            return None;
        }
        let mut path = statics.module().path.clone();
        path.push(call.name.name.clone());
        Some((self.load(&location, path, chain, Some((call, statics)))?, version))
    }

    /// Why a call goes too far, if it does.
    fn too_many(&self, call: &CallBlock, location: &Location, chain: &[Location]) -> Option<Diagnostic> {
        let name = &call.name.name;
        let error = |summary: String| Diagnostic::error(code::lang::MODULE_NESTING, summary);
        if let Some(at) = chain.iter().position(|caller| caller == location) {
            let circle = chain.iter().skip(at).chain([location]).map(|it| self.files.show(it));
            let circle = circle.collect::<Vec<_>>().join(" → ");
            return Some(
                error(format!("module `{name}` calls itself"))
                    .at(call.source.span, "this leads back to a module that is being loaded")
                    .detail(format!("The calls go in a circle: {circle}.")),
            );
        }
        if chain.len() > CHAIN_MAX {
            return Some(
                error(format!("modules call each other more than {CHAIN_MAX} levels deep"))
                    .at(call.source.span, "one level too many"),
            );
        }
        (self.calls > CALLS_MAX).then(|| {
            error(format!("more than {CALLS_MAX} calls of modules"))
                .at(call.source.span, "one call too many")
                .help("to call a module many times, use one `module` block with `for_each`")
        })
    }

    fn folder_of_call(&mut self, location: &Location, source: Span) -> Option<Rc<Folder>> {
        if !self.parsed.contains_key(location)
            && let Err(error) = self.files.list(location)
        {
            let shown = self.files.show(location);
            let error = Diagnostic::error(
                files::code_of(&error),
                format!("module folder `{shown}` cannot be read: {error}"),
            );
            let error = error.at(source, "the module should be there");
            self.diagnostics.push(match location {
                Location::Builtin(name) => match nearest(name, self.files.builtin_names()) {
                    Some(near) => error.help(format!("did you mean `mlo://{near}`?")),
                    None => error,
                },
                Location::Folder(_) | Location::Package(..) => error,
            });
            return None;
        }
        self.folder(location)
    }

    /// The trees of a folder that was read, to be taken apart. Those of the root module may be most of the memory: no copy
    /// of them is kept.
    fn bodies(&mut self, location: &Location, folder: Rc<Folder>) -> Vec<Body> {
        if self.is_wanted_once && *location == self.root {
            self.parsed.remove(location);
        }
        Rc::try_unwrap(folder).map_or_else(|folder| folder.bodies.clone(), |folder| folder.bodies)
    }

    /// The files of a folder, read and parsed.
    fn folder(&mut self, location: &Location) -> Option<Rc<Folder>> {
        if let Some(folder) = self.parsed.get(location) {
            return Some(folder.clone());
        }
        let folder = Rc::new(files::read_folder(&self.files, location, self.sources, self.diagnostics)?);
        self.parsed.insert(location.clone(), folder.clone());
        Some(folder)
    }
}

impl CallBlock {
    fn with_module(self, module: Module, version: Option<(Constraint, Span)>) -> ModuleCall {
        ModuleCall {
            name: self.name,
            repeat: self.repeat,
            arguments: self.arguments,
            depends_on: self.depends_on,
            version,
            providers: self.providers,
            module,
            span: self.span,
        }
    }
}
