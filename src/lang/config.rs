//! A configuration as its blocks say, before anything is evaluated: a tree of modules.

use crate::diag::Span;
use crate::lang::load::Constraint;
use crate::lang::reference::Reference;
use crate::lang::syntax::ast::{Body, Expr, ExprKind, Ident, Step};
use crate::lang::value::{Type, Value};
use mlo_state::{Key, Mode, ModuleStep};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a module's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleSource {
    /// A folder, as it is shown to the user: `path.module`.
    Folder(PathBuf),
    /// Built into the binary: `mlo://name`.
    Builtin(String),
}

/// One module: all blocks of its folder.
#[derive(Debug, Clone)]
pub struct Module {
    /// Names of the calls that lead here from the root; empty for the root.
    pub path: Vec<Arc<str>>,
    /// Where its files are.
    pub source: ModuleSource,
    /// `variable` blocks.
    pub variables: BTreeMap<Arc<str>, Variable>,
    /// Arguments of `locals` blocks.
    pub locals: BTreeMap<Arc<str>, Local>,
    /// `output` blocks.
    pub outputs: BTreeMap<Arc<str>, Output>,
    /// `resource` and `data` blocks.
    pub resources: BTreeMap<ResourceKey, Box<Resource>>,
    /// `module` blocks, each with the module that it calls.
    pub calls: BTreeMap<Arc<str>, ModuleCall>,
    /// `provider` blocks by name and alias.
    pub providers: BTreeMap<ProviderKey, Provider>,
    /// `moved` blocks, in order.
    pub moved: Vec<Moved>,
    /// `import` blocks, in order.
    pub imports: Vec<Import>,
    /// `removed` blocks, in order.
    pub removed: Vec<Removed>,
    /// `check` blocks.
    pub checks: BTreeMap<Arc<str>, Check>,
    /// `environment` blocks; none but in the root module.
    pub environments: BTreeMap<Arc<str>, Environment>,
    /// What the `mlo` and `terraform` blocks say.
    pub settings: Settings,
    /// What it may declare although it is not in here.
    pub missing: Missing,
    /// Those of its resources that nobody has written yet: they stand empty, and only their names are used.
    pub unwritten: BTreeSet<ResourceKey>,
}

/// What a module may declare although it could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// All of the module is there.
    Nothing,
    /// Blocks or values with these names.
    Named(BTreeSet<Arc<str>>),
    /// A part of it, or all of it, could not be read.
    Anything,
}

impl Missing {
    /// Whether something of that name may be declared in the part that is missing.
    pub fn may_have(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Named(names) => names.contains(name),
            Self::Anything => true,
        }
    }

    /// Notes that something of that name could not be decoded.
    pub fn add(&mut self, name: &Arc<str>) {
        match self {
            Self::Nothing => *self = Self::Named(BTreeSet::from([name.clone()])),
            Self::Named(names) => drop(names.insert(name.clone())),
            Self::Anything => {}
        }
    }
}

/// What names a resource block in its module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// `resource` or `data`.
    pub mode: Mode,
    /// First label.
    pub type_name: Arc<str>,
    /// Second label.
    pub name: Arc<str>,
}

/// What names a provider configuration in its module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderKey {
    /// The provider's name: the label.
    pub name: Arc<str>,
    /// Its alias, if it has one.
    pub alias: Option<Arc<str>>,
}

/// A provider configuration as a block uses it: `name`, `name.alias`, or `name.alias[key]` if it has `for_each`.
#[derive(Debug, Clone)]
pub struct ProviderUse {
    /// Name and alias.
    pub key: ProviderKey,
    /// Which of its instances: an expression that may refer to `each` and `count` of the block that uses it.
    pub instance: Option<Expr>,
}

