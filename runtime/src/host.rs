//! The models of this process: loaded one after the other, and exchanged while they answer.
//!
//! In: what the operator says of each. Out: a [`Stage`] of each that everyone can watch. Never: a model that gives way
//! before the next one has answered, or two loadings at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock;
use crate::config::{LogLevel, Options};
use crate::log::Log;
use crate::metrics::Metrics;
use crate::model::{self, LoadError, Loader, Served, Stage};
use crate::spec::Spec;
use crate::surroundings::Surroundings;

/// Reloads of a model that are under way or wait, at most.
const RELOADS_MAX: usize = 2;
/// How often it is looked whether what is being loaded has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The models of this process; there is at least one.
pub(crate) struct Host {
    pub(crate) models: Vec<Hosted>,
    /// Held by whoever loads.
    loader: Mutex<Loader>,
    /// Set when the server is being stopped: nothing is loaded any more.
    stopping: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    log: Log,
}

/// One model: what the operator says of it, and how far it is.
pub(crate) struct Hosted {
    pub(crate) spec: Spec,
    /// Its place among all, which is also that of its metrics.
    pub(crate) index: usize,
    stage: watch::Sender<Stage>,
    /// Reloads that were asked for and have not ended.
    asked: AtomicUsize,
}

/// A place in the line of those who want a model reloaded.
pub(crate) struct Turn {
    host: Arc<Host>,
    index: usize,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(hosted) = self.host.models.get(self.index) {
            hosted.asked.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Turn {
    /// Waits until it is this one's turn, and reloads.
    pub(crate) fn reload(self) -> Reload {
        let Some(hosted) = self.host.models.get(self.index) else { return Reload::Unchanged };
        self.host.reload(hosted)
    }
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reload {
    /// Another model answers now.
    Reloaded,
    /// The model is the newest already.
    Unchanged,
    /// Why not, for outsiders; what answered before still does.
    Failed(&'static str),
}

impl Hosted {
    /// How far it is now.
    pub(crate) fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    /// The model that answers, if one does.
    pub(crate) fn served(&self) -> Option<Arc<Served>> {
        match &*self.stage.borrow() {
            Stage::Ready(served) => Some(Arc::clone(served)),
            Stage::Loading | Stage::Failed(_) => None,
        }
    }

    /// Watches how far it is.
    pub(crate) fn watch(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// The version that answers carry: the operator's, else the one that its source gave it.
    pub(crate) fn version<'a>(&'a self, served: Option<&'a Served>) -> Option<&'a str> {
        self.spec.version.as_deref().or_else(|| served.and_then(|served| served.version.as_deref()))
    }
}

impl Host {
    pub(crate) fn new(
        specs: Vec<Spec>,
        options: Options,
        around: Surroundings,
        metrics: Arc<Metrics>,
        log: Log,
    ) -> Self {
        let hosted = |(index, spec)| {
            let stage = watch::Sender::new(Stage::Loading);
            Hosted { spec, index, stage, asked: AtomicUsize::new(0) }
        };
        let models = specs.into_iter().enumerate().map(hosted).collect();
        let stopping = Arc::new(AtomicBool::new(false));
        let loader = Mutex::new(Loader::new(options, around, log.clone(), Arc::clone(&stopping)));
        Self { models, loader, stopping, metrics, log }
    }

    /// The model that `/predict` asks.
    pub(crate) fn default_model(&self) -> &Hosted {
        self.models.first().expect("there is at least one model, or a place for one")
    }

    /// The model of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Hosted> {
        self.models.iter().find(|hosted| hosted.spec.name == name)
    }

    /// Whether every model answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.models.iter().all(|hosted| matches!(&*hosted.stage.borrow(), Stage::Ready(_)))
    }

    /// How long the longest run of any model goes on already.
    pub(crate) fn longest_run(&self) -> Option<Duration> {
        self.models.iter().filter_map(|hosted| hosted.served()?.queue.longest_run()).max()
    }

    /// Loads every model for the first time, on a thread of its own.
    pub(crate) fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let host = Arc::clone(self);
        std::thread::Builder::new().name("loading".to_owned()).spawn(move || {
            for hosted in &host.models {
                host.reload(hosted);
            }
        })?;
        Ok(())
    }

    /// A place in the line for a model, if there is one: a reload that waits already will see what is newest then.
    pub(crate) fn turn(self: &Arc<Self>, hosted: &Hosted) -> Option<Turn> {
        let before = hosted.asked.fetch_add(1, Ordering::Relaxed);
        let turn = Turn { host: Arc::clone(self), index: hosted.index };
        (before < RELOADS_MAX).then_some(turn)
    }

    /// Loads what is newest, and lets it answer in place of what answered so far. Takes as long as loading takes.
    pub(crate) fn reload(&self, hosted: &Hosted) -> Reload {
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let start = clock::instant();
        let before = hosted.served();
        let outcome = loader.load(&hosted.spec, before.as_deref());
        let name = &hosted.spec.name;
        match outcome {
            Ok(None) => Reload::Unchanged,
            Ok(Some(served)) => {
                let took = (clock::instant() - start).as_millis();
                let computes = served.placement.names().join(",");
                let values: [(&str, &dyn std::fmt::Display); 6] = [
                    ("model", name),
                    ("digest", &served.facts.digest),
                    ("bytes", &served.facts.size_bytes),
                    ("batching", &served.batching.text()),
                    ("computes", &computes),
                    ("took_ms", &took),
                ];
                self.log.info("model ready", &values);
                self.metrics.load(true);
                hosted.stage.send_replace(Stage::Ready(Arc::new(served)));
                Reload::Reloaded
            }
            Err(error) => {
                self.refused(hosted, before.is_some(), &error);
                Reload::Failed(error.public())
            }
        }
    }

    fn refused(&self, hosted: &Hosted, goes_on: bool, error: &LoadError) {
        let level = match error {
            LoadError::Stopped => LogLevel::Info,
            LoadError::NotConfigured => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        let message = if goes_on { "the new model is not taken; the one before goes on" } else { "no model" };
        let values: [(&str, &dyn std::fmt::Display); 2] = [("model", &hosted.spec.name), ("reason", error)];
        self.log.line(level, message, &values);
        self.metrics.load(false);
        if !goes_on {
            hosted.stage.send_replace(Stage::Failed(error.public()));
        }
    }

    /// Lets nothing be loaded any more. What is under way ends soon, except within ONNX Runtime.
    pub(crate) fn stop_loading(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends the threads of every model after what they were given, and waits this long for them and for what is
    /// being loaded. What goes on after that ends with the process.
    pub(crate) fn stop(&self, max: Duration) {
        self.stop_loading();
        let until = clock::instant() + max;
        let queues: Vec<_> =
            self.models.iter().filter_map(|hosted| Some(hosted.served()?.queue.clone())).collect();
        queues.iter().for_each(model::Queue::stop);
        for queue in queues {
            let _ = queue.ended(until.saturating_duration_since(clock::instant()));
        }
        while matches!(self.loader.try_lock(), Err(TryLockError::WouldBlock)) && clock::instant() < until {
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}
