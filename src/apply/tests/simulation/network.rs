//! Networks: what is sent over one gets there or not, soon or late, whether or not who sent it still lives.

use crate::lang::value::Value;
use crate::provider::fake::{Dice, Fake};
use crate::provider::{
    BoxFuture, Change, Connection, ErrorClass, Imported, PlanRequest, Planned, Progress, Provider,
    ProviderError, ProviderSchema, Subject, Surroundings,
};
use mlo_state::Address;
use mlo_state::s3::{Bucket, Bytes, Found, ModelBucket, Only, Page, Refusal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long a call to the world takes at most: the lock outlasts each that is begun.
const CALL_MAX: Duration = Duration::from_secs(28);

/// How long a write to the bucket may be on its way: longer than a lease.
const LATE_MAX: Duration = Duration::from_secs(100);

/// What the network between one machine and everything else does, as a seed says. Clones are the same network.
#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<Moods>>);

struct Moods {
    dice: Dice,
    is_calm: bool,
    /// From when to when the bucket does not answer.
    cut: Option<(Instant, Instant)>,
    /// How often all connections were lost at once.
    hung_up: u64,
}

/// What becomes of a call to the bucket.
enum Fate {
    /// It takes effect after a time.
    Arrives(Duration),
    /// The same, and the answer does not come back.
    Unanswered(Duration),
    Lost,
}

impl Network {
    pub(super) fn new(dice: Dice) -> Self {
        Self(Arc::new(Mutex::new(Moods { dice, is_calm: false, cut: None, hung_up: 0 })))
    }

    /// From now on all that is sent arrives soon, or no longer.
    pub(super) fn calm(&self, is_calm: bool) {
        let mut moods = self.moods();
        (moods.is_calm, moods.cut) = (is_calm, None);
    }

    /// Cuts the machine off from the bucket, for a time.
    pub(super) fn cut(&self, after: Duration, lasts: Duration) {
        let from = Instant::now() + after;
        self.moods().cut = Some((from, from + lasts));
    }

    /// Loses all connections: answers that are on their way, or came and were not read yet, never will be.
    pub(super) fn hang_up(&self) {
        self.moods().hung_up += 1;
    }

    fn hung_up(&self) -> u64 {
        self.moods().hung_up
    }

    fn moods(&self) -> MutexGuard<'_, Moods> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self) -> Fate {
        let mut moods = self.moods();
        let soon = Duration::from_millis(moods.dice.below(50));
        let drawn = moods.dice.below(100);
        let late = Duration::from_millis(moods.dice.below(u64::try_from(LATE_MAX.as_millis()).unwrap()));
        match drawn {
            _ if moods.is_calm => Fate::Arrives(soon),
            0..4 => Fate::Lost,
            4..8 => Fate::Unanswered(soon),
            8..10 => Fate::Arrives(late),
            _ => Fate::Arrives(soon),
        }
    }

    /// How long a call to the world is on its way.
    fn way(&self) -> Duration {
        let mut moods = self.moods();
        let most = if moods.dice.below(5) == 0 && !moods.is_calm { CALL_MAX } else { Duration::from_secs(1) };
        Duration::from_millis(moods.dice.below(u64::try_from(most.as_millis()).unwrap()))
    }

    /// Waits as long as the bucket is out of reach; whether it was.
    async fn is_cut(&self) -> bool {
        let cut = self.moods().cut.filter(|(from, to)| (*from..*to).contains(&Instant::now()));
        let Some((_, to)) = cut else { return false };
        sleep_until(to).await;
        true
    }
}

fn reset() -> Refusal {
    Refusal::Unknown("the connection was reset".to_owned())
}

/// A bucket at the other end of a network.
pub(super) struct FarBucket {
    pub(super) inner: ModelBucket,
    pub(super) network: Network,
    pub(super) turns: Turns,
}

impl FarBucket {
    /// Sends a call on its way. It takes effect there although nobody waits for it any more.
    async fn sent<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        if self.network.is_cut().await {
            return Err(reset());
        }
        let (way, is_answered) = match self.network.fate() {
            Fate::Lost => return Err(reset()),
            Fate::Arrives(way) => (way, true),
            Fate::Unanswered(way) => (way, false),
        };
        let connection = self.network.hung_up();
        let answer = tokio::spawn(async move {
            sleep(way).await;
            call.await
        });
        let answer = answer.await.expect("the model of a bucket does not panic");
        let is_answered = is_answered && !self.network.is_cut().await;
        if is_answered && self.network.hung_up() == connection { answer } else { Err(reset()) }
    }
}

