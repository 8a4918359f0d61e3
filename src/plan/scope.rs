//! Names in one instance of a module, or of a resource in it, to their values.

use super::seen::Seen;
use super::world::{Repetition, World};
use crate::diag::{Diagnostic, Span, code};
use crate::graph::ModuleId;
use crate::lang::config::{ModuleSource, ResourceKey};
use crate::lang::fetch::{FetchError, Project};
use crate::lang::scope::{Outside, OutsideError, PathKind, Scope};
use crate::lang::syntax::ast::Step;
use crate::lang::value::{Type, Value};
use mlo_state::{Mode, ModuleAddress};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What functions of a configuration may know of the world. What is not there, functions do not get.
#[derive(Clone, Default)]
pub struct Origin {
    /// The project's folder, absolute: nothing is read outside of it.
    pub project: Option<PathBuf>,
    /// How the project's folder is shown; empty for the current folder.
    pub shown: PathBuf,
    /// The user's home folder.
    pub home: Option<String>,
    /// When the plan was begun: seconds since 1970.
    pub planned_at: Option<i64>,
    /// The clock, in seconds since 1970, and chance: for what is known only when a plan is applied.
    pub at_apply: Option<(Clock, Dice)>,
    /// Is told what functions see of the project.
    pub seen: Seen,
}

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
pub use crate::provider::mock::Dice;

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("project", &self.project)
            .field("home", &self.home)
            .field("planned_at", &self.planned_at)
            .finish_non_exhaustive()
    }
}

/// The names that an expression sees.
pub(super) struct InstanceScope<'w, 'c> {
    pub(super) world: &'w World<'c>,
    pub(super) module: ModuleId,
    pub(super) address: &'w ModuleAddress,
    /// `each` and `count` of the block that the expression stands in.
    pub(super) repetition: Option<&'w Repetition>,
    /// `self`, in a postcondition.
    pub(super) itself: Option<&'w Value>,
}

impl Scope for InstanceScope<'_, '_> {
    fn outside(&self) -> &dyn Outside {
        self
    }

    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        match self.find(root, span, steps) {
            // Names were checked when they were read: what has no value has failed, and that was said.
            Err(_) if self.world.checks => Ok((Value::unknown(Type::Any), 0)),
            found => found,
        }
    }
}

impl InstanceScope<'_, '_> {
    fn find(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let missing =
            |what: String| Box::new(Diagnostic::error(code::engine::NO_SUCH_NAME, what).at(span, ""));
        let attr = |at: usize| match steps.get(at) {
            Some(Step::Attr(name)) => Ok(&name.name),
            _ => Err(missing(format!("`{root}` needs a name after it, such as `{root}.name`"))),
        };
        let found = |value: Option<Value>, taken: usize| match value {
            Some(value) => Ok((value, taken)),
            None => Err(missing(format!("`{}` has no value here", spell(root, steps, taken)))),
        };
        let instance = self.world.instance(self.module, self.address);
        match root {
            "var" => {
                let name = attr(0)?;
                found(instance.and_then(|instance| instance.variables.get(name).cloned()), 1)
            }
            "local" => {
                let name = attr(0)?;
                found(instance.and_then(|instance| instance.locals.get(name).cloned()), 1)
            }
            "module" => found(self.world.module_value(self.module, self.address, attr(0)?), 1),
            "manifest" => Ok((self.world.context.manifests.clone(), 0)),
            "self" => found(self.itself.cloned(), 0),
            "each" => {
                let name = attr(0)?;
                let each = self.repetition.and_then(|repetition| repetition.each.as_ref());
                let Some((key, value)) = each else {
                    return Err(missing("`each` stands only in a block with `for_each`".into()));
                };
                match name.as_ref() {
                    "key" => Ok((key.clone(), 1)),
                    "value" => Ok((value.clone(), 1)),
                    _ => Err(missing(format!("`each` has `key` and `value`, not `{name}`"))),
                }
            }
            "count" => {
                let name = attr(0)?;
                let index = self.repetition.and_then(|repetition| repetition.index.clone());
                match (name.as_ref(), index) {
                    ("index", Some(index)) => Ok((index, 1)),
                    (_, None) => Err(missing("`count` stands only in a block with `count`".into())),
                    _ => Err(missing(format!("`count` has `index`, not `{name}`"))),
                }
            }
            "path" => self
                .path(attr(0)?)
                .map(|value| (value, 1))
                .ok_or_else(|| missing("`path` has `module`, `root` and `cwd`".into())),
            "mlo" | "terraform" => match attr(0)?.as_ref() {
                "environment" | "workspace" => Ok((self.world.environment(), 1)),
                name => Err(missing(format!("`{root}` has `environment`, not `{name}`"))),
            },
            "data" => {
                let key =
                    ResourceKey { mode: Mode::Data, type_name: attr(0)?.clone(), name: attr(1)?.clone() };
                found(instance.and_then(|instance| instance.resources.get(&key).cloned()), 2)
            }
            _ => {
                let key =
                    ResourceKey { mode: Mode::Managed, type_name: Arc::from(root), name: attr(0)?.clone() };
                found(instance.and_then(|instance| instance.resources.get(&key).cloned()), 1)
            }
        }
    }
}

