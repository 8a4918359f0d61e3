//! The way from many requests to the one thread that may run the model.
//!
//! In: rows, from any task. Out: answers, each to its caller. Never: a caller that blocks, more rows waiting than
//! [`ROWS_QUEUED_MAX`], work for a caller who has left.
//!
//! The thread takes one job after the other. What batches jobs later will stand where [`run`] stands, with the same
//! bound on rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::clock;
use crate::session::{Answer, Session, SessionError};
use crate::tensor::Rows;

/// Rows that wait or run at most, over all requests: eight of the largest. More would only wait longer.
pub(crate) const ROWS_QUEUED_MAX: usize = 8 * crate::tensor::ROWS_MAX;

/// A finished run.
pub(crate) struct Done {
    pub(crate) answer: Answer,
    /// Time in ONNX Runtime.
    pub(crate) took: Duration,
}

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many rows wait already.
    Full,
    /// The thread has ended.
    Closed,
}

struct Job {
    rows: Rows,
    reply: oneshot::Sender<Result<Done, SessionError>>,
    /// Gives the rows' room back when the job is over, however it ends.
    _room: OwnedSemaphorePermit,
}

enum Message {
    Job(Job),
    Stop,
}

/// The callers' end, cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    jobs: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
}

/// The thread's end.
pub(crate) struct Jobs(mpsc::UnboundedReceiver<Message>);

/// Both ends of a new queue.
pub(crate) fn queue() -> (Queue, Jobs) {
    // Unbounded as a channel; the semaphore bounds what is in it.
    let (jobs, receiver) = mpsc::unbounded_channel();
    (Queue { jobs, room: Arc::new(Semaphore::new(ROWS_QUEUED_MAX)) }, Jobs(receiver))
}

impl Queue {
    /// Hands rows over; the answer comes through what is returned, which may be dropped to call the job off.
    pub(crate) fn submit(
        &self,
        rows: Rows,
    ) -> Result<oneshot::Receiver<Result<Done, SessionError>>, Refused> {
        let permits = u32::try_from(rows.count).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| Refused::Full)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { rows, reply, _room: room };
        self.jobs.send(Message::Job(job)).map_err(|_| Refused::Closed)?;
        Ok(answer)
    }

    /// Ends the thread after the jobs that are in the queue already.
    pub(crate) fn stop(&self) {
        // Ended already is as good.
        let _ = self.jobs.send(Message::Stop);
    }

    /// Rows that wait or run.
    pub(crate) fn rows_queued(&self) -> usize {
        ROWS_QUEUED_MAX - self.room.available_permits()
    }
}

/// Runs jobs until the queue is stopped. This thread owns the session.
pub(crate) fn run(mut jobs: Jobs, mut session: Session) {
    while let Some(Message::Job(job)) = jobs.0.blocking_recv() {
        if job.reply.is_closed() {
            continue;
        }
        let rows = job.rows;
        let start = clock::instant();
        // The binding checks some of what a library answers by assertions; one bad answer must not end the service.
        let outcome = catch_unwind(AssertUnwindSafe(|| session.run(rows)))
            .unwrap_or_else(|_| Err(SessionError::Run("the binding to ONNX Runtime panicked".to_owned())));
        let took = clock::instant() - start;
        // A caller who has left in the meantime gets nothing.
        let _ = job.reply.send(outcome.map(|answer| Done { answer, took }));
    }
}
