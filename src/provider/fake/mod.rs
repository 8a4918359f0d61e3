//! A provider for tests: objects in memory that outlive a run, and faults on demand.
//!
//! Goes in: which call shall go wrong, and how. Comes out: what was called, in order, and what is there. Never happens:
//! two living objects of one address without a note of it, unless that was allowed.

use super::object::{attribute, same, with};
use super::{
    BoxFuture, Change, Connection, DataSchema, ErrorClass, Imported, PlanRequest, Planned, Progress,
    Provider, ProviderError, ProviderSchema, ResourceSchema, Subject, Surroundings,
};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Type, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

mod chaos;

pub(crate) use chaos::{Chaos, Dice, Intents};

/// Between two polls of a slow call: long enough that a test can interrupt it.
const POLL_WAIT: Duration = Duration::from_mins(1);

/// The handle of a call that will turn out to be refused.
const REFUSED: &str = "refused";
/// The handle of a call of which the first question is lost, and the second one refused.
const UNANSWERED: &str = "unanswered";

/// How often a call lets others go first, at most.
const TURNS_MAX: u64 = 12;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused: nothing was done.
    Refused,
    /// It is refused so many times for a while: nothing was done.
    Throttled(u32),
    /// It is done, and no answer ever comes: so it looks each time.
    DoneUnanswered,
    /// It is done, and no answer comes; when it is tried again, it is refused because it is there.
    DoneUnansweredThenRefused,
    /// It fails halfway; what is there is told.
    Half,
    /// It was done, found unhealthy and put back.
    RolledBack,
    /// It is done, and the call does not come back.
    Hangs,
    /// It takes so many polls.
    Slow(u32),
    /// It takes long, and is refused then: nothing was done.
    SlowThenRefused,
    /// It gets no answer when it is asked about, and is refused then; it is done all the same.
    SlowUnansweredThenRefused,
    /// The program is killed before it is done.
    KilledBefore,
    /// The program is killed after it is done.
    KilledAfter,
    /// It answers without an object.
    Nothing,
    /// It leaves a value unknown.
    LeftUnknown,
    /// It does not get there, this once: nothing was done.
    Lost,
    /// It gets there twice, and what the second is told is the answer.
    Twice,
}

/// All objects of the provider, and what is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Things {
    /// Living objects by their tokens.
    pub(crate) living: BTreeMap<String, (String, Value)>,
    /// Where the objects live that do not live just anywhere, by their tokens.
    regions: BTreeMap<String, String>,
    /// Calls that took effect, in order: `create fake_thing.a`.
    pub(crate) calls: Vec<String>,
    /// What must never happen, and did.
    pub(crate) violations: Vec<String>,
    /// Whether a new object may be made while the old one of its address lives.
    pub(crate) may_overlap: bool,
    /// Which call ends before which, as far as they are under way together: another order for each number.
    pub(crate) order: u64,
    faults: BTreeMap<String, Fault>,
    polls: BTreeMap<String, u32>,
    /// What goes wrong by chance.
    pub(crate) chaos: Option<Chaos>,
    /// The state, if each call needs a durable intent there.
    intents: Option<Intents>,
    /// Tokens of objects that are gone.
    gone: BTreeSet<String>,
    /// How often each address was made: ids tell it, and are the same in whatever order things are made.
    made: BTreeMap<String, u32>,
}