impl Outside for InstanceScope<'_, '_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, OutsideError> {
        let (project, path) = self.in_project(path)?;
        Ok(self.world.context.origin.seen.read(&project, &path)?)
    }

    fn kind(&self, path: &str) -> Result<PathKind, OutsideError> {
        let (project, path) = self.in_project(path)?;
        Ok(self.world.context.origin.seen.kind(&project, &path)?)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, OutsideError> {
        let (project, folder) = self.in_project(folder)?;
        Ok(self.world.context.origin.seen.list(&project, &folder)?)
    }

    fn home(&self) -> Option<String> {
        self.world.context.origin.home.clone()
    }

    fn working_folder(&self) -> Option<String> {
        Some(self.world.context.working_folder.clone())
    }

    fn planned_at(&self) -> Option<i64> {
        self.world.context.origin.planned_at
    }

    fn now(&self) -> Option<i64> {
        self.at_apply().map(|(clock, _)| clock())
    }

    fn random(&self) -> Option<[u8; 16]> {
        self.at_apply().map(|(_, dice)| dice())
    }
}

impl InstanceScope<'_, '_> {
    fn at_apply(&self) -> Option<&(Clock, Dice)> {
        self.world.context.origin.at_apply.as_ref().filter(|_| self.world.applies)
    }

    /// The project and a path in it. Paths are relative to the root module's folder, as in Terraform, which runs there;
    /// those that begin as `path.module` is shown are meant as they are shown.
    fn in_project(&self, path: &str) -> Result<(Project, PathBuf), OutsideError> {
        let folder = self.world.context.origin.project.as_ref().ok_or(OutsideError::NoFiles)?;
        let home = self.world.context.origin.home.as_deref();
        let path = match (path.strip_prefix('~'), home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
            _ => path.to_owned(),
        };
        let path = Path::new(&path);
        let shown = Some(normal(&self.world.context.origin.shown));
        let shown = shown.filter(|shown| !shown.as_os_str().is_empty());
        let path = normal(path);
        let inside = path.strip_prefix(folder).ok();
        let inside = inside.or_else(|| shown.and_then(|shown| path.strip_prefix(shown).ok()));
        let inside = inside.map_or_else(|| path.clone(), Path::to_owned);
        if inside.is_absolute() || inside.starts_with("..") {
            return Err(FetchError::Outside.into());
        }
        let inside = if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside };
        Ok((Project::open(folder)?, inside))
    }

    fn path(&self, name: &str) -> Option<Value> {
        let shown = |source: &ModuleSource| match source {
            ModuleSource::Folder(folder) => Value::string(folder.to_string_lossy().as_ref()),
            ModuleSource::Builtin(name) => Value::string(format!("mlo://{name}")),
        };
        match name {
            "module" => Some(shown(&self.world.tree.module(self.module).source)),
            "root" => Some(shown(&self.world.tree.module(0).source)),
            "cwd" => Some(Value::string(self.world.context.working_folder.as_str())),
            _ => None,
        }
    }
}

/// A path without `.` and, as far as possible, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => drop(normal.pop()),
                Some(Component::RootDir) => {}
                _ => normal.push(".."),
            },
            other => normal.push(other),
        }
    }
    normal
}

fn spell(root: &str, steps: &[Step], taken: usize) -> String {
    let mut text = root.to_owned();
    for step in steps.iter().take(taken) {
        if let Step::Attr(name) = step {
            text.push('.');
            text.push_str(&name.name);
        }
    }
    text
}

/// A scope in which every name stands for anything.
pub(super) struct Anything<'s>(pub(super) &'s dyn Scope);

impl Scope for Anything<'_> {
    fn lookup(&self, _: &str, _: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        Ok((Value::unknown(Type::Any), 0))
    }

    fn outside(&self) -> &dyn Outside {
        self.0.outside()
    }
}

/// A scope without names: for defaults and other constants.
pub(crate) struct Constant;

impl Scope for Constant {
    fn lookup(&self, root: &str, span: Span, _steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let summary = format!("`{root}` cannot be used here: only constant values can");
        Err(Box::new(Diagnostic::error(code::engine::NOT_CONSTANT, summary).at(span, "")))
    }
}
