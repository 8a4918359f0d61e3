//! What is learned from answers after they were given: the prediction log, drift, and what turned out to be true.
//!
//! In: requests and their answers, through a bounded channel. Out: lines of a log, gauges, a summary of drift. Never: a
//! request that waits for any of this (what does not fit is dropped and counted), or more memory than the windows have.
//!
//! - `rows`      inputs and answers as rows of named values
//! - `lines`     the prediction log
//! - `drift`     what comes in, against the reference
//! - `feedback`  what was decided, against what turned out

mod drift;
mod feedback;
mod lines;
mod rows;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use drift::DriftReport;
pub(crate) use feedback::{Outcome, Quality, Truths};

use crate::batch::Done;
use crate::clock;
use crate::log::Log;
use crate::model::Served;
use crate::request::Inputs;
use crate::tensor;
use drift::{Drifting, ReferenceError};
use feedback::Decisions;
use lines::{Lines, LinesError};
use rows::Rows;

/// Answers that may wait to be looked at.
const QUEUE_MAX: usize = 4096;
/// Bytes of what waits at most.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Time for a place to become free at the end.
const ROOM_AFTER: Duration = Duration::from_millis(5);
/// How often drift is looked at, where something came.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the operator wants to learn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observing {
    /// Where prediction lines go.
    pub(crate) lines: Option<LineSettings>,
    /// Rows to compare with.
    pub(crate) reference: Option<PathBuf>,
    pub(crate) reference_rows_max: usize,
    /// Rows of production that are compared.
    pub(crate) window_rows: usize,
    /// Rows from which there is a verdict.
    pub(crate) window_rows_min: usize,
    /// Whether truths may come.
    pub(crate) feedback: bool,
}

/// How the prediction log is written.
#[derive(Debug, Clone)]
pub(crate) struct LineSettings {
    /// A file, or standard output.
    pub(crate) path: Option<PathBuf>,
    /// Bytes of the file from which a new one is begun.
    pub(crate) bytes_max: u64,
    /// The share of requests that are written, 0 to 1.
    pub(crate) share: f64,
    /// Columns whose values are not written.
    pub(crate) masked: Vec<String>,
}

/// Why there is nothing to learn with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObserveError {
    /// The prediction log.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// The reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The operating system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(std::io::Error),
}

/// One answered request.
pub(crate) struct Observation {
    pub(crate) request_id: String,
    pub(crate) path: &'static str,
    pub(crate) model: String,
    pub(crate) version: Option<String>,
    /// Whether this is the model that `/predict` asks, which drift and truths are about.
    pub(crate) is_default: bool,
    pub(crate) served: Arc<Served>,
    /// Empty where nobody wants to know them.
    pub(crate) inputs: Inputs,
    pub(crate) done: Done,
    pub(crate) seconds: f64,
}

impl Observation {
    /// Bytes that it keeps from being given back. Outputs that are shared with others are counted for each.
    fn bytes(&self) -> usize {
        tensor::bytes(&self.inputs) + tensor::bytes(&self.done.outputs.tensors) + self.request_id.len()
    }
}

/// The callers' end.
pub(crate) struct Observer {
    /// Nothing in place of an observation is the end.
    queue: Option<SyncSender<Option<Observation>>>,
    /// Bytes of what waits in it.
    waiting: Arc<AtomicUsize>,
    /// Whether what was asked is of interest, and not only what was answered.
    keeps_inputs: bool,
    ended: Mutex<Option<Receiver<()>>>,
    dropped: Arc<AtomicU64>,
    learned: Arc<Mutex<Learned>>,
}

/// What the thread has learned.
#[derive(Default)]
struct Learned {
    drift: Option<DriftReport>,
    decisions: Option<Decisions>,
}

impl Observer {
    /// Starts the thread, if there is anything to learn.
    ///
    /// # Errors
    /// [`ObserveError`].
    pub(crate) fn start(observing: &Observing, log: &Log) -> Result<Self, ObserveError> {
        let lines = observing.lines.clone().map(Lines::open).transpose()?;
        let drifting =
            observing.reference.as_deref().map(|path| Drifting::new(path, observing)).transpose()?;
        let learned = Learned {
            drift: drifting.as_ref().map(Drifting::report),
            decisions: observing.feedback.then(Decisions::default),
        };
        let keeps_inputs = lines.is_some() || drifting.is_some();
        let nothing = !keeps_inputs && learned.decisions.is_none();
        let learned = Arc::new(Mutex::new(learned));
        let (mut queue, mut ended) = (None, None);
        let (dropped, waiting) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        if !nothing {
            let (sender, receiver) = sync_channel(QUEUE_MAX);
            let (end, at_end) = channel();
            let (learned, dropped) = (Arc::clone(&learned), Arc::clone(&dropped));
            let (waiting, log) = (Arc::clone(&waiting), log.clone());
            let thread = Thread { lines, drifting, learned, dropped, waiting, log, _end: end };
            let builder = std::thread::Builder::new().name("observer".to_owned());
            builder.spawn(move || thread.run(&receiver)).map_err(ObserveError::Thread)?;
            (queue, ended) = (Some(sender), Some(at_end));
        }
        Ok(Self { queue, waiting, keeps_inputs, ended: Mutex::new(ended), dropped, learned })
    }

