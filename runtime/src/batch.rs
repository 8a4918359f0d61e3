//! The way from many requests to the few threads that run the model, and from their rows to batches.
//!
//! In: tensors, from any task. Out: answers, each to its caller. Never: a caller that blocks, more rows waiting than
//! the limit, work for a caller who has left or whose time is over, a request that fails for what its neighbour sent.
//!
//! A batch closes when it is full, when its first request has waited for the delay, or when nothing else is on its
//! way. Small and large requests take turns, so that a small one waits for one large run at most.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::answer::Outputs;
use crate::clock;
use crate::request::Inputs;
use crate::session::{Session, SessionError};
use crate::tensor::{self, Data, Tensor};

/// Rows from which a request is large: it waits in a line of its own.
const LARGE_ROWS: usize = 64;

/// Microseconds of a run that is not worth waking a thread for by itself.
const SHORT_RUN_US: u64 = 50;
/// Time that a request waits for the end of a turn at most.
const TURN_MAX: Duration = Duration::from_micros(200);
/// Bytes of a request that is kept to see whether the model is well, at most.
const KNOWN_BYTES_MAX: usize = 64 * 1024;

/// A finished request.
#[derive(Clone)]
pub(crate) struct Done {
    /// What the model gave, for all requests of the batch.
    pub(crate) outputs: Arc<Outputs>,
    /// Which of its rows are this request's.
    pub(crate) rows: Range<usize>,
    /// Whether no other request was in the batch, so that everything is this one's.
    pub(crate) alone: bool,
    /// Time in ONNX Runtime, for the whole batch.
    pub(crate) took: Duration,
    /// Time in the queue.
    pub(crate) waited: Duration,
    /// Rows of the whole batch.
    pub(crate) batch_rows: usize,
}

impl Done {
    /// One output of this request: shape, and its elements' place in those of the batch.
    pub(crate) fn output(&self, index: usize) -> Option<(Vec<usize>, &Data, Range<usize>)> {
        let tensor = self.outputs.tensors.get(index)?;
        let mut shape = tensor.shape().to_vec();
        if self.alone {
            return Some((shape, tensor.data(), 0..tensor.data().len()));
        }
        *shape.first_mut()? = self.rows.len();
        let width = tensor.row_len();
        Some((shape, tensor.data(), self.rows.start * width..self.rows.end * width))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session's words.
    Session(Arc<SessionError>),
    /// The request's time was over before the model was free.
    TooLate,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many rows wait already.
    Full,
    /// The model has been stopped.
    Closed,
}

/// How requests become runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batching {
    /// Rows of different requests share a run.
    Merged,
    /// The model takes exactly this many rows: requests are cut, and the last part is filled up.
    Exactly(usize),
    /// Each request is a run.
    Alone,
}

impl Batching {
    /// A word for `/model/info`.
    pub(crate) fn text(self) -> String {
        match self {
            Batching::Merged => "merged".to_owned(),
            Batching::Exactly(rows) => format!("exactly {rows}"),
            Batching::Alone => "alone".to_owned(),
        }
    }
}

/// Limits of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows of a batch at most; a larger request runs by itself.
    pub(crate) batch_rows_max: usize,
    /// Time that the first request of a batch waits for others at most.
    pub(crate) batch_delay: Duration,
    /// Rows that wait or run at most, over all requests.
    pub(crate) queue_rows_max: usize,
}

struct Job {
    inputs: Inputs,
    rows: usize,
    submitted: Instant,
    deadline: Instant,
    reply: oneshot::Sender<Result<Done, Failure>>,
}

#[derive(Default)]
struct Lines {
    small: VecDeque<Job>,
    large: VecDeque<Job>,
    /// The line that is next, where both wait.
    large_is_next: bool,
    rows_waiting: usize,
    rows_running: usize,
    /// Threads that wait for the bell.
    idle: usize,
    /// Threads that have not ended.
    threads: usize,
    stopped: bool,
}

/// Wakes the threads of models at the end of a turn of a thread that serves callers, in place of at each request: what came
/// at the same time is one run then, and one wake-up.
#[derive(Default)]
pub(crate) struct Bells {
    /// Whether there are any, to be asked often.
    any: AtomicBool,
    waiting: Mutex<Vec<Arc<Shared>>>,
}

