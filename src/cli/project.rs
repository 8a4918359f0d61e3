//! A folder, or one manifest, to everything that a plan is made from.

use super::packages::Packages;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, because, code};
use crate::lang::config::{Module, ModuleSource};
use crate::lang::load::{self, LoadRequest, Root, States, Unwritten};
use crate::lang::scope::Nowhere;
use crate::lang::suite::TestFile;
use crate::lang::value::{Type, Value};
use crate::manifest::{self, Artifact, Manifest, Manifests};
use crate::modules;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// States of one folder that are looked at for a hint.
const OTHER_STATES_MAX: usize = 1_000;

/// Where a project is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder, absolute.
    pub(super) folder: PathBuf,
    /// The folder as the user wrote it.
    pub(super) shown: String,
    /// The one manifest that was named, as the user wrote it.
    pub(super) manifest: Option<PathBuf>,
    /// Whether there may be nothing in it.
    pub(super) bare: bool,
    /// Whether what could be read of it is used also if there are errors, to look for more.
    pub(super) partly: bool,
    /// Blocks that may be missing in its configuration.
    pub(super) unwritten: Unwritten,
}

/// Everything that was read of a project.
pub(super) struct Project {
    pub(super) config: Arc<Module>,
    pub(super) manifests: Manifests,
    /// `manifest`, as the configuration sees it.
    pub(super) values: Value,
    /// The numbers of the sources that the manifests were read from.
    pub(super) manifest_sources: Range<usize>,
    /// The numbers of those of the configuration.
    pub(super) config_sources: Range<usize>,
}

/// The texts of a project as they were when a plan was made of them.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Files of the configuration, by their place in the project.
    pub(super) configuration: BTreeMap<String, String>,
    /// Files with manifests, by the name that is shown.
    pub(super) manifests: BTreeMap<String, String>,
}

impl Place {
    /// The project at `path`: a folder, or one manifest, whose folder then is the project's.
    pub(super) fn find(path: Option<&Path>) -> Result<Self, Diagnostics> {
        let path = path.unwrap_or(Path::new("."));
        let missing = |error: &std::io::Error| {
            Diagnostics::from(
                Diagnostic::error(
                    code::engine::FILE,
                    format!("`{}` cannot be read: {}", path.display(), because(error)),
                )
                .help("give the folder of a configuration, or one manifest"),
            )
        };
        let kind = std::fs::metadata(path).map_err(|error| missing(&error))?;
        let (folder, manifest) = if kind.is_dir() {
            (path, None)
        } else {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")), Some(path.to_owned()))
        };
        let absolute = folder.canonicalize().map_err(|error| missing(&error))?;
        Ok(Self {
            folder: absolute,
            shown: folder.display().to_string(),
            manifest,
            bare: false,
            partly: false,
            unwritten: Unwritten::Nothing,
        })
    }

