//! What tests are run with: the project, its files of tests, and what is given for all of them.

use crate::cli::args::Test;
use crate::cli::environment::Chosen;
use crate::cli::packages::Packages;
use crate::cli::policies;
use crate::cli::project::{Place, Project};
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::variables;
use crate::cli::vault::Keys;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::fetch::Mode;
use crate::lang::config::{Module, TypeDefaults, Variable};
use crate::lang::suite::{Run, TestFile};
use crate::lang::syntax::ast::Ident;
use crate::lang::value::{Type, Value};
use crate::manifest::Manifests;
use crate::plan::{Context, Inputs, Kind};
use crate::policy::{Bundles, PolicyError};
use crate::provider::{self, Provider, Surroundings};
use crate::test::variables_of;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The folder of tests where none is named. It may be missing.
const FOLDER: &str = "tests";

/// All that was read.
pub(super) struct Opened {
    pub(super) sources: SourceMap,
    pub(super) project: Project,
    pub(super) files: Vec<TestFile>,
    pub(super) context: Context,
    pub(super) environment: Chosen,
    pub(super) folder_inputs: BTreeMap<String, Inputs>,
    /// Manifests that tests name, by the names of their files, and `manifest` for each.
    pub(super) manifests: BTreeMap<Arc<str>, Manifests>,
    pub(super) manifest_values: BTreeMap<Arc<str>, Value>,
    pub(super) providers: BTreeMap<&'static str, Arc<dyn Provider>>,
    pub(super) surroundings: Surroundings,
    /// What changes of real objects are judged by.
    pub(super) bundles: Result<Bundles, PolicyError>,
}

impl Opened {
    pub(super) fn read(options: &Test, screen: &mut Screen) -> Result<(Self, Diagnostics), Failed> {
        let mut sources = SourceMap::new();
        let opened = Place::find(options.source.path.as_deref())
            .and_then(|place| Self::read_at(&place, options, &mut sources, screen));
        match opened {
            Ok((opened, messages)) => Ok((Self { sources, ..opened }, messages)),
            Err(messages) => Err(Failed { sources, messages }),
        }
    }

    fn read_at(
        place: &Place,
        options: &Test,
        sources: &mut SourceMap,
        screen: &mut Screen,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let packages = Packages::new(place, &options.source, Mode::Missing);
        let loaded = place.load(true, &packages, sources);
        let folder = options.directory.as_deref().unwrap_or(Path::new(FOLDER));
        let may_miss = options.directory.is_none();
        let (files, said) = place.load_tests((folder, may_miss), &packages, sources);
        if !options.source.json {
            screen.say(&packages.news());
        }
        let ((project, mut messages), said) = match loaded {
            Ok(project) => (project, said),
            Err(mut messages) => {
                messages.extend(said);
                return Err(messages);
            }
        };
        messages.extend(said);
        let files = filtered(files, options, place, &mut messages);
        let (files, (manifests, manifest_values)) = read_manifests(place, files, sources);
        for file in files.iter().filter(|file| !file.wrong.has_errors()) {
            messages.extend(file.wrong.clone());
        }
        if messages.has_errors() {
            return Err(messages);
        }
        let declared = declared(&project.config, &files);
        hide(&declared, &files, sources);
        let given = (&options.source, place);
        let (inputs, said) = variables::gather_below(given, None, &declared, sources)?;
        messages.extend(said);
        variables::hide(&declared, &inputs, sources, screen);
        let mut folder_inputs = BTreeMap::new();
        for folder in files.iter().map(|file| file.folder.as_str()).collect::<BTreeSet<_>>() {
            if folder.is_empty() || variables::files_of(&place.folder.join(folder)).is_empty() {
                continue;
            }
            let (inputs, said) = variables::gather_below(given, Some(folder), &declared, sources)?;
            messages.extend(said);
            variables::hide(&declared, &inputs, sources, screen);
            folder_inputs.insert(folder.to_owned(), inputs);
        }
        let environment = Chosen::if_named(&project.config.environments, options.source.env())?;
        let keys = Keys::of_place(place, &options.source)?;
        let context = session::context(place, &project, inputs, (Some(Kind::Apply), &environment));
        let (providers, surroundings) = (provider::all(), session::surroundings(place, &environment, &keys));
        let read = policies::read(place, &options.source, &project.config.settings.policies, Mode::Missing);
        if !options.source.json {
            screen.say(&read.news);
        }
        let (sources, bundles) = (SourceMap::new(), read.bundles);
        let opened = Self {
            sources,
            project,
            files,
            context,
            environment,
            folder_inputs,
            manifests,
            manifest_values,
            providers,
            surroundings,
            bundles,
        };
        Ok((opened, messages))
    }
}