impl Bells {
    /// Rings those that were left to be rung.
    pub(crate) fn ring(&self) {
        if !self.any.swap(false, Ordering::Acquire) {
            return;
        }
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for shared in waiting {
            shared.bell.notify_one();
        }
    }

    fn leave(&self, shared: &Arc<Shared>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|other| Arc::ptr_eq(other, shared)) {
            waiting.push(Arc::clone(shared));
        }
        self.any.store(true, Ordering::Release);
    }
}

/// What callers and threads share.
struct Shared {
    lines: Mutex<Lines>,
    bell: Condvar,
    ended: Condvar,
    limits: Limits,
    batching: Batching,
    /// Requests that are being read and will wait here soon.
    arriving: AtomicUsize,
    /// Microseconds that the latest run took.
    latest_run_us: AtomicU64,
    /// For each thread when its run began, in milliseconds of `since`, plus 1; 0 between runs.
    running: Vec<AtomicU64>,
    since: Instant,
}

/// The queue of one model, cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Shared>);

/// A request that is being read: until this is dropped, a batch may wait for it.
pub(crate) struct Arriving(Arc<Shared>);

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// Starts a thread for each session.
    ///
    /// - `known`: what the model is known to answer, if anything.
    ///
    /// # Errors
    /// The operating system's, where it gives no thread; none is left over then.
    pub(crate) fn start(
        sessions: Vec<Session>,
        batching: Batching,
        limits: Limits,
        known: Option<&Inputs>,
    ) -> std::io::Result<Self> {
        let shared = Shared {
            lines: Mutex::default(),
            bell: Condvar::new(),
            ended: Condvar::new(),
            limits,
            batching,
            arriving: AtomicUsize::new(0),
            latest_run_us: AtomicU64::new(0),
            running: sessions.iter().map(|_| AtomicU64::new(0)).collect(),
            since: clock::instant(),
        };
        let queue = Self(Arc::new(shared));
        for (index, session) in sessions.into_iter().enumerate() {
            let shared = Arc::clone(&queue.0);
            shared.lines().threads += 1;
            let thread = Thread { shared, index, session, known: known.cloned() };
            let started =
                std::thread::Builder::new().name(format!("model {index}")).spawn(move || thread.run());
            if let Err(error) = started {
                queue.stop();
                return Err(error);
            }
        }
        Ok(queue)
    }

    /// Says that a request is on its way.
    pub(crate) fn arriving(&self) -> Arriving {
        self.0.arriving.fetch_add(1, Ordering::Relaxed);
        Arriving(Arc::clone(&self.0))
    }

    /// Hands tensors over; the answer comes through what is returned, which may be dropped to call the request off.
    ///
    /// - `bells`: what is rung at the end of the turn, where more may come until then.
    pub(crate) fn submit(
        &self,
        inputs: Inputs,
        deadline: Instant,
        arriving: Arriving,
        bells: Option<&Bells>,
    ) -> Result<oneshot::Receiver<Result<Done, Failure>>, Refused> {
        let rows = inputs.first().map_or(1, Tensor::rows);
        let (reply, answer) = oneshot::channel();
        let job = Job { inputs, rows, submitted: clock::instant(), deadline, reply };
        let mut lines = self.0.lines();
        if lines.stopped {
            return Err(Refused::Closed);
        }
        // What is larger than the whole queue is taken when nothing else is there.
        let room = self.0.limits.queue_rows_max.saturating_sub(lines.rows_waiting + lines.rows_running);
        if rows > room && room < self.0.limits.queue_rows_max {
            return Err(Refused::Full);
        }
        lines.rows_waiting += rows;
        let now = job.submitted;
        if rows < LARGE_ROWS {
            lines.small.push_back(job);
        } else {
            lines.large.push_back(job);
        }
        let wake = lines.idle > 0;
        let soon = wake && self.0.may_wait(&lines, now);
        drop(lines);
        drop(arriving);
        match bells {
            Some(bells) if soon => bells.leave(&self.0),
            _ if wake => self.0.bell.notify_one(),
            _ => {}
        }
        Ok(answer)
    }

    /// Ends the threads after the requests that are in the queue already.
    pub(crate) fn stop(&self) {
        self.0.lines().stopped = true;
        self.0.bell.notify_all();
    }

    /// Waits until every thread has ended, or for this long; whether they have.
    pub(crate) fn ended(&self, max: Duration) -> bool {
        let lines = self.0.lines();
        let waited = self.0.ended.wait_timeout_while(lines, max, |lines| lines.threads > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.threads == 0
    }

    /// Whether nothing more is taken, whatever it is.
    pub(crate) fn is_full(&self) -> bool {
        self.rows_queued() >= self.0.limits.queue_rows_max
    }

    /// Rows that wait or run.
    pub(crate) fn rows_queued(&self) -> usize {
        let lines = self.0.lines();
        lines.rows_waiting + lines.rows_running
    }

    /// How long the longest run that has not ended goes on already.
    pub(crate) fn longest_run(&self) -> Option<Duration> {
        let now = self.0.now_ms();
        let began =
            self.0.running.iter().map(|began| began.load(Ordering::Relaxed)).filter(|began| *began > 0);
        began.min().map(|began| Duration::from_millis(now.saturating_sub(began)))
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        let since = clock::instant() - self.since;
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Whether a run is as short as waking a thread for it, and nobody has waited for long: it may wait for what else comes
    /// in this turn.
    fn may_wait(&self, lines: &Lines, now: Instant) -> bool {
        let oldest = lines.small.front().map_or(now, |job| job.submitted);
        let is_short = self.latest_run_us.load(Ordering::Relaxed) < SHORT_RUN_US;
        let is_full = lines.rows_waiting >= self.limits.batch_rows_max;
        is_short && !is_full && lines.large.is_empty() && now.saturating_duration_since(oldest) < TURN_MAX
    }

    /// The requests of the next run; `None` once the queue is stopped and empty.
    fn next(&self) -> Option<Vec<Job>> {
        let mut lines = self.lines();
        let mut batch = loop {
            let now = clock::instant();
            match lines.first(now) {
                Some(job) => break vec![job],
                None if lines.stopped => return None,
                None => {
                    lines.idle += 1;
                    lines = self.bell.wait(lines).unwrap_or_else(PoisonError::into_inner);
                    lines.idle -= 1;
                }
            }
        };
        if self.batching == Batching::Merged {
            lines = self.gather(lines, &mut batch);
        }
        lines.rows_running += batch.iter().map(|job| job.rows).sum::<usize>();
        if lines.rows_waiting > 0 && lines.idle > 0 {
            // One bell may have been rung for all.
            self.bell.notify_one();
        }
        Some(batch)
    }

    /// Adds requests that fit until the batch is full, or nobody else comes in time.
    fn gather<'l>(&'l self, mut lines: MutexGuard<'l, Lines>, batch: &mut Vec<Job>) -> MutexGuard<'l, Lines> {
        let Some(first) = batch.first() else { return lines };
        let close_at = first.submitted + self.limits.batch_delay;
        let mut rows = first.rows;
        loop {
            let now = clock::instant();
            let room = self.limits.batch_rows_max.saturating_sub(rows);
            let more = lines.fitting(batch, room, now);
            rows += more;
            let full = rows >= self.limits.batch_rows_max;
            let nobody = self.arriving.load(Ordering::Relaxed) == 0 || lines.stopped;
            // A request that waits and did not fit would only be held up.
            let blocked = !lines.small.is_empty();
            if full || nobody || blocked || now >= close_at {
                return lines;
            }
            lines.idle += 1;
            let waited = self.bell.wait_timeout(lines, close_at - now);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
            lines.idle -= 1;
        }
    }

    fn finished(&self, rows: usize) {
        self.lines().rows_running -= rows;
    }
}

impl Lines {
    /// The request that is next; those whose callers have left or whose time is over are put aside.
    fn first(&mut self, now: Instant) -> Option<Job> {
        loop {
            let large = match (self.small.is_empty(), self.large.is_empty()) {
                (true, true) => return None,
                (false, false) => self.large_is_next,
                (small_is_empty, _) => small_is_empty,
            };
            let job = if large { self.large.pop_front() } else { self.small.pop_front() }?;
            self.rows_waiting -= job.rows;
            if let Some(job) = wanted(job, now) {
                self.large_is_next = !large;
                return Some(job);
            }
        }
    }

    /// Moves small requests to the batch while they fit; their rows.
    fn fitting(&mut self, batch: &mut Vec<Job>, room: usize, now: Instant) -> usize {
        let mut rows = 0;
        while let Some(job) = self.small.front() {
            let fits = batch.first().is_some_and(|first| rows + job.rows <= room && alike(first, job));
            if !fits {
                break;
            }
            let Some(job) = self.small.pop_front() else { break };
            self.rows_waiting -= job.rows;
            if let Some(job) = wanted(job, now) {
                rows += job.rows;
                batch.push(job);
            }
        }
        rows
    }
}

/// The job, if its caller still waits for it and has time to.
fn wanted(job: Job, now: Instant) -> Option<Job> {
    if job.reply.is_closed() {
        return None;
    }
    if job.deadline <= now {
        // Who has left gets nothing.
        let _ = job.reply.send(Err(Failure::TooLate));
        return None;
    }
    Some(job)
}

/// Whether rows of both can be in one tensor.
fn alike(one: &Job, other: &Job) -> bool {
    one.inputs.iter().zip(&other.inputs).all(|(one, other)| one.row_shape() == other.row_shape())
}

/// A thread that owns a session.
struct Thread {
    shared: Arc<Shared>,
    index: usize,
    session: Session,
    /// What the model has answered once: it tells a model that fails from a request that no model could answer.
    known: Option<Inputs>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.lines().threads -= 1;
        self.shared.ended.notify_all();
    }
}

