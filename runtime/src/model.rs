//! From a URI to a model that answers: found, checked, loaded, warmed up.
//!
//! In: the options. Out: a [`Stage`] that everyone can watch. Never: a model whose bytes are not those that were
//! checked, or a reason for outsiders that holds a path or another program's words.

use std::sync::Arc;

use mlo_model::{ModelError, ModelFacts, Root};
use tokio::sync::watch;

use crate::clock;
use crate::config::{LogLevel, Options, Surroundings};
use crate::log::Log;
use crate::onnxruntime::{self, NotFound};
use crate::queue::{self, Queue};
use crate::session::{Answer, Engine, Labels, Session, SessionError};
use crate::tensor::{Element, Rows, Values, Want};

/// Columns of the warm-up row where the model does not fix them.
const WARM_UP_COLUMNS: usize = 1;

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
    pub(crate) want: Want,
    /// The classes that scores belong to, in order, where the model says.
    pub(crate) classes: Option<Labels>,
    /// The operator's names for them, as many as there are scores; or none.
    pub(crate) names: Vec<String>,
    pub(crate) loaded_at: jiff::Timestamp,
    pub(crate) queue: Queue,
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
}

impl LoadError {
    /// What outsiders may know: no path, no text of another program.
    fn public(&self) -> &'static str {
        match self {
            LoadError::NotConfigured => "no model is configured",
            LoadError::Digest { .. } => "the model file does not have the expected digest",
            LoadError::Library(_) => "ONNX Runtime was not found",
            LoadError::LabelCount { .. } | LoadError::LabelsWithoutScores => {
                "the class labels do not fit the model"
            }
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
                    "the model keeps data in other files, which is not allowed"
                }
            },
            LoadError::Session(error) => match error {
                SessionError::Library(_) | SessionError::LibraryHangs => "ONNX Runtime could not be loaded",
                SessionError::Refused(_) => "ONNX Runtime refuses the model",
                SessionError::Unsupported(_) => {
                    "the model's inputs or outputs are of a kind that is not served"
                }
                SessionError::Run(_) | SessionError::Answer { .. } => {
                    "the model failed its warm-up prediction"
                }
            },
        }
    }
}

/// Loads the model on a thread of its own, which then runs it until its queue is stopped; returns what to watch.
pub(crate) fn start(
    options: Options,
    around: Surroundings,
    log: Log,
) -> std::io::Result<(watch::Receiver<Stage>, std::thread::JoinHandle<()>)> {
    let (stage, watched) = watch::channel(Stage::Loading);
    let thread = std::thread::Builder::new().name("inference".to_owned()).spawn(move || {
        let start = clock::instant();
        match load(&options, &around, &log) {
            Ok((served, session, jobs)) => {
                let took = (clock::instant() - start).as_millis();
                let facts = &served.facts;
                let values: [(&str, &dyn std::fmt::Display); 3] =
                    [("digest", &facts.digest), ("bytes", &facts.size_bytes), ("took_ms", &took)];
                log.info("model ready", &values);
                stage.send_replace(Stage::Ready(Arc::new(served)));
                queue::run(jobs, session);
            }
            Err(error) => {
                let level = match error {
                    LoadError::NotConfigured => LogLevel::Warn,
                    _ => LogLevel::Error,
                };
                log.line(level, "no model", &[("reason", &error)]);
                stage.send_replace(Stage::Failed(error.public()));
            }
        }
    })?;
    Ok((watched, thread))
}

fn load(
    options: &Options,
    around: &Surroundings,
    log: &Log,
) -> Result<(Served, Session, queue::Jobs), LoadError> {
    let uri = options.model.as_deref().filter(|uri| !uri.is_empty()).ok_or(LoadError::NotConfigured)?;
    // The operator names the file, so its folder may be anywhere.
    let path = mlo_model::locate(uri, &Root { project: std::path::Path::new("/"), base: &around.folder })?;
    let bytes = mlo_model::read(&path)?;
    let facts = mlo_model::inspect_bytes(&bytes)?;
    if let Some(expected) = options.sha256.as_ref().filter(|expected| **expected != facts.digest) {
        return Err(LoadError::Digest { expected: expected.clone(), got: facts.digest });
    }
    let library = onnxruntime::find(options, around)?;
    let engine = Engine::load(&library, log)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut session = Session::load(&engine, &bytes, options.intra_op_threads(processors))?;
    drop(bytes);
    let answer = warm_up(&mut session, log)?;
    let names = class_names(options, &answer)?;
    let (queue, jobs) = queue::queue();
    let served = Served {
        facts,
        want: session.want(),
        classes: answer.classes,
        names,
        loaded_at: clock::now(),
        queue,
    };
    Ok((served, session, jobs))
}

/// The answer to one row of zeros: the first run allocates and optimises, and shows that the model runs at all.
///
/// Where the model does not say how many columns it takes, a refusal only says that one column is the wrong number.
fn warm_up(session: &mut Session, log: &Log) -> Result<Answer, SessionError> {
    match session.run(zeros(session.want())) {
        Err(SessionError::Run(reason)) if session.want().columns.is_none() => {
            log.warn(
                "not warmed up, since the model does not say how many columns it takes",
                &[("reason", &reason)],
            );
            Ok(Answer::default())
        }
        outcome => outcome,
    }
}

/// One row of zeros.
fn zeros(want: Want) -> Rows {
    let columns = want.columns.unwrap_or(WARM_UP_COLUMNS);
    let values = match want.element {
        Element::Float => Values::Float(vec![0.0; columns]),
        Element::Double => Values::Double(vec![0.0; columns]),
        Element::Int64 => Values::Int64(vec![0; columns]),
    };
    Rows { values, count: 1, columns }
}

/// The operator's class names, if they fit what the warm-up answered; unchecked where there was none.
fn class_names(options: &Options, answer: &Answer) -> Result<Vec<String>, LoadError> {
    let names: Vec<String> = options.labels.iter().filter(|name| !name.is_empty()).cloned().collect();
    if names.is_empty() {
        return Ok(names);
    }
    match &answer.scores {
        Some(scores) if scores.columns == names.len() => Ok(names),
        Some(scores) => Err(LoadError::LabelCount { labels: names.len(), classes: scores.columns }),
        None if answer.labels.is_none() => Ok(names),
        None => Err(LoadError::LabelsWithoutScores),
    }
}