/// The provider. Clones share their objects.
#[derive(Clone)]
pub(crate) struct Fake {
    schema: Arc<ProviderSchema>,
    things: Arc<Mutex<Things>>,
    /// Where it is connected to: what lives elsewhere is not seen.
    region: Option<String>,
    /// Told when the program is killed.
    pub(crate) killed: Arc<Notify>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let block = BlockSchema::new()
            .attribute("value", AttributeSchema::optional(Type::Any))
            .attribute("fixed", AttributeSchema::optional(Type::Any).force_new())
            .attribute("secret", AttributeSchema::optional(Type::String).sensitive())
            .attribute("echo", AttributeSchema::computed(Type::Any))
            .attribute("id", AttributeSchema::computed(Type::String));
        let thing = ResourceSchema { version: 0, description: "A thing", block };
        let shy = ResourceSchema { description: "A thing that is not found by its token", ..thing.clone() };
        let fact = BlockSchema::new()
            .attribute("query", AttributeSchema::optional(Type::Any))
            .attribute("answer", AttributeSchema::computed(Type::Any))
            .attribute("secret", AttributeSchema::computed(Type::String).sensitive());
        let fact = DataSchema { description: "A fact", block: fact };
        let config = BlockSchema::new().attribute("region", AttributeSchema::optional(Type::String));
        let schema = ProviderSchema {
            config,
            resources: [("fake_thing", thing), ("fake_shy", shy)].into(),
            data: [("fake_fact", fact)].into(),
        };
        Self { schema: Arc::new(schema), things: Arc::default(), region: None, killed: Arc::default() }
    }

    pub(crate) fn things(&self) -> MutexGuard<'_, Things> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `call` (`create fake_thing.a`) goes wrong.
    pub(crate) fn fail(&self, call: &str, fault: Fault) {
        self.things().faults.insert(call.to_owned(), fault);
    }

    pub(crate) fn mend(&self) {
        self.things().faults.clear();
    }

    /// What was called since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.things().calls)
    }

    /// Addresses of living objects.
    pub(crate) fn living(&self) -> Vec<String> {
        let mut living: Vec<_> = self.things().living.values().map(|(address, _)| address.clone()).collect();
        living.sort();
        living
    }
}

fn pending(handle: &str) -> Progress {
    Progress::Pending { handle: handle.to_owned(), after: POLL_WAIT }
}

fn lost() -> ProviderError {
    ProviderError::new(ErrorClass::Retryable, "no connection")
}

impl Fake {
    /// From now on each call needs an intent before it is made.
    pub(crate) fn watch(&self, intents: Intents) {
        self.things().intents = Some(intents);
    }

    /// What happens before a call takes effect: it takes its time. Gives how it goes wrong.
    async fn set_out(
        &self,
        subject: Subject<'_>,
        change: Change<'_>,
        call: &str,
    ) -> Result<Option<Fault>, ProviderError> {
        self.take_its_time(call).await;
        let (turns, drawn) = {
            let mut things = self.things();
            let allowed = things.intents.as_ref().is_none_or(|intents| intents.have(subject));
            if !allowed {
                things.violations.push(format!("{call} without a durable intent"));
            }
            things.chaos.as_mut().map_or((0, None), Chaos::of_call)
        };
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        if self.things().chaos.as_mut().is_some_and(Chaos::throttles) {
            return Err(ProviderError::new(ErrorClass::Retryable, "throttled"));
        }
        let things = self.things();
        let is_gone = things.gone.contains(subject.token) && !things.living.contains_key(subject.token);
        if is_gone && things.chaos.is_some() && matches!(change, Change::Delete { .. }) {
            return Err(ProviderError::new(ErrorClass::Absent, "it is gone"));
        }
        Ok(things.faults.get(call).copied().or(drawn))
    }
}

impl Things {
    fn act(&mut self, subject: Subject<'_>, change: Change<'_>) -> Option<Value> {
        let address = subject.address.to_string();
        self.calls.push(name_of(subject, change));
        let (planned, prior) = match change {
            Change::Delete { .. } => {
                self.gone.insert(subject.token.to_owned());
                if self.living.remove(subject.token).is_none() {
                    self.violations.push(format!("{address} was deleted and is not there"));
                }
                return None;
            }
            Change::Create { planned } => (planned, None),
            Change::Update { planned, .. } => (planned, self.living.get(subject.token)),
        };
        if let (Change::Create { .. }, Some((_, present))) = (change, self.living.get(subject.token)) {
            // The same token again: what it made.
            return Some(present.clone());
        }
        if prior.is_none() && matches!(change, Change::Update { .. }) {
            self.violations.push(format!("{address} was updated and is not there"));
        }
        if prior.is_none() && self.gone.contains(subject.token) {
            self.violations.push(format!("{address} was made with the token of an object that is gone"));
        }
        if prior.is_none() && !self.may_overlap && self.living.values().any(|(other, _)| *other == address) {
            self.violations.push(format!("{address} was made twice"));
        }
        let id = prior.map_or_else(
            || {
                let made = self.made.entry(address.clone()).or_insert(0);
                *made += 1;
                Value::string(format!("{address}#{made}"))
            },
            |(_, present)| attribute(present, "id"),
        );
        let value = with(planned, [("echo", attribute(planned, "value")), ("id", id)]).unmarked_deep();
        self.living.insert(subject.token.to_owned(), (address, value.clone()));
        Some(value)
    }
}