    /// What is kept between runs.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join(".mlo")
    }

    /// The folder of the states, where the configuration says no other place: one for the folder's configuration, one
    /// for each manifest that is used alone.
    pub(super) fn states(&self) -> PathBuf {
        let alone = self.manifest.as_ref().and_then(|file| file.file_name());
        let states = self.home().join("state");
        alone.map_or_else(|| states.clone(), |file| states.join(file))
    }

    /// The folder of the state, where the configuration says no other place.
    fn state_folder(&self) -> PathBuf {
        self.states().join("default")
    }

    /// What the configuration says of its states.
    pub(super) fn declared_states(&self, sources: &mut SourceMap) -> Result<States, Diagnostics> {
        if self.has_builtin_root() {
            return Ok(States::default());
        }
        let root = Root::Folder {
            project: self.folder.as_path(),
            module: Path::new(""),
            shown: self.shown_folder(),
        };
        let request = LoadRequest {
            root,
            builtin: &|_| None,
            builtin_names: &[],
            version: env!("CARGO_PKG_VERSION"),
            elsewhere: &Nowhere,
            unwritten: Unwritten::Nothing,
        };
        load::states(&request, sources)
    }

    /// A text with paths in the project as the user knows them: relative to where the command runs.
    pub(super) fn relative(&self, text: &str) -> String {
        let folder = self.folder.display().to_string();
        let prefix = format!("{}{}", folder.trim_end_matches('/'), std::path::MAIN_SEPARATOR);
        let shown = self.shown.trim_end_matches('/');
        text.replace(&prefix, &if shown == "." { String::new() } else { format!("{shown}/") })
    }

    /// What else in this folder has a state of its own, as `mlo` takes it: manifests that were applied alone, and the
    /// folder.
    pub(super) fn other_states(&self) -> Vec<String> {
        let states = self.home().join("state");
        let own = self.state_folder();
        let Ok(entries) = std::fs::read_dir(&states) else { return Vec::new() };
        let names = entries.take(OTHER_STATES_MAX).filter_map(|entry| Some(entry.ok()?.file_name()));
        let others = names.filter_map(|name| {
            let alone = states.join(&name).join("default");
            if name == "default" {
                return Some(self.shown.clone()).filter(|_| own != states.join(&name));
            }
            let file = if self.shown == "." {
                name.to_string_lossy().into_owned()
            } else {
                format!("{}/{}", self.shown.trim_end_matches('/'), name.to_string_lossy())
            };
            Some(file).filter(|_| own != alone && alone.join("state.json").is_file())
        });
        let mut others: Vec<_> = others.collect();
        others.sort();
        others
    }

    /// Reads configuration, manifests and, with `with_models`, the models that they name.
    pub(super) fn load(
        &self,
        with_models: bool,
        packages: &Packages<'_>,
        sources: &mut SourceMap,
    ) -> Result<(Project, Diagnostics), Diagnostics> {
        let path = self.manifest.as_deref().unwrap_or(&self.folder);
        let shown =
            self.manifest.as_ref().map_or_else(|| self.shown.clone(), |path| path.display().to_string());
        let mut messages = Diagnostics::new();
        let start = sources.iter().len();
        let manifests = keep(manifest::load(path, &shown, sources), &mut messages);
        let manifest_sources = start..sources.iter().len();
        let builtin_root = self.has_builtin_root();
        let config = self.load_config(builtin_root, packages, sources, &mut messages);
        if builtin_root
            && !self.bare
            && manifests.as_ref().is_some_and(Manifests::is_empty)
            && !self.state_folder().exists()
        {
            let nothing = manifest::nothing_in(&self.shown);
            messages.push(nothing.help("or write configuration: `*.hcl` or `*.tf` files"));
        }
        self.assemble((manifests, config), with_models, (sources, manifest_sources), messages)
    }

    /// Reads configuration and manifests from texts that were kept, and the models that they name from where they are.
    pub(super) fn load_texts(
        &self,
        texts: &Texts,
        with_models: bool,
        packages: &Packages<'_>,
        sources: &mut SourceMap,
    ) -> Result<(Project, Diagnostics), Diagnostics> {
        let mut messages = Diagnostics::new();
        let start = sources.iter().len();
        let ids: Vec<_> =
            texts.manifests.iter().map(|(name, text)| sources.add(name.as_str(), text.as_str())).collect();
        let manifests = keep(manifest::load_sources(ids, sources), &mut messages);
        let manifest_sources = start..sources.iter().len();
        let (files, project) = (&texts.configuration, self.folder.as_path());
        let saved = Root::Saved { files, project, shown: self.shown_folder() };
        let root = if files.is_empty() { Root::Builtin("root") } else { saved };
        let config = self.load_root(root, packages, sources, &mut messages);
        self.assemble((manifests, config), with_models, (sources, manifest_sources), messages)
    }

    fn shown_folder(&self) -> &Path {
        Path::new(if self.shown == "." { "" } else { self.shown.as_str() })
    }

    fn assemble(
        &self,
        (manifests, config): (Option<Manifests>, Option<Module>),
        with_models: bool,
        (sources, manifest_sources): (&SourceMap, Range<usize>),
        mut messages: Diagnostics,
    ) -> Result<(Project, Diagnostics), Diagnostics> {
        let mut artifacts = BTreeMap::new();
        if let Some(manifests) = manifests.as_ref().filter(|_| with_models) {
            for manifest in manifests.iter() {
                match manifest::resolve(manifest, &self.folder, &self.folder) {
                    Ok(artifact) => {
                        artifacts.insert(manifest.name().to_owned(), artifact);
                    }
                    Err(error) => messages.extend(error),
                }
            }
        }
        let values = manifests.as_ref().map(|manifests| manifest_values(manifests, &artifacts));
        let (manifests, values) = match manifests.zip(values) {
            Some(read) => read,
            None if self.partly => (Manifests::new(), Value::unknown(Type::Any)),
            None => return Err(sorted(messages)),
        };
        let is_builtin = config.as_ref().is_some_and(|root| matches!(root.source, ModuleSource::Builtin(_)));
        let says_nothing = !self.partly && is_builtin && manifests.is_empty();
        // A folder with nothing in it declares no outputs.
        let silent = |root: Module| Module { outputs: BTreeMap::new(), ..root };
        let config = if says_nothing { config.map(silent) } else { config };
        let Some(config) = config.filter(|_| self.partly || !messages.has_errors()) else {
            return Err(sorted(messages));
        };
        let config_sources = manifest_sources.end..sources.iter().len();
        let project =
            Project { config: Arc::new(config), manifests, values, manifest_sources, config_sources };
        Ok((project, messages))
    }

    /// Whether the configuration is the built-in one.
    pub(super) fn has_builtin_root(&self) -> bool {
        self.manifest.is_some() || !load::has_configuration(&self.folder)
    }

    /// Reads the configuration alone: the folder's, or the built-in one.
    pub(super) fn load_config(
        &self,
        builtin_root: bool,
        packages: &Packages<'_>,
        sources: &mut SourceMap,
        messages: &mut Diagnostics,
    ) -> Option<Module> {
        let (project, shown) = (self.folder.as_path(), self.shown_folder());
        let folder = Root::Folder { project, module: Path::new(""), shown };
        let root = if builtin_root { Root::Builtin("root") } else { folder };
        self.load_root(root, packages, sources, messages)
    }

    fn load_root(
        &self,
        root: Root<'_>,
        packages: &Packages<'_>,
        sources: &mut SourceMap,
        messages: &mut Diagnostics,
    ) -> Option<Module> {
        let load = if self.partly { load::load_partly } else { load::load };
        let (config, said) =
            with_request((root, &self.unwritten), packages, |request| load(request, sources));
        messages.extend(said);
        messages.extend(packages.keep_lock());
        config
    }

    /// Reads the files of tests: those in the project's folder, and those in `folder`, which may be missing if it
    /// `may_miss`.
    pub(super) fn load_tests(
        &self,
        (folder, may_miss): (&Path, bool),
        packages: &Packages<'_>,
        sources: &mut SourceMap,
    ) -> (Vec<TestFile>, Diagnostics) {
        let root = Root::Folder { project: &self.folder, module: Path::new(""), shown: self.shown_folder() };
        let (files, mut messages) = with_request((root, &self.unwritten), packages, |request| {
            load::load_tests(request, (folder, may_miss), sources)
        });
        messages.extend(packages.keep_lock());
        (files, messages)
    }

    /// Reads manifests of the project's that a test names, and the models that they name.
    pub(super) fn load_manifests(
        &self,
        (name, span): (&str, Span),
        sources: &mut SourceMap,
    ) -> Result<(Manifests, Value), Diagnostics> {
        let path = Path::new(name);
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !path.components().all(is_inside) {
            let summary = format!("`{name}` lies outside of the project");
            return Err(Diagnostic::error(code::lang::OUTSIDE, summary).at(span, "").into());
        }
        let shown = self.shown_folder().join(path).display().to_string();
        let (manifests, mut messages) = manifest::load(&self.folder.join(path), &shown, sources)?;
        let mut artifacts = BTreeMap::new();
        for manifest in manifests.iter() {
            match manifest::resolve(manifest, &self.folder, &self.folder) {
                Ok(artifact) => drop(artifacts.insert(manifest.name().to_owned(), artifact)),
                Err(error) => messages.extend(error),
            }
        }
        let values = manifest_values(&manifests, &artifacts);
        messages.into_result((manifests, values)).map(|(read, _)| read)
    }
}