/// A `variable` block.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of its own in the block")]
pub struct Variable {
    /// Its name.
    pub name: Ident,
    /// The type to which values are converted; attributes of objects may be optional.
    pub ty: Type,
    /// Whether it says so itself: one that does not takes any type.
    pub is_typed: bool,
    /// Defaults of optional attributes (`optional(T, default)`), applied before the conversion.
    pub defaults: TypeDefaults<Expr>,
    /// The value if none is given; an expression without references.
    pub default: Option<Expr>,
    /// What it is for.
    pub description: String,
    /// Whether its value is marked sensitive.
    pub sensitive: bool,
    /// Whether its value is marked ephemeral.
    pub ephemeral: bool,
    /// Whether null may be given; if not, null means the default.
    pub nullable: bool,
    /// If set, what to use in its place; giving it a value is a warning.
    pub deprecated: Option<Arc<str>>,
    /// `validation` blocks.
    pub validations: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// Defaults inside a type constraint, in the shape of the type: as they are written (expressions without references),
/// or as values.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDefaults<D = Value> {
    /// Defaults of this object's optional attributes.
    pub attributes: BTreeMap<Arc<str>, D>,
    /// Defaults inside attributes of an object.
    pub children: BTreeMap<Arc<str>, TypeDefaults<D>>,
    /// Defaults inside the elements of a list, set or map.
    pub element: Option<Box<TypeDefaults<D>>>,
    /// Defaults inside the positions of a tuple.
    pub positions: BTreeMap<usize, TypeDefaults<D>>,
}

impl<D> Default for TypeDefaults<D> {
    fn default() -> Self {
        let (attributes, children, element, positions) = Default::default();
        Self { attributes, children, element, positions }
    }
}

impl<D> TypeDefaults<D> {
    /// Whether there are none at any depth.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
            && self.children.is_empty()
            && self.element.is_none()
            && self.positions.is_empty()
    }

    /// The same with each default turned into another; the first error ends it.
    pub fn try_map<E, Error>(
        &self,
        to: &mut impl FnMut(&D) -> Result<E, Error>,
    ) -> Result<TypeDefaults<E>, Error> {
        let mut mapped = TypeDefaults::default();
        for (name, default) in &self.attributes {
            mapped.attributes.insert(name.clone(), to(default)?);
        }
        for (name, child) in &self.children {
            mapped.children.insert(name.clone(), child.try_map(to)?);
        }
        if let Some(element) = &self.element {
            mapped.element = Some(Box::new(element.try_map(to)?));
        }
        for (position, child) in &self.positions {
            mapped.positions.insert(*position, child.try_map(to)?);
        }
        Ok(mapped)
    }
}

/// `condition` and `error_message` of a `validation`, `precondition` or `postcondition` block.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Must be true.
    pub condition: Expr,
    /// What is said when it is not.
    pub message: Expr,
    /// The block's header.
    pub span: Span,
}

/// One argument of a `locals` block.
#[derive(Debug, Clone)]
pub struct Local {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

/// An `output` block.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
    /// What it is for.
    pub description: String,
    /// Whether it is masked.
    pub sensitive: bool,
    /// Whether it is never stored.
    pub ephemeral: bool,
    /// Further dependencies.
    pub depends_on: Vec<Reference>,
    /// `precondition` blocks.
    pub preconditions: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// How often a block is there.
#[derive(Debug, Clone)]
pub enum Repeat {
    /// Once, without a key.
    Once,
    /// `count`
    Count(Expr),
    /// `for_each`
    ForEach(Expr),
}

impl Repeat {
    /// The expression of `count` or `for_each`.
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Once => None,
            Self::Count(expr) | Self::ForEach(expr) => Some(expr),
        }
    }
}

/// A `resource` or `data` block.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Mode, type and name.
    pub key: ResourceKey,
    /// `count` or `for_each`.
    pub repeat: Repeat,
    /// `provider = name.alias`; by default the type's first word.
    pub provider: ProviderUse,
    /// Further dependencies.
    pub depends_on: Vec<Reference>,
    /// The `lifecycle` block.
    pub lifecycle: LifecycleBlock,
    /// The provider's own arguments and blocks: the body without what the language takes.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// The `lifecycle` block of a block, if it has one. Hardly any has, and it takes half of the memory of the rest.
#[derive(Debug, Clone, Default)]
pub struct LifecycleBlock(Option<Box<Lifecycle>>);