fn name_of(subject: Subject<'_>, change: Change<'_>) -> String {
    let verb = match change {
        Change::Create { .. } => "create",
        Change::Update { .. } => "update",
        Change::Delete { .. } => "delete",
    };
    format!("{verb} {}", subject.address)
}

impl Provider for Fake {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan<'a>(
        &'a self,
        _connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        let value = attribute(&request.proposed, "value");
        let keeps = request.prior.is_some_and(|prior| same(&attribute(prior, "value"), &value));
        let echo = if keeps { attribute(&request.proposed, "echo") } else { Value::unknown(value.ty()) };
        let value = with(&request.proposed, [("echo", echo)]);
        Box::pin(std::future::ready(Ok(Planned { value, replace: Vec::new() })))
    }

    fn connect<'a>(
        &'a self,
        config: &'a Value,
        _surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        let region = attribute(config, "region").as_str().map(str::to_owned);
        let connection: Arc<dyn Connection> = Arc::new(Self { region, ..self.clone() });
        Box::pin(std::future::ready(Ok(connection)))
    }
}

impl Fake {
    /// Lets other calls go first, as many times as the order has it for this one.
    pub(super) async fn take_its_time(&self, call: &str) {
        let order = self.things().order;
        let mixed =
            call.bytes().fold(order, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let turns = if order == 0 { 0 } else { (mixed >> 32) % TURNS_MAX };
        for _ in 0..=turns {
            tokio::task::yield_now().await;
        }
    }

    /// A call takes effect where this is connected to.
    fn act(&self, subject: Subject<'_>, change: Change<'_>) -> Option<Value> {
        let mut things = self.things();
        match (&self.region, change) {
            (Some(region), Change::Create { .. }) => {
                things.regions.insert(subject.token.to_owned(), region.clone());
            }
            (here, _) if things.regions.get(subject.token) != here.as_ref() => {
                let there = things.regions.get(subject.token).cloned();
                things.violations.push(format!("{} is in {there:?}, not in {here:?}", subject.address));
            }
            _ => {}
        }
        things.act(subject, change)
    }

    async fn answer(&self, subject: Subject<'_>, change: Change<'_>) -> Result<Progress, ProviderError> {
        let call = name_of(subject, change);
        let act = || self.act(subject, change);
        let fault = self.set_out(subject, change, &call).await?;
        Ok(Progress::Done(match fault {
            None | Some(Fault::Throttled(0)) => act(),
            Some(Fault::Lost) => return Err(lost()),
            Some(Fault::Twice) => {
                act();
                if matches!(change, Change::Delete { .. }) {
                    return Err(ProviderError::new(ErrorClass::Absent, "it is gone"));
                }
                act()
            }
            Some(Fault::Refused) => return Err(ProviderError::permanent("refused")),
            Some(Fault::Throttled(left)) => {
                self.fail(&call, Fault::Throttled(left - 1));
                return Err(ProviderError::new(ErrorClass::Retryable, "throttled"));
            }
            Some(Fault::DoneUnanswered) => {
                if !matches!(change, Change::Delete { .. })
                    || self.things().living.contains_key(subject.token)
                {
                    act();
                }
                return Err(ProviderError::new(ErrorClass::Retryable, "no answer"));
            }
            Some(Fault::DoneUnansweredThenRefused) => {
                if self.things().living.contains_key(subject.token) {
                    return Err(ProviderError::new(ErrorClass::Conflict, "it exists already"));
                }
                act();
                return Err(ProviderError::new(ErrorClass::Retryable, "no answer"));
            }
            Some(Fault::Half) => {
                let half = act().unwrap_or_else(Value::null);
                return Err(ProviderError::permanent("it broke halfway").keeping(half));
            }
            Some(Fault::RolledBack) => {
                let prior = self.things().living.get(subject.token).map(|(_, value)| value.clone());
                let error = ProviderError::new(ErrorClass::RolledBack, "unhealthy");
                return Err(prior.into_iter().fold(error, ProviderError::keeping));
            }
            Some(Fault::Slow(polls)) => {
                let done = act();
                let handle = format!("{polls}");
                drop(done);
                return Ok(Progress::Pending { handle, after: POLL_WAIT });
            }
            Some(Fault::Hangs) => {
                act();
                std::future::pending().await
            }
            Some(Fault::SlowThenRefused) => return Ok(pending(REFUSED)),
            Some(Fault::SlowUnansweredThenRefused) => {
                act();
                return Ok(pending(UNANSWERED));
            }
            Some(kill @ (Fault::KilledBefore | Fault::KilledAfter)) => {
                if kill == Fault::KilledAfter {
                    act();
                }
                self.killed.notify_one();
                std::future::pending().await
            }
            Some(Fault::Nothing) => {
                act();
                None
            }
            Some(Fault::LeftUnknown) => {
                act().map(|value| with(&value, [("echo", Value::unknown(Type::Any))]))
            }
        }))
    }
}

impl Fake {
    /// A fact answers with what it is asked.
    async fn fact(&self, config: &Value) -> Result<Value, ProviderError> {
        let query = attribute(config, "query");
        let call = format!("read {}", query.as_str().unwrap_or("fact"));
        self.take_its_time(&call).await;
        let fault = self.things().faults.get(&call).copied();
        let answer = match fault {
            Some(Fault::Refused) => return Err(ProviderError::permanent("refused")),
            Some(Fault::Throttled(left)) if left > 0 => {
                self.fail(&call, Fault::Throttled(left - 1));
                return Err(ProviderError::new(ErrorClass::Retryable, "throttled"));
            }
            Some(Fault::LeftUnknown) => Value::unknown(Type::Any),
            Some(Fault::Nothing) => return Ok(Value::null()),
            _ => query,
        };
        self.things().calls.push(call);
        Ok(with(config, [("answer", answer), ("secret", "hush".into())]).unmarked_deep())
    }
}

impl Connection for Fake {
    fn read_data<'a>(
        &'a self,
        _type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(self.fact(config))
    }