fn with_request<T>(
    (root, unwritten): (Root<'_>, &Unwritten),
    packages: &Packages<'_>,
    load: impl FnOnce(&LoadRequest<'_>) -> T,
) -> T {
    let builtin = |name: &str| {
        let files = modules::builtin(name)?;
        Some(files.iter().map(|(file, text)| ((*file).to_owned(), *text)).collect())
    };
    let builtin_names: Vec<_> = modules::names().collect();
    load(&LoadRequest {
        root,
        builtin: &builtin,
        builtin_names: &builtin_names,
        version: env!("CARGO_PKG_VERSION"),
        elsewhere: packages,
        unwritten: unwritten.clone(),
    })
}

fn sorted(mut messages: Diagnostics) -> Diagnostics {
    messages.sort();
    messages
}

fn keep<T>(result: Result<(T, Diagnostics), Diagnostics>, messages: &mut Diagnostics) -> Option<T> {
    match result {
        Ok((value, said)) => {
            messages.extend(said);
            Some(value)
        }
        Err(said) => {
            messages.extend(said);
            None
        }
    }
}

fn manifest_values(manifests: &Manifests, artifacts: &BTreeMap<String, Artifact>) -> Value {
    let value =
        |manifest: &Manifest| (Arc::from(manifest.name()), manifest.to_value(artifacts.get(manifest.name())));
    Value::object(manifests.iter().map(value))
}