impl Thread {
    fn run(mut self) {
        while let Some(batch) = self.shared.next() {
            let rows = batch.iter().map(|job| job.rows).sum();
            self.answer(batch);
            self.shared.finished(rows);
        }
    }

    fn answer(&mut self, mut batch: Vec<Job>) {
        let began = clock::instant();
        let inputs = merged(&mut batch);
        let Some(inputs) = inputs else { return };
        let total: usize = batch.iter().map(|job| job.rows).sum();
        let alone = batch.len() == 1;
        let mut in_time = || {
            let now = clock::instant();
            batch.iter().any(|job| !job.reply.is_closed() && job.deadline > now)
        };
        let outcome = self.timed(&inputs, total, &mut in_time);
        let took = clock::instant() - began;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.shared.latest_run_us.store(micros, Ordering::Relaxed);
        match outcome {
            Ok(outputs) if alone || outputs.has_rows(total) => {
                self.learn(&inputs);
                let outputs = Arc::new(outputs);
                let mut start = 0;
                for job in batch {
                    let rows = start..start + job.rows;
                    start = rows.end;
                    let waited = began.saturating_duration_since(job.submitted);
                    let outputs = Arc::clone(&outputs);
                    let done = Done { outputs, rows, alone, took, waited, batch_rows: total };
                    // A caller who has left in the meantime gets nothing.
                    let _ = job.reply.send(Ok(done));
                }
            }
            // Only one of them may be at fault.
            _ if !alone => {
                let mut start = 0;
                for mut job in batch {
                    let end = start + job.rows;
                    job.inputs = inputs.iter().map(|input| input.slice_rows(start, end)).collect();
                    start = end;
                    self.answer(vec![job]);
                }
            }
            outcome => {
                let error = match outcome {
                    // A division by zero, a category that the model has never seen: it is what was sent.
                    Err(SessionError::Run(reason)) if self.is_well(&mut in_time) => {
                        SessionError::Input(reason)
                    }
                    Err(error) => error,
                    Ok(_) => SessionError::Answer("it has other rows than were asked for"),
                };
                let error = Arc::new(error);
                let now = clock::instant();
                for job in batch {
                    let late = job.deadline <= now;
                    let failure = if late { Failure::TooLate } else { Failure::Session(Arc::clone(&error)) };
                    let _ = job.reply.send(Err(failure));
                }
            }
        }
    }

