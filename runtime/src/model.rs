//! From a URI to a model that answers: found, checked, tried in a child, loaded, warmed up, asked what is known.
//!
//! In: what the operator says of a model. Out: a [`Served`]. Never: a model whose bytes are not those that were
//! checked, or a reason for outsiders that holds a path or another program's words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mlo_model::{ModelError, ModelFacts, ModelFiles};

use crate::answer::{Labels, Outputs, Reading};
use crate::batch::Batching;
pub(crate) use crate::batch::Queue;
use crate::clock;
use crate::config::Options;
use crate::golden::{self, GoldenError};
use crate::log::Log;
use crate::onnxruntime::{self, NotFound};
use crate::probe::{self, ProbeError, Trial};
use crate::request::{Port, Taking};
use crate::session::{Engine, Placement, Session, SessionError, Signature};
use crate::source::{Fetched, SourceError, Sources};
use crate::spec::Spec;
use crate::surroundings::Surroundings;
use crate::warm_up::{self, WarmUp};

/// The entry of a model's metadata that names its columns.
const COLUMNS_METADATA: &str = "feature_names";

/// How far the model is.
#[derive(Clone)]
pub(crate) enum Stage {
    /// Being loaded.
    Loading,
    /// Answers.
    Ready(Arc<Served>),
    /// There is none; why, for outsiders.
    Failed(&'static str),
}

/// A model that answers.
pub(crate) struct Served {
    pub(crate) facts: ModelFacts,
    /// The version that its source gives it.
    pub(crate) version: Option<String>,
    /// What requests are read against.
    pub(crate) taking: Taking,
    /// Its outputs, in their order.
    pub(crate) outputs: Vec<Port>,
    /// What they mean to `/predict`.
    pub(crate) reading: Reading,
    /// The classes that scores belong to, in order, where the model says.
    pub(crate) classes: Option<Labels>,
    /// The operator's names for them, as many as there are scores; or none.
    pub(crate) names: Vec<String>,
    pub(crate) batching: Batching,
    pub(crate) placement: Placement,
    pub(crate) loaded_at: jiff::Timestamp,
    pub(crate) queue: Queue,
}

impl Drop for Served {
    /// Nobody can ask it any more: its threads end after what they were given.
    fn drop(&mut self) {
        self.queue.stop();
    }
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("no model is configured; name one with --model or MODEL_URI")]
    NotConfigured,
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the model file has the digest {got}, and {expected} is expected")]
    Digest { expected: String, got: String },
    #[error(transparent)]
    Library(#[from] NotFound),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("{labels} class labels are given, and the model has {classes} classes")]
    LabelCount { labels: usize, classes: usize },
    #[error("class labels are given, and the model gives no score for each class")]
    LabelsWithoutScores,
    #[error("{names} columns are named, and the model has {columns}")]
    ColumnCount { names: usize, columns: usize },
    #[error(transparent)]
    Source(SourceError),
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error(transparent)]
    Probe(ProbeError),
    #[error(transparent)]
    Golden(#[from] GoldenError),
    #[error("the server is stopping")]
    Stopped,
}

impl From<ProbeError> for LoadError {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Session(error) => LoadError::Session(error),
            ProbeError::Stopped => LoadError::Stopped,
            other => LoadError::Probe(other),
        }
    }
}

impl From<SourceError> for LoadError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Model(error) => LoadError::Model(error),
            other => LoadError::Source(other),
        }
    }
}