    /// Whether anybody wants to know; if not, nothing need be kept for it.
    pub(crate) fn is_watching(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether anybody wants to know what was asked, and not only what was answered.
    pub(crate) fn keeps_inputs(&self) -> bool {
        self.keeps_inputs
    }

    /// Hands an answered request over, or drops it where too many wait.
    pub(crate) fn observe(&self, observation: Observation) {
        let Some(queue) = &self.queue else { return };
        let bytes = observation.bytes();
        let room = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_BYTES_MAX;
        if !room || queue.try_send(Some(observation)).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was handed over is learned and written, or for this long; whether it is. What is
    /// handed over later is not looked at.
    pub(crate) fn finish(&self, max: Duration) -> bool {
        let (Some(queue), Some(ended)) =
            (&self.queue, self.ended.lock().unwrap_or_else(PoisonError::into_inner).take())
        else {
            return true;
        };
        let start = clock::instant();
        while queue.try_send(None).is_err() {
            // There is no room yet, or nobody is left to make any.
            if matches!(ended.recv_timeout(ROOM_AFTER), Err(RecvTimeoutError::Disconnected)) {
                return true;
            }
            if clock::instant() - start >= max {
                return false;
            }
        }
        let left = max.saturating_sub(clock::instant() - start);
        matches!(ended.recv_timeout(left), Err(RecvTimeoutError::Disconnected))
    }

    /// Answered requests that nothing was learned from.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The latest summary of drift; none without a reference.
    pub(crate) fn drift(&self) -> Option<DriftReport> {
        lock(&self.learned).drift.clone()
    }

    /// Joins truths with what was decided.
    pub(crate) fn truths(&self, truths: &Truths) -> Outcome {
        lock(&self.learned).decisions.as_mut().map(|decisions| decisions.join(truths)).unwrap_or_default()
    }

    /// How good decisions were, as far as truths came.
    pub(crate) fn quality(&self) -> Option<Quality> {
        lock(&self.learned).decisions.as_ref().and_then(Decisions::quality)
    }
}

fn lock(learned: &Mutex<Learned>) -> MutexGuard<'_, Learned> {
    learned.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything that happens beside the answers.
struct Thread {
    lines: Option<Lines>,
    drifting: Option<Drifting>,
    learned: Arc<Mutex<Learned>>,
    dropped: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
    log: Log,
    /// Gone when the thread is.
    _end: Sender<()>,
}

impl Thread {
    fn run(mut self, observations: &Receiver<Option<Observation>>) {
        let mut looked = clock::instant();
        loop {
            match observations.recv_timeout(LOOK_EVERY) {
                Ok(Some(observation)) => {
                    self.learn(&observation);
                    self.waiting.fetch_sub(observation.bytes(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if clock::instant() - looked >= LOOK_EVERY {
                looked = clock::instant();
                self.look();
            }
        }
        if let Some(lines) = &mut self.lines {
            lines.flush();
        }
    }

    fn learn(&mut self, observation: &Observation) {
        let rows = Rows::of(observation);
        if let Some(lines) = &mut self.lines
            && let Err(error) = lines.write(observation, &rows)
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.log.warn("a line of the prediction log was not written", &[("reason", &error)]);
        }
        if !observation.is_default {
            return;
        }
        if let Some(drifting) = &mut self.drifting {
            drifting.add(&rows);
        }
        if let Some(decisions) = &mut lock(&self.learned).decisions {
            decisions.add(&observation.request_id, &rows, &observation.served.names);
        }
    }

    fn look(&mut self) {
        if let Some(lines) = &mut self.lines {
            lines.flush();
        }
        let Some(drifting) = &mut self.drifting else { return };
        if !drifting.has_news() {
            return;
        }
        let before = drifting.report().detected;
        drifting.evaluate();
        let report = drifting.report();
        if report.detected != before {
            let columns = report.drifted().count();
            let message = if report.detected { "data drift detected" } else { "data drift is over" };
            self.log.warn(message, &[("drifted_columns", &columns)]);
        }
        lock(&self.learned).drift = Some(report);
    }
}