    /// Whether the model still answers what it has answered before.
    ///
    /// - `wanted`: whether somebody still waits for what this decides; if not, it is as if the model did not.
    fn is_well(&mut self, wanted: &mut dyn FnMut() -> bool) -> bool {
        let Some(known) = self.known.take() else { return false };
        let rows = known.first().map_or(1, Tensor::rows);
        let outcome = self.timed(&known, rows, wanted);
        self.known = Some(known);
        outcome.is_ok()
    }

    /// Keeps a small request that was answered, where nothing is known yet.
    fn learn(&mut self, inputs: &Inputs) {
        if self.known.is_none() && tensor::bytes(inputs) <= KNOWN_BYTES_MAX {
            self.known = Some(inputs.clone());
        }
    }

    /// Runs, and lets the watchdog see since when: each part of what runs in parts has its own time.
    ///
    /// - `wanted`: whether somebody still waits for the answer; asked before each part.
    fn timed(
        &mut self,
        inputs: &Inputs,
        rows: usize,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Result<Outputs, SessionError> {
        let shared = Arc::clone(&self.shared);
        let began = shared.running.get(self.index);
        let stamp = || {
            if let Some(began) = began {
                began.store(shared.now_ms(), Ordering::Relaxed);
            }
        };
        stamp();
        let mut part = || {
            stamp();
            wanted()
        };
        let (session, batching) = (&mut self.session, self.shared.batching);
        // The binding checks some of what a library answers by assertions; one bad answer must not end the service.
        let outcome = catch_unwind(AssertUnwindSafe(|| match batching {
            Batching::Exactly(size) if size != rows => in_parts(session, inputs, rows, size, &mut part),
            _ => session.run(inputs),
        }));
        if let Some(began) = began {
            began.store(0, Ordering::Relaxed);
        }
        outcome.unwrap_or_else(|_| Err(SessionError::Run("the binding to ONNX Runtime panicked".to_owned())))
    }
}

/// The rows of all requests in one tensor for each input. The jobs keep none.
fn merged(batch: &mut [Job]) -> Option<Inputs> {
    let (first, rest) = batch.split_first_mut()?;
    let mut inputs = std::mem::take(&mut first.inputs);
    for job in rest {
        for (input, more) in inputs.iter_mut().zip(std::mem::take(&mut job.inputs)) {
            if !input.append_rows(more) {
                return None;
            }
        }
    }
    Some(inputs)
}

/// Runs `size` rows at a time. The last part is filled up with its own last row, whose answers are thrown away.
///
/// - `goes_on`: asked before each part; the rest is left where it says no.
pub(crate) fn in_parts(
    session: &mut Session,
    inputs: &Inputs,
    rows: usize,
    size: usize,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Outputs, SessionError> {
    const UNEVEN: SessionError = SessionError::Answer("it has other rows than were asked for");
    let mut whole: Option<Outputs> = None;
    for start in (0..rows).step_by(size.max(1)) {
        let end = (start + size).min(rows);
        if !goes_on() {
            return Err(SessionError::Answer("nobody waits for the rest of it"));
        }
        let part: Option<Inputs> = inputs.iter().map(|input| filled_up(input, start, end, size)).collect();
        let mut outputs = session.run(&part.ok_or(UNEVEN)?)?;
        if !outputs.has_rows(size) {
            return Err(UNEVEN);
        }
        for tensor in &mut outputs.tensors {
            *tensor = tensor.slice_rows(0, end - start);
        }
        match &mut whole {
            None => whole = Some(outputs),
            Some(whole) => {
                let same = whole.classes == outputs.classes;
                let added =
                    whole.tensors.iter_mut().zip(outputs.tensors).all(|(all, more)| all.append_rows(more));
                if !(same && added) {
                    return Err(UNEVEN);
                }
            }
        }
    }
    whole.ok_or(UNEVEN)
}

fn filled_up(input: &Tensor, start: usize, end: usize, size: usize) -> Option<Tensor> {
    let mut part = input.slice_rows(start, end);
    let last = input.slice_rows(end - 1, end);
    for _ in end - start..size {
        if !part.append_rows(last.clone()) {
            return None;
        }
    }
    Some(part)
}