impl LoadError {
    /// What outsiders may know: no path, no text of another program.
    pub(crate) fn public(&self) -> &'static str {
        match self {
            LoadError::NotConfigured => "no model is configured",
            LoadError::Digest { .. } => "the model file does not have the expected digest",
            LoadError::Library(_) => "ONNX Runtime was not found",
            LoadError::LabelCount { .. } | LoadError::LabelsWithoutScores => {
                "the class labels do not fit the model"
            }
            LoadError::ColumnCount { .. } => "the names of the columns do not fit the model",
            LoadError::Source(error) => error.public(),
            LoadError::Thread(_) => "the system gives no thread",
            LoadError::Probe(ProbeError::Hangs(_)) => "the model takes too long to load",
            LoadError::Probe(ProbeError::Start(_)) => "the model could not be tried",
            LoadError::Probe(_) => "the model ends the process that loads it",
            LoadError::Golden(_) => "the model does not give the answers that are known",
            LoadError::Stopped => "the server is stopping",
            LoadError::Model(error) => match error {
                ModelError::Scheme { .. } | ModelError::Uri { .. } => "the model URI is not supported",
                ModelError::Missing { .. } => "the model file was not found",
                ModelError::Folder { .. } => "the model folder does not hold exactly one ONNX file",
                ModelError::Outside { .. } | ModelError::NotAFile { .. } | ModelError::Read { .. } => {
                    "the model file cannot be read"
                }
                ModelError::Empty
                | ModelError::TooLarge { .. }
                | ModelError::NotOnnx { .. }
                | ModelError::Corrupt { .. }
                | ModelError::Limit { .. } => "the model file is not a usable ONNX model",
                ModelError::ExternalData { .. } => {
                    "the model keeps data in other files than those in its own folder, or they are not there"
                }
            },
            LoadError::Session(error) => match error {
                SessionError::Library(_) | SessionError::LibraryHangs => "ONNX Runtime could not be loaded",
                SessionError::Refused(_) => "ONNX Runtime refuses the model",
                SessionError::Provider { .. } => "the execution provider that was asked for cannot be used",
                SessionError::Unsupported(_) => {
                    "the model's inputs or outputs are of a kind that is not served"
                }
                SessionError::Input(_) | SessionError::Run(_) | SessionError::Answer(_) => {
                    "the model failed its warm-up prediction"
                }
            },
        }
    }
}

/// Loads models; keeps ONNX Runtime, of which a process has one.
pub(crate) struct Loader {
    options: Options,
    around: Surroundings,
    log: Log,
    engine: Option<Engine>,
    /// Set when the server is being stopped: nothing is loaded any more.
    stopping: Arc<AtomicBool>,
}

impl Loader {
    pub(crate) fn new(options: Options, around: Surroundings, log: Log, stopping: Arc<AtomicBool>) -> Self {
        Self { options, around, log, engine: None, stopping }
    }

    /// Whether it is worth going on.
    fn wanted(&self) -> Result<(), LoadError> {
        if self.stopping.load(Ordering::Relaxed) { Err(LoadError::Stopped) } else { Ok(()) }
    }

    /// Loads what is newest; nothing where that is what answers already.
    pub(crate) fn load(&mut self, spec: &Spec, before: Option<&Served>) -> Result<Option<Served>, LoadError> {
        self.wanted()?;
        let uri = spec.uri.as_deref().ok_or(LoadError::NotConfigured)?;
        let credentials = self.options.credentials(&self.around);
        let sources = Sources {
            folder: &self.around.folder,
            cache: self.around.cache.as_deref(),
            credentials: &credentials,
            expected: spec.sha256.as_deref(),
        };
        let Fetched { files, version } = sources.fetch(uri)?;
        let facts = mlo_model::inspect_files(&files)?;
        if let Some(expected) = spec.sha256.as_ref().filter(|expected| **expected != facts.digest) {
            return Err(LoadError::Digest { expected: expected.clone(), got: facts.digest });
        }
        if before.is_some_and(|before| before.facts.digest == facts.digest) {
            return Ok(None);
        }
        self.serve(spec, facts, &files, version).map(Some)
    }

