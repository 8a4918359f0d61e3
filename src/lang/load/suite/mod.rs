//! Files of tests, decoded: those in the root module's folder and in the folder of tests.
//!
//! Goes in: a project. Comes out: its test files with the modules that their runs call, or every error of all of them.
//! Never happens: evaluation.

mod mock;
mod run;

use super::arguments::{Arguments, labels, twice};
use super::blocks::empty;
use super::calls::CallBlock;
use super::files::{self, Location};
use super::statics::Statics;
use super::{LoadRequest, Loader, resources};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::config::{Module, ModuleSource, ProviderKey, Repeat};
use crate::lang::suite::{TestFile, TestProvider, TestSettings, TestVariables};
use crate::lang::syntax::ast::{Block, Expr, Ident, Item};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Labels of each kind of block of a file of tests.
const LABELS: [(&str, usize); 8] = [
    ("run", 1),
    ("variables", 0),
    ("provider", 1),
    ("mock_provider", 1),
    ("override_resource", 0),
    ("override_data", 0),
    ("override_module", 0),
    ("test", 0),
];

/// Loads the files of tests of a project: those of the root module's folder, and those of `folder`, which is relative to
/// that. The folder may be missing if it `may_miss`.
///
/// # Errors
/// The messages, sorted by place, hold all errors of all files; what could be decoded is there all the same.
pub fn load_tests(
    request: &LoadRequest<'_>,
    (folder, may_miss): (&Path, bool),
    sources: &mut SourceMap,
) -> (Vec<TestFile>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let mut found = Vec::new();
    let root = super::root_location(request.root);
    match files::Files::new(request) {
        Ok(files) => {
            let mut loader = Loader::new(files, request, sources, &mut diagnostics);
            if let Some(beside) = root.beside(&folder.to_string_lossy()) {
                loader.tests_in(&root, "", true, &mut found);
                if beside != root {
                    loader.tests_in(&beside, &folder.to_string_lossy(), may_miss, &mut found);
                }
            } else {
                let summary =
                    format!("the folder of tests `{}` lies outside of the project", folder.display());
                let error = Diagnostic::error(code::lang::OUTSIDE, summary);
                loader.diagnostics.push(error.help("name a folder below the project's"));
            }
        }
        Err(error) => {
            let summary = format!("the project cannot be read: {error}");
            diagnostics.push(Diagnostic::error(code::lang::UNREADABLE, summary));
        }
    }
    found.sort_by(|a: &TestFile, b: &TestFile| a.name.cmp(&b.name));
    diagnostics.sort();
    (found, diagnostics)
}

impl Loader<'_, '_> {
    fn tests_in(&mut self, location: &Location, folder: &str, may_miss: bool, found: &mut Vec<TestFile>) {
        let names = match self.files.list(location) {
            Ok(names) => names,
            Err(crate::lang::fetch::FetchError::NotFound) if may_miss => return,
            Err(error) => {
                let summary = format!("folder `{}` cannot be read: {error}", self.files.show(location));
                return self.diagnostics.push(Diagnostic::error(files::code_of(&error), summary));
            }
        };
        for name in names.iter().filter(|name| files::is_tests(name)) {
            // What is wrong with one file keeps no other from being run.
            let before = std::mem::take(self.diagnostics);
            let file = self.test_file(location, folder, name);
            let mut wrong = std::mem::replace(self.diagnostics, before);
            wrong.sort();
            found.push(file.with_wrong(wrong));
        }
    }

