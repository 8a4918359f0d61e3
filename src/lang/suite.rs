//! Files of tests as their blocks say, before anything is run.

use crate::diag::{Diagnostics, Span};
use crate::lang::config::{Condition, Module, Place, Provider, ProviderKey, ProviderUse};
use crate::lang::syntax::ast::{Expr, Ident};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One file of tests.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// How it is shown: `tests/main.tftest.hcl`.
    pub name: String,
    /// The name of its folder relative to the project; empty for the project's own.
    pub folder: String,
    /// Its `variables` block.
    pub variables: TestVariables,
    /// `provider` and `mock_provider` blocks by name and alias.
    pub providers: BTreeMap<ProviderKey, TestProvider>,
    /// `override_…` blocks that are for all runs, in order.
    pub overrides: Vec<Override>,
    /// `run` blocks, in order.
    pub runs: Vec<Run>,
    /// The `test` block.
    pub settings: TestSettings,
    /// What is wrong with it. If there are errors it has no runs: the other files are run all the same.
    pub wrong: Diagnostics,
}

impl TestFile {
    /// A file without blocks.
    pub fn new(name: String, folder: String) -> Self {
        Self {
            name,
            folder,
            variables: TestVariables::new(),
            providers: BTreeMap::new(),
            overrides: Vec::new(),
            runs: Vec::new(),
            settings: TestSettings::default(),
            wrong: Diagnostics::new(),
        }
    }

    /// The file with all that is wrong with it, and with nothing else if that are errors.
    #[must_use]
    pub fn with_wrong(self, wrong: Diagnostics) -> Self {
        let is_unread = wrong.has_errors();
        let rest = if is_unread { Self::new(self.name, self.folder) } else { self };
        let mut all = rest.wrong;
        all.extend(wrong);
        Self { wrong: all, ..rest }
    }
}

/// Values for variables, by their names.
pub type TestVariables = BTreeMap<Arc<str>, (Ident, Expr)>;

/// What a `test` block says, or a `run` block of itself alone.
#[derive(Debug, Clone, Default)]
pub struct TestSettings {
    /// Whether runs that share nothing may go on at the same time.
    pub parallel: Option<bool>,
    /// The file or folder whose manifests are `manifest`, in place of the project's; relative to the project.
    pub manifest: Option<(Arc<str>, Span)>,
}

/// A configuration of a provider for tests.
#[derive(Debug, Clone)]
pub enum TestProvider {
    /// The provider itself.
    Real(Provider),
    /// What makes values up in its place.
    Mock(MockProvider),
}

impl TestProvider {
    /// The block's header.
    pub fn span(&self) -> Span {
        match self {
            Self::Real(provider) => provider.span,
            Self::Mock(mock) => mock.span,
        }
    }
}

/// A `mock_provider` block with what its `source` has.
#[derive(Debug, Clone)]
pub struct MockProvider {
    /// Name and alias.
    pub key: ProviderKey,
    /// Whether what it makes up is known when a plan is made already.
    pub at_plan: bool,
    /// `mock_resource` and `mock_data` blocks, those of `source` first.
    pub defaults: Vec<MockDefaults>,
    /// Its `override_resource` and `override_data` blocks.
    pub overrides: Vec<Override>,
    /// The block's header.
    pub span: Span,
}

/// A `mock_resource` or `mock_data` block.
#[derive(Debug, Clone)]
pub struct MockDefaults {
    /// Whether it is for data sources.
    pub is_data: bool,
    /// The type.
    pub type_name: Ident,
    /// `defaults`
    pub values: Option<Expr>,
    /// `override_during`, if it says so.
    pub at_plan: Option<bool>,
    /// The block's header.
    pub span: Span,
}

/// An `override_resource`, `override_data` or `override_module` block.
#[derive(Debug, Clone)]
pub struct Override {
    /// What it stands in for: an object, or a module.
    pub target: Place,
    /// `values` or `outputs`
    pub values: Option<Expr>,
    /// `override_during`, if it says so.
    pub at_plan: Option<bool>,
    /// The block's header.
    pub span: Span,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCommand {
    /// A plan, which is looked at.
    Plan,
    /// A plan that is applied.
    Apply,
}

/// `plan_options`
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// Whether objects are read and nothing is changed.
    pub refresh_only: bool,
    /// Whether objects are read.
    pub refresh: bool,
    /// Parts that are planned.
    pub targets: Vec<Place>,
    /// Instances for which new objects are made.
    pub replace: Vec<Place>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { refresh_only: false, refresh: true, targets: Vec::new(), replace: Vec::new() }
    }
}

/// A `run` block.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its name.
    pub name: Ident,
    /// `command`
    pub command: RunCommand,
    /// `plan_options`
    pub options: PlanOptions,
    /// Its `variables` block.
    pub variables: TestVariables,
    /// The module that is run in place of the project's: its `source`, and the module.
    pub module: Option<(Arc<str>, Arc<Module>)>,
    /// `providers = { inner = outer }`: which of the file's the module uses under its own name.
    pub providers: BTreeMap<ProviderKey, (ProviderUse, Span)>,
    /// `assert` blocks.
    pub assertions: Vec<Condition>,
    /// `expect_failures`
    pub expected: Vec<Expected>,
    /// `override_…` blocks, in order.
    pub overrides: Vec<Override>,
    /// `state_key`
    pub state_key: Option<Arc<str>>,
    /// What it says of itself as a `test` block says of all.
    pub settings: TestSettings,
    /// The block's header.
    pub span: Span,
}

/// Something whose conditions shall not hold.
#[derive(Debug, Clone)]
pub struct Expected {
    /// What it is.
    pub of: ExpectedOf,
    /// Where it is written.
    pub span: Span,
}

/// What can have conditions.
#[derive(Debug, Clone)]
pub enum ExpectedOf {
    /// `var.name`
    Variable(Arc<str>),
    /// `output.name`
    Output(Arc<str>),
    /// `check.name`
    Check(Arc<str>),
    /// A resource or a data source, or an instance of one.
    Resource(Place),
}