/// What a block without one says.
static NO_LIFECYCLE: Lifecycle = Lifecycle {
    create_before_destroy: None,
    prevent_destroy: None,
    ignore_changes: None,
    replace_triggered_by: Vec::new(),
    preconditions: Vec::new(),
    postconditions: Vec::new(),
};

impl From<Lifecycle> for LifecycleBlock {
    fn from(lifecycle: Lifecycle) -> Self {
        Self(Some(Box::new(lifecycle)))
    }
}

impl std::ops::Deref for LifecycleBlock {
    type Target = Lifecycle;

    fn deref(&self) -> &Lifecycle {
        self.0.as_deref().unwrap_or(&NO_LIFECYCLE)
    }
}

/// A `lifecycle` block.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// `create_before_destroy`
    pub create_before_destroy: Option<Expr>,
    /// `prevent_destroy`
    pub prevent_destroy: Option<Expr>,
    /// `ignore_changes`: traversals, or the bare word `all`.
    pub ignore_changes: Option<Expr>,
    /// `replace_triggered_by`
    pub replace_triggered_by: Vec<Expr>,
    /// `precondition` blocks.
    pub preconditions: Vec<Condition>,
    /// `postcondition` blocks.
    pub postconditions: Vec<Condition>,
}

/// A `module` block and the module that it calls.
#[derive(Debug, Clone)]
pub struct ModuleCall {
    /// Its name.
    pub name: Ident,
    /// `count` or `for_each`.
    pub repeat: Repeat,
    /// Values for the module's variables.
    pub arguments: BTreeMap<Arc<str>, (Ident, Expr)>,
    /// Further dependencies.
    pub depends_on: Vec<Reference>,
    /// `version`, with its place.
    pub version: Option<(Constraint, Span)>,
    /// `providers = { inner = outer }`: which of ours the module uses under its own name.
    pub providers: BTreeMap<ProviderKey, ProviderUse>,
    /// What is called.
    pub module: Module,
    /// The block's header.
    pub span: Span,
}

/// A `provider` block.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Name and alias.
    pub key: ProviderKey,
    /// `for_each`: a configuration for each key, `name.alias["key"]`.
    pub for_each: Option<Expr>,
    /// The provider's own arguments.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

impl Provider {
    /// A configuration for each key, or one.
    pub fn repeat(&self) -> Repeat {
        self.for_each.clone().map_or(Repeat::Once, Repeat::ForEach)
    }
}

/// An object or a module as `moved` and `removed` name it, seen from the module that has the block.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The modules that lead there, each with the key of its instance if one is meant.
    pub modules: Vec<ModuleStep>,
    /// The resource, and the key of its instance if one is meant; nothing if the last module is meant.
    pub resource: Option<(ResourceKey, Option<Key>)>,
    /// Where it is written.
    pub span: Span,
}

/// A `moved` block.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The former address.
    pub from: Place,
    /// The new one, of the same kind.
    pub to: Place,
    /// The block's header.
    pub span: Span,
}

/// An `import` block.
#[derive(Debug, Clone)]
pub struct Import {
    /// The address, which may have `each.key` in it.
    pub to: Expr,
    /// The resource that the address names, and the modules that lead there.
    pub target: (Vec<Arc<str>>, ResourceKey),
    /// What the provider knows the object by.
    pub id: Expr,
    /// `for_each`
    pub for_each: Option<Expr>,
    /// `provider`
    pub provider: Option<ProviderUse>,
    /// The block's header.
    pub span: Span,
}

impl Import {
    /// Whether its object becomes that of a block in the root module that has one instance.
    pub fn is_plain(&self) -> bool {
        let has_key = match &self.to.kind {
            ExprKind::Access { steps, .. } => steps.iter().any(|step| !matches!(step, Step::Attr(_))),
            _ => false,
        };
        self.target.0.is_empty() && self.for_each.is_none() && !has_key
    }

    /// An import for each key, or one.
    pub fn repeat(&self) -> Repeat {
        self.for_each.clone().map_or(Repeat::Once, Repeat::ForEach)
    }
}

