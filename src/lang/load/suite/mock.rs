//! What stands in for something in tests: `mock_provider` and `override_…` blocks, and the files that mocks share.

use super::run::word;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::ProviderKey;
use crate::lang::load::Loader;
use crate::lang::load::arguments::{Arguments, labels};
use crate::lang::load::changes::place_of;
use crate::lang::load::files;
use crate::lang::suite::{MockDefaults, MockProvider, Override};
use crate::lang::syntax::ast::{Block, Body, Item};
use mlo_state::Mode;

/// Labels of each kind of block of a file of mocks.
const LABELS: [(&str, usize); 4] =
    [("mock_resource", 1), ("mock_data", 1), ("override_resource", 0), ("override_data", 0)];

impl Loader<'_, '_> {
    pub(super) fn mock_provider(&mut self, block: &Block) -> Option<MockProvider> {
        let [name] = labels(block, ["name"], self.diagnostics)?;
        let what = format!("mock provider `{}`", name.name);
        let mut arguments = Arguments::new(what, block.header, &block.body, self.diagnostics);
        let alias = arguments.text("alias").map(|(alias, _)| alias);
        let source = arguments.text("source");
        let at_plan = during(&mut arguments).unwrap_or(false);
        let mut mock = MockProvider {
            key: ProviderKey { name: name.name, alias },
            at_plan,
            defaults: Vec::new(),
            overrides: Vec::new(),
            span: block.header,
        };
        for kind in ["mock_resource", "mock_data"] {
            for block in arguments.labelled_blocks(kind, 1) {
                mock.defaults.extend(defaults(&block, arguments.diagnostics));
            }
        }
        for kind in ["override_resource", "override_data"] {
            for block in arguments.blocks(kind) {
                mock.overrides.extend(override_block(&block, arguments.diagnostics));
            }
        }
        arguments.finish();
        if let Some((source, span)) = source {
            // What the block says itself counts more than what comes from elsewhere.
            let own = (std::mem::take(&mut mock.defaults), std::mem::take(&mut mock.overrides));
            self.mocks_of(&source, span, &mut mock);
            mock.defaults.extend(own.0);
            mock.overrides.extend(own.1);
        }
        Some(mock)
    }

    /// Reads the `*.tfmock.hcl` files of a folder of the project.
    fn mocks_of(&mut self, source: &str, span: crate::diag::Span, mock: &mut MockProvider) {
        let Some(location) = self.root.clone().beside(source) else {
            let summary = format!("the folder of mocks `{source}` lies outside of the project");
            return self.diagnostics.push(Diagnostic::error(code::lang::OUTSIDE, summary).at(span, ""));
        };
        let names = match self.files.list(&location) {
            Ok(names) => names,
            Err(error) => {
                let summary = format!("folder `{}` cannot be read: {error}", self.files.show(&location));
                let error = Diagnostic::error(files::code_of(&error), summary);
                return self.diagnostics.push(error.at(span, "its files of mocks should be there"));
            }
        };
        let names: Vec<_> = names.into_iter().filter(|name| files::is_mocks(name)).collect();
        if names.is_empty() {
            let summary = format!("folder `{}` has no files of mocks", self.files.show(&location));
            let error = Diagnostic::error(code::lang::UNREADABLE, summary);
            self.diagnostics.push(error.at(span, "no `*.tfmock.hcl` file is in there"));
        }
        for name in names {
            let (body, messages) = files::read_file(&self.files, &location, &name, &LABELS, self.sources);
            self.diagnostics.extend(messages);
            if let Some(body) = body {
                self.mocks_in(&body, mock);
            }
        }
    }

    fn mocks_in(&mut self, body: &Body, mock: &mut MockProvider) {
        for item in &body.items {
            let (kind, span) = match item {
                Item::Block(block) => (block.kind.name.as_ref(), block.header),
                Item::Attribute(attribute) => (attribute.name.name.as_ref(), attribute.name.span),
            };
            match (kind, item) {
                ("mock_resource" | "mock_data", Item::Block(block)) => {
                    mock.defaults.extend(defaults(block, self.diagnostics));
                }
                ("override_resource" | "override_data", Item::Block(block)) => {
                    mock.overrides.extend(override_block(block, self.diagnostics));
                }
                _ => {
                    let summary = format!("a file of mocks has no `{kind}`");
                    let error = Diagnostic::error(code::lang::UNKNOWN_BLOCK, summary).at(span, "unknown");
                    self.diagnostics.push(error.did_you_mean(kind, LABELS.map(|(kind, _)| kind)));
                }
            }
        }
    }
}

/// `override_during = plan`
fn during(arguments: &mut Arguments<'_>) -> Option<bool> {
    let expr = arguments.names("override_during")?;
    word(&expr, "override_during", &[("apply", false), ("plan", true)], arguments.diagnostics)
}

fn defaults(block: &Block, diagnostics: &mut Diagnostics) -> Option<MockDefaults> {
    let [type_name] = labels(block, ["type"], diagnostics)?;
    let kind = block.kind.name.as_ref();
    let what = format!("`{kind}` of `{}`", type_name.name);
    let mut arguments = Arguments::new(what, block.header, &block.body, diagnostics);
    let values = arguments.expr("defaults");
    let at_plan = during(&mut arguments);
    arguments.finish();
    Some(MockDefaults { is_data: kind == "mock_data", type_name, values, at_plan, span: block.header })
}

/// Decodes an `override_…` block, whose target must be of its kind.
pub(super) fn override_block(block: &Block, diagnostics: &mut Diagnostics) -> Option<Override> {
    let [] = labels(block, [], diagnostics)?;
    let kind = block.kind.name.as_ref();
    let is_module = kind == "override_module";
    let mut arguments = Arguments::new(format!("block `{kind}`"), block.header, &block.body, diagnostics);
    let target = arguments.required_names("target");
    let values = arguments.expr(if is_module { "outputs" } else { "values" });
    let at_plan = during(&mut arguments);
    arguments.finish();
    let target = place_of(&target?, diagnostics)?;
    let mode = target.resource.as_ref().map(|(key, _)| key.mode);
    let wanted = match kind {
        "override_module" if mode.is_some() => Some("expected a module: `module.name`"),
        "override_resource" if mode != Some(Mode::Managed) => Some("expected a resource: `type.name`"),
        "override_data" if mode != Some(Mode::Data) => Some("expected a data source: `data.type.name`"),
        _ => None,
    };
    if let Some(label) = wanted {
        let summary = format!("this is not what `{kind}` stands in for");
        diagnostics.push(Diagnostic::error(code::lang::BAD_REFERENCE, summary).at(target.span, label));
        return None;
    }
    Some(Override { target, values, at_plan, span: block.header })
}