    fn test_file(&mut self, location: &Location, folder: &str, name: &str) -> TestFile {
        let (body, messages) = files::read_file(&self.files, location, name, &LABELS, self.sources);
        self.diagnostics.extend(messages);
        let shown = self.files.show_file(location, name);
        let mut file = TestFile::new(shown, folder.trim_matches('/').to_owned());
        let Some(body) = body else { return file };
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for item in &body.items {
            match item {
                Item::Attribute(attribute) => {
                    let name = &attribute.name.name;
                    let summary = format!("`{name}` stands outside of any block");
                    let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary);
                    let error = error.at(attribute.name.span, "arguments belong into blocks");
                    self.diagnostics
                        .push(error.help(format!(
                            "for the value of a variable, write `variables {{ {name} = … }}`"
                        )));
                }
                Item::Block(block) => {
                    let kind = block.kind.name.as_ref();
                    let once = matches!(kind, "variables" | "test");
                    if let Some(first) = seen.insert(kind, block.header).filter(|_| once) {
                        self.diagnostics.push(twice(&format!("block `{kind}`"), block.header, first));
                    }
                    self.test_block(block, &mut file);
                }
            }
        }
        file
    }

    fn test_block(&mut self, block: &Block, file: &mut TestFile) {
        match block.kind.name.as_ref() {
            "variables" => file.variables = variables(block, self.diagnostics),
            "test" => file.settings = test_settings(block, self.diagnostics),
            "run" => {
                let Some(run) = self.run_block(block) else { return };
                if let Some(first) = file.runs.iter().find(|first| first.name.name == run.name.name) {
                    let what = format!("run `{}`", run.name.name);
                    self.diagnostics.push(twice(&what, run.span, first.span));
                }
                file.runs.push(run);
            }
            "provider" => {
                let provider = resources::provider(block, self.diagnostics);
                if let Some(provider) = provider {
                    self.keep_provider(provider.key.clone(), TestProvider::Real(provider), file);
                }
            }
            "mock_provider" => {
                if let Some(mock) = self.mock_provider(block) {
                    self.keep_provider(mock.key.clone(), TestProvider::Mock(mock), file);
                }
            }
            "override_resource" | "override_data" | "override_module" => {
                file.overrides.extend(mock::override_block(block, self.diagnostics));
            }
            kind => {
                let summary = format!("there are no `{kind}` blocks in files of tests");
                let error =
                    Diagnostic::error(code::lang::UNKNOWN_BLOCK, summary).at(block.header, "unknown block");
                self.diagnostics.push(error.did_you_mean(kind, LABELS.map(|(kind, _)| kind)));
            }
        }
    }

    fn keep_provider(&mut self, key: ProviderKey, provider: TestProvider, file: &mut TestFile) {
        let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
        let what = format!("provider `{}{alias}`", key.name);
        match file.providers.get(&key) {
            Some(first) => {
                let error = twice(&what, provider.span(), first.span());
                self.diagnostics.push(
                    error.help(
                        "for a second one, add `alias = \"name\"`, and name it in the run's `providers`",
                    ),
                );
            }
            None => drop(file.providers.insert(key, provider)),
        }
    }

    /// Loads the module that a run names in place of the project's, as a root module. Folders are seen from the
    /// project's.
    pub(super) fn test_module(
        &mut self,
        (source, version): (Expr, Option<Expr>),
        header: Span,
    ) -> Option<Module> {
        let caller = empty(Vec::new(), ModuleSource::Folder(PathBuf::new()));
        let statics = Statics::new(&caller, None);
        let call = CallBlock {
            name: Ident { name: "module".into(), span: header },
            source,
            repeat: Repeat::Once,
            arguments: BTreeMap::new(),
            depends_on: Vec::new(),
            version,
            providers: BTreeMap::new(),
            span: header,
        };
        let root = self.root.clone();
        let (location, _) = match self.locate(&call, &statics, &root) {
            Ok(located) => located,
            Err(errors) => {
                self.diagnostics.extend(errors);
                return None;
            }
        };
        let folder = self.folder_of_call(&location, call.source.span)?;
        if folder.empty {
            let summary = "the folder of the module of this run has no configuration";
            let error = Diagnostic::error(code::lang::UNREADABLE, summary);
            self.diagnostics.push(error.at(call.source.span, "no `*.hcl` or `*.tf` file is in there"));
            return None;
        }
        let before = self.given.take();
        let module = self.load(&location, Vec::new(), &mut Vec::new(), None);
        self.given = before;
        module
    }
}

/// The arguments of a `variables` block.
fn variables(block: &Block, diagnostics: &mut Diagnostics) -> TestVariables {
    let mut arguments =
        Arguments::new("block `variables`".to_owned(), block.header, &block.body, diagnostics);
    let all = arguments.rest();
    arguments.finish();
    all.into_iter().map(|one| (one.name.name.clone(), (one.name, one.value))).collect()
}

fn test_settings(block: &Block, diagnostics: &mut Diagnostics) -> TestSettings {
    if labels(block, [], diagnostics).is_none() {
        return TestSettings::default();
    }
    let mut arguments = Arguments::new("block `test`".to_owned(), block.header, &block.body, diagnostics);
    let settings = settings(&mut arguments);
    arguments.finish();
    settings
}

/// What a `test` block and a `run` block both can say.
fn settings(arguments: &mut Arguments<'_>) -> TestSettings {
    TestSettings { parallel: arguments.bool("parallel"), manifest: arguments.text("manifest") }
}