/// A `removed` block.
#[derive(Debug, Clone)]
pub struct Removed {
    /// What is not in the configuration any more; without keys of instances.
    pub from: Place,
    /// Whether the object is destroyed (the default), or only forgotten.
    pub destroy: bool,
    /// The block's header.
    pub span: Span,
}

/// A `check` block.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name.
    pub name: Ident,
    /// The `data` block in it, which is known in its assertions only.
    pub data: Option<Resource>,
    /// `assert` blocks; at least one.
    pub assertions: Vec<Condition>,
    /// The block's header.
    pub span: Span,
}

/// The text of a public key, and its place.
pub type NamedKey = (Arc<str>, Span);

/// An `environment` block.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: Ident,
    /// Values of variables of the root module; expressions without references.
    pub variables: BTreeMap<Arc<str>, (Ident, Expr)>,
    /// Where its state is kept.
    pub state: Option<StatePlace>,
    /// Levels of rules that differ from those of the policy, with their places.
    pub policy: BTreeMap<Arc<str>, (PolicyLevel, Span)>,
    /// Whether only an approved plan may be applied.
    pub require_approval: bool,
    /// The keys of those who may make saved plans, by name; empty: of those who may approve them.
    pub authors: BTreeMap<Arc<str>, NamedKey>,
    /// The keys of those who may approve them.
    pub approvers: BTreeMap<Arc<str>, NamedKey>,
    /// Whether an approval counts that nobody signed.
    pub unsigned_approvals: bool,
    /// Whether one counts that the plan's author gave.
    pub approvals_by_author: bool,
    /// How long one counts, if that ends before the plan does.
    pub approval_expires_after: Option<jiff::SignedDuration>,
    /// The block's header.
    pub span: Span,
}

/// What a denial by a rule of the policy means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyLevel {
    /// It stops the run.
    Mandatory,
    /// It stops the run unless it is overridden with a reason.
    Overridable,
    /// It is said only.
    Advisory,
}

/// A `state` block, or a `backend` block of Terraform.
#[derive(Debug, Clone)]
pub struct StatePlace {
    /// The kind of store: the label.
    pub kind: Ident,
    /// The store's own arguments.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// The `mlo` and `terraform` blocks of a module.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `required_providers`, by the name that the module has for the provider.
    pub required_providers: BTreeMap<Arc<str>, RequiredProvider>,
    /// Where state is kept.
    pub state: Option<StatePlace>,
    /// What it is sealed with.
    pub encryption: Option<Encryption>,
    /// Bundles of policies that the configuration is judged by, the one with the most say first.
    pub policies: Vec<PolicyBundle>,
}

/// A `policy` block of `mlo`: a bundle of policies.
#[derive(Debug, Clone)]
pub struct PolicyBundle {
    /// What it is called.
    pub name: Ident,
    /// Where it is: a folder or an archive of the project, or an address.
    pub source: (Arc<str>, Span),
    /// The file of the key that it must be signed with.
    pub key: Option<(Arc<str>, Span)>,
    /// The block's header.
    pub span: Span,
}

/// An `encryption` block: the keys of state, journals and plans. The first seals, each opens what it sealed.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// `key` blocks, in order.
    pub keys: Vec<EncryptionKey>,
    /// Whether only what is sealed is taken.
    pub enforced: bool,
    /// The block's header.
    pub span: Span,
}

/// A `key "kind" "name"` block. Its arguments are evaluated before any state is read.
#[derive(Debug, Clone)]
pub struct EncryptionKey {
    /// The kind of key.
    pub kind: Ident,
    /// What it is called in messages and in what it sealed.
    pub name: Ident,
    /// Its arguments.
    pub arguments: BTreeMap<&'static str, Expr>,
    /// The block's header.
    pub span: Span,
}

/// An entry of `required_providers`.
#[derive(Debug, Clone)]
pub struct RequiredProvider {
    /// `[host/][namespace/]name`
    pub source: Option<Arc<str>>,
    /// Versions that will do.
    pub version: Option<Constraint>,
    /// Aliases of this provider that the module's caller passes.
    pub aliases: Vec<Arc<str>>,
    /// The entry's name.
    pub span: Span,
}