    fn serve(
        &mut self,
        spec: &Spec,
        facts: ModelFacts,
        files: &ModelFiles,
        version: Option<String>,
    ) -> Result<Served, LoadError> {
        let (options, log) = (&self.options, &self.log);
        let library = onnxruntime::find(options, &self.around)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let execution = options.execution(processors);
        let max = options.load_time();
        let (digest, stopping) = (facts.digest.as_str(), self.stopping.as_ref());
        let trial = Trial { files, digest, library: &library, execution, max, stopping };
        probe::run(&trial, options, &self.around)?;
        // What ONNX Runtime has begun cannot be ended.
        self.wanted()?;
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => self.engine.insert(Engine::load(&library, log)?).clone(),
        };
        let mut sessions = Vec::new();
        for _ in 0..options.instances {
            self.wanted()?;
            sessions.push(Session::load(&engine, files, execution)?);
        }
        let first = sessions.first().map(|session| (Arc::clone(session.signature()), session.placement()));
        let (signature, placement) = first.ok_or(LoadError::NotConfigured)?;
        if placement.provider != options.provider || placement.mixed {
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("wanted", &options.provider), ("computes", &placement.names().join(", "))];
            log.warn("the provider that is wanted does not compute all of the model", &values);
        }
        let taking = taking(spec, options, &facts, &signature)?;
        let warm_up = warm_up(&mut sessions, &signature, &taking, log)?;
        let reading = Reading::of(&signature.outputs);
        let names = class_names(spec, reading, &warm_up.outputs)?;
        let queue = Queue::start(sessions, warm_up.batching, options.limits(), warm_up.asked.as_ref())?;
        let served = Served {
            facts,
            version,
            taking,
            outputs: signature.outputs.clone(),
            reading,
            classes: warm_up.outputs.classes,
            names,
            batching: warm_up.batching,
            placement,
            loaded_at: clock::now(),
            queue,
        };
        if let Some(path) = &spec.golden {
            let count = golden::check(path, &served)?;
            log.info("golden requests answered as known", &[("model", &spec.name), ("count", &count)]);
        }
        Ok(served)
    }
}

/// Runs every instance once: the first run allocates and optimises, and shows that the model runs at all.
///
/// A refusal only says that what was made up is not what the model takes: it may want another length, or a category that
/// it has seen. Whether it answers at all, golden requests show.
fn warm_up(
    sessions: &mut [Session],
    signature: &Signature,
    taking: &Taking,
    log: &Log,
) -> Result<WarmUp, LoadError> {
    let mut first = None;
    for session in sessions {
        let warm_up = match warm_up::run(session, taking) {
            Err(SessionError::Input(reason) | SessionError::Run(reason)) => {
                let message = "not warmed up, since the model does not take rows that are made up; golden requests show \
                               whether it answers";
                log.warn(message, &[("reason", &reason)]);
                // What was not seen to be right is not done.
                let batching = match warm_up::declared(signature) {
                    Batching::Merged => Batching::Alone,
                    declared => declared,
                };
                WarmUp { batching, asked: None, outputs: Outputs::default() }
            }
            outcome => outcome?,
        };
        first.get_or_insert(warm_up);
    }
    Ok(first.unwrap_or(WarmUp { batching: Batching::Alone, asked: None, outputs: Outputs::default() }))
}

/// What requests are read against: the model's inputs, and the names of the columns of its only one.
fn taking(
    spec: &Spec,
    options: &Options,
    facts: &ModelFacts,
    signature: &Signature,
) -> Result<Taking, LoadError> {
    let given = &spec.features;
    let width = match signature.inputs.as_slice() {
        [only] => only.dims.get(1).copied().flatten().filter(|_| only.dims.len() == 2),
        _ => None,
    };
    match width {
        Some(columns) if !given.is_empty() && given.len() != columns => {
            return Err(LoadError::ColumnCount { names: given.len(), columns });
        }
        _ => {}
    }
    let own = || facts.metadata.get(COLUMNS_METADATA).map(|text| listed(text)).unwrap_or_default();
    let columns = if given.is_empty() { own() } else { given.clone() };
    // What the model says of itself is taken only where it can be true.
    let columns = if width.is_some_and(|width| width != columns.len()) { Vec::new() } else { columns };
    Ok(Taking { inputs: signature.inputs.clone(), columns, missing: options.missing() })
}

/// Names in a JSON list, or with commas between them.
fn listed(text: &str) -> Vec<String> {
    serde_json::from_str(text)
        .unwrap_or_else(|_| text.split(',').map(|name| name.trim().to_owned()).collect())
}

/// The operator's class names, if they fit what the warm-up answered; unchecked where there was none.
fn class_names(spec: &Spec, reading: Reading, outputs: &Outputs) -> Result<Vec<String>, LoadError> {
    let names = spec.labels.clone();
    if names.is_empty() || outputs.tensors.is_empty() {
        return Ok(names);
    }
    match reading.scores(outputs).map(crate::tensor::Tensor::row_len) {
        Some(classes) if classes == names.len() => Ok(names),
        Some(classes) => Err(LoadError::LabelCount { labels: names.len(), classes }),
        None => Err(LoadError::LabelsWithoutScores),
    }
}