/// The files that are run: all, or those that the command line names.
fn filtered(
    mut files: Vec<TestFile>,
    options: &Test,
    place: &Place,
    messages: &mut Diagnostics,
) -> Vec<TestFile> {
    if options.filters.is_empty() {
        return files;
    }
    let beside = |filter: &Path| normal(&Path::new(&place.shown).join(filter));
    let wanted = |filter: &Path, file: &TestFile| {
        let name = normal(Path::new(&file.name));
        name == normal(filter) || name == beside(filter)
    };
    for filter in &options.filters {
        if files.iter().any(|file| wanted(filter, file)) {
            continue;
        }
        let summary = format!("there is no file of tests `{}`", filter.display());
        let error = Diagnostic::error(code::engine::NO_TEST, summary);
        let known = files.iter().map(|file| file.name.as_str());
        messages.push(error.did_you_mean(&filter.to_string_lossy(), known));
    }
    files.retain(|file| options.filters.iter().any(|filter| wanted(filter, file)));
    files
}

/// A path without `.`.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

type ReadManifests = (BTreeMap<Arc<str>, Manifests>, BTreeMap<Arc<str>, Value>);

/// The manifests that tests name. What is wrong with one is wrong with the files that name it.
fn read_manifests(
    place: &Place,
    files: Vec<TestFile>,
    sources: &mut SourceMap,
) -> (Vec<TestFile>, ReadManifests) {
    let (mut manifests, mut values) = (BTreeMap::new(), BTreeMap::new());
    let mut read_all = |file: &TestFile| {
        let mut wrong = Diagnostics::new();
        let settings = file.runs.iter().map(|run: &Run| &run.settings).chain([&file.settings]);
        for (name, span) in settings.filter_map(|settings| settings.manifest.as_ref()) {
            if manifests.contains_key(name) {
                continue;
            }
            match place.load_manifests((name, *span), sources) {
                Ok((read, value)) => {
                    manifests.insert(name.clone(), read);
                    values.insert(name.clone(), value);
                }
                Err(said) => wrong.extend(said),
            }
        }
        wrong
    };
    let files = files.into_iter().map(|file| {
        let wrong = read_all(&file);
        file.with_wrong(wrong)
    });
    (files.collect(), (manifests, values))
}

/// The variables for which something may be given: the configuration's, those of the modules that runs call, and those
/// that only files of tests know.
fn declared(config: &Module, files: &[TestFile]) -> Module {
    let mut declared = config.clone();
    let runs = files.iter().flat_map(|file| &file.runs);
    for (_, module) in runs.filter_map(|run| run.module.as_ref()) {
        for (name, variable) in &module.variables {
            declared.variables.entry(name.clone()).or_insert_with(|| variable.clone());
        }
    }
    for name in files.iter().flat_map(variables_of) {
        declared.variables.entry(name.name.clone()).or_insert_with(|| of_any_type(name));
    }
    declared
}

fn of_any_type(name: Ident) -> Variable {
    let span = name.span;
    Variable {
        name,
        ty: Type::Any,
        is_typed: true,
        defaults: TypeDefaults::default(),
        default: None,
        description: String::new(),
        sensitive: false,
        ephemeral: false,
        nullable: true,
        deprecated: None,
        validations: Vec::new(),
        span,
    }
}

/// From now on no message quotes what files of tests give for sensitive variables.
fn hide(declared: &Module, files: &[TestFile], sources: &mut SourceMap) {
    let is_secret = |name: &Arc<str>| {
        let variable = declared.variables.get(name);
        variable.is_some_and(|variable| variable.sensitive || variable.ephemeral)
    };
    for file in files {
        let own = file.runs.iter().map(|run| &run.variables);
        for (name, (_, expr)) in own.chain([&file.variables]).flatten() {
            if is_secret(name) {
                sources.hide(expr.span);
            }
        }
    }
}