impl Bucket for FarBucket {
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>> {
        let (inner, key) = (self.inner.clone(), key.to_owned());
        Box::pin(self.sent(async move { inner.get(&key, bytes_max).await }))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>> {
        let (inner, key, turns) = (self.inner.clone(), key.to_owned(), self.turns.clone());
        Box::pin(self.sent(async move {
            let written = inner.put(&key, body.clone(), only).await;
            if written.is_ok() && key.ends_with("/lock") {
                turns.written(&body);
            }
            written
        }))
    }

    fn list<'a>(&'a self, prefix: &'a str, after: &'a str) -> BoxFuture<'a, Result<Page, Refusal>> {
        let (inner, prefix, after) = (self.inner.clone(), prefix.to_owned(), after.to_owned());
        Box::pin(self.sent(async move { inner.list(&prefix, &after).await }))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>> {
        let (inner, keys) = (self.inner.clone(), keys.to_vec());
        Box::pin(self.sent(async move { inner.delete(&keys).await }))
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// How often the lock was asked for, and who took it, in the order in which that took effect in the bucket: who took it may
/// hear of that when another has it already. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Turns {
    asked: Arc<AtomicU64>,
    takers: Arc<Mutex<Vec<String>>>,
}

impl Turns {
    pub(super) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn takers(&self) -> MutexGuard<'_, Vec<String>> {
        self.takers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock is in the bucket as a holder wrote it; the first time that is the taking.
    fn written(&self, lock: &[u8]) {
        let text = String::from_utf8_lossy(lock);
        let id = text.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
        let Some((id, _)) = id else { return };
        let mut takers = self.takers();
        if takers.last().is_none_or(|last| last != id) {
            takers.push(id.to_owned());
        }
    }

    /// The number of the taking by this holder.
    pub(super) fn of(&self, id: &str) -> u64 {
        let takers = self.takers();
        let at = takers.iter().rposition(|taker| taker == id).expect("who has the lock took it");
        u64::try_from(at + 1).expect("takings can be counted")
    }

    /// The number of the last.
    fn last(&self) -> u64 {
        u64::try_from(self.takers().len()).expect("takings can be counted")
    }
}

/// The world at the other end of a network. It notes what takes effect for a run that has the lock no more.
#[derive(Clone)]
pub(super) struct FarWorld {
    pub(super) fake: Fake,
    pub(super) network: Network,
    /// Which taking of the lock the calls are made under, and which was the last.
    pub(super) turn: u64,
    pub(super) turns: Turns,
}

impl FarWorld {
    fn note(&self, call: &str) {
        let last = self.turns.last();
        if last != self.turn {
            let late =
                format!("{call} took effect for the run {}, and the run {last} has the lock", self.turn);
            self.fake.things().violations.push(late);
        }
    }
}

impl Provider for FarWorld {
    fn schema(&self) -> &ProviderSchema {
        self.fake.schema()
    }

    fn plan<'a>(
        &'a self,
        _: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        self.fake.plan(None, request)
    }

    fn connect<'a>(
        &'a self,
        _: &'a Value,
        _: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        let connection: Arc<dyn Connection> = Arc::new(self.clone());
        Box::pin(std::future::ready(Ok(connection)))
    }
}

/// A change that is on its way.
enum Sent {
    Create(Value),
    Update(Value, Value),
    Delete(Value),
}

impl Sent {
    fn of(change: Change<'_>) -> Self {
        match change {
            Change::Create { planned } => Self::Create(planned.clone()),
            Change::Update { prior, planned } => Self::Update(prior.clone(), planned.clone()),
            Change::Delete { prior } => Self::Delete(prior.clone()),
        }
    }

    fn change(&self) -> Change<'_> {
        match self {
            Self::Create(planned) => Change::Create { planned },
            Self::Update(prior, planned) => Change::Update { prior, planned },
            Self::Delete(prior) => Change::Delete { prior },
        }
    }
}

impl Connection for FarWorld {
    fn read<'a>(
        &'a self,
        subject: Subject<'a>,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        self.fake.read(subject, prior)
    }

    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        let (world, sent, way) = (self.clone(), Sent::of(change), self.network.way());
        let (address, token): (Address, _) = (subject.address.clone(), subject.token.to_owned());
        let type_name = subject.type_name.to_owned();
        let answer = tokio::spawn(async move {
            sleep(way).await;
            let subject = Subject { type_name: &type_name, address: &address, token: &token };
            world.note(&format!("a call for {address}"));
            world.fake.start(subject, sent.change()).await
        });
        let connection = self.network.hung_up();
        Box::pin(async move {
            let answer = answer.await.expect("the fake does not panic");
            let is_lost = self.network.hung_up() != connection;
            if is_lost {
                Err(ProviderError::new(ErrorClass::Retryable, "the connection was reset"))
            } else {
                answer
            }
        })
    }

    fn poll<'a>(
        &'a self,
        subject: Subject<'a>,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        self.fake.poll(subject, handle)
    }

    fn read_data<'a>(
        &'a self,
        type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        self.fake.read_data(type_name, config)
    }

    fn find<'a>(&'a self, subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        self.fake.find(subject)
    }

    fn import<'a>(
        &'a self,
        subject: Subject<'a>,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        self.fake.import(subject, id)
    }
}