    fn read<'a>(
        &'a self,
        subject: Subject<'a>,
        _prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        // An object whose block was renamed is known by its new address from the first read on.
        if let Some((address, _)) = self.things().living.get_mut(subject.token) {
            *address = subject.address.to_string();
        }
        self.find(Subject { type_name: "fake_thing", ..subject })
    }

    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(self.answer(subject, change))
    }

    fn poll<'a>(
        &'a self,
        subject: Subject<'a>,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        let mut things = self.things();
        if things.chaos.as_mut().is_some_and(Chaos::loses_a_look) {
            return Box::pin(std::future::ready(Err(lost())));
        }
        let polls = things.polls.entry(subject.token.to_owned()).or_insert(0);
        *polls += 1;
        match handle {
            UNANSWERED if *polls == 1 => return Box::pin(std::future::ready(Err(lost()))),
            UNANSWERED if *polls > 2 => {}
            UNANSWERED | REFUSED => {
                return Box::pin(std::future::ready(Err(ProviderError::permanent("refused"))));
            }
            _ => {}
        }
        let progress = if handle == UNANSWERED || handle.parse().is_ok_and(|wanted| *polls >= wanted) {
            Progress::Done(things.living.get(subject.token).map(|(_, value)| value.clone()))
        } else {
            Progress::Pending { handle: handle.to_owned(), after: POLL_WAIT }
        };
        Box::pin(std::future::ready(Ok(progress)))
    }

    fn import<'a>(
        &'a self,
        _subject: Subject<'a>,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        let things = self.things();
        let mut living = things.living.iter();
        let found = living.find(|(_, (_, value))| attribute(value, "id").as_str() == Some(id));
        let found =
            found.map(|(token, (_, value))| Imported { value: value.clone(), token: Some(token.clone()) });
        Box::pin(std::future::ready(Ok(found)))
    }

    fn find<'a>(&'a self, subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        let mut things = self.things();
        if things.chaos.as_mut().is_some_and(Chaos::loses_a_look) {
            return Box::pin(std::future::ready(Err(lost())));
        }
        let here =
            things.regions.get(subject.token) == self.region.as_ref() && subject.type_name != "fake_shy";
        let found = things.living.get(subject.token).filter(|_| here).map(|(_, value)| value.clone());
        Box::pin(std::future::ready(Ok(found)))
    }
}
