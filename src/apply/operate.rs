//! One operation: intent, call, outcome.

use super::{Denied, Event, Run, blank};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::{Resource, ResourceKey};
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Kind, Path, Value};
use crate::plan::{
    Action, Comparison, Connected, Operation, Part, Repetitions, deposed_key, describe, diff, holds_secret,
    mark_as, mark_by_schema, plan_change, provider_block,
};
use crate::provider::{Change, Connection, ErrorClass, Progress, ProviderError, Subject, retry_change};
use mlo_state::{Action as Intent, Address, Begun, Object, Record, Status, StoreError};
use std::cell::Cell;
use std::rc::Rc;

/// Everything about one call.
struct Call<'o> {
    /// The number of the step that it is.
    step: usize,
    operation: &'o Operation,
    intent: Intent,
    token: &'o str,
    prior: Option<&'o Value>,
    planned: Option<Value>,
    /// The key of an object that was set aside: the one that is deleted, or the one that gives way to the one that is
    /// made.
    deposed: Option<String>,
}

/// How a call ended, when the state could be written.
enum CallEnd {
    Done(Option<Value>),
    /// It runs on, and its handle is in the journal; or it was not begun after all.
    Left,
}

impl Run<'_, '_, '_> {
    /// Does an operation, or the part of it that is this step.
    pub(super) async fn operate(&self, step: usize, number: usize, part: Part) -> Result<(), Diagnostics> {
        let Some(operation) = self.plan.operations.get(number) else { return Ok(()) };
        let stand_in = self.applier.context.stand_ins.object(&operation.address, &operation.provider);
        let connected =
            stand_in.cloned().or_else(|| self.connections.borrow().get(&operation.provider).cloned());
        let Some(connected) = connected else {
            let summary =
                format!("{}: its provider `{}` is not connected", operation.address, operation.provider);
            return Err(Diagnostic::error(code::engine::INTERNAL, summary).into());
        };
        match part {
            Part::Apply if operation.action == Action::Read => self.read(step, operation, &connected).await,
            Part::Delete => {
                Box::pin(self.ask_before_replacing(operation, &connected)).await?;
                if stand_in.is_some() {
                    return self.delete(step, operation, &connected).await;
                }
                let connected = self.connected_before(&operation.provider, &connected).await?;
                self.delete(step, operation, &connected).await
            }
            Part::Apply => self.make(step, operation, &connected).await,
        }
    }

    async fn delete(
        &self,
        step: usize,
        operation: &Operation,
        connected: &Connected,
    ) -> Result<(), Diagnostics> {
        let token =
            operation.stored.as_ref().map_or(operation.token.as_str(), |stored| stored.token.as_str());
        let prior = operation.prior.as_ref();
        let deposed = operation.deposed.clone().or_else(|| gives_way(operation));
        let call = Call { step, operation, intent: Intent::Delete, token, prior, planned: None, deposed };
        self.call(&call, connected).await?;
        let mut counts = self.counts.get();
        counts.destroy += 1;
        self.counts.set(counts);
        Ok(())
    }

    async fn make(
        &self,
        step: usize,
        operation: &Operation,
        connected: &Connected,
    ) -> Result<(), Diagnostics> {
        let updates = operation.action == Action::Update;
        let prior = operation.prior.as_ref().filter(|_| updates);
        let planned = self.final_plan(operation, connected, prior).await?;
        if let (Some(prior), Some(planned)) = (prior, &planned)
            && diff::same(prior, planned)
        {
            // What was not known turned out to be what is there already.
            self.values.borrow_mut().insert(operation.address.clone(), planned.clone());
            return Ok(());
        }
        self.ask_again(operation, planned.as_ref())?;
        let intent = if updates { Intent::Update } else { Intent::Create };
        let stored = operation.stored.as_ref().filter(|_| updates);
        let token = stored.map_or(operation.token.as_str(), |stored| stored.token.as_str());
        let deposed = gives_way(operation);
        let call = Call { step, operation, intent, token, prior, planned, deposed };
        let Some(value) = self.call(&call, connected).await? else { return Ok(()) };
        let mut counts = self.counts.get();
        if updates {
            counts.change += 1;
        } else {
            counts.add += 1;
        }
        self.counts.set(counts);
        self.check_after(&operation.address, &value)
    }

    /// Asks the policies about what was not known when they were asked about the plan.
    fn ask_again(&self, operation: &Operation, planned: Option<&Value>) -> Result<(), Diagnostics> {
        let is_asked = self.asked.borrow().contains(&operation.address);
        let must_be = !is_asked && self.approved.must_be_asked_again(operation);
        let Some(planned) = planned.filter(|_| must_be) else { return Ok(()) };
        let planned = self.with_marks(operation, planned);
        let Err(denial) = (self.applier.ask_again)(operation, &planned) else { return Ok(()) };
        self.denied.borrow_mut().push(Denied { address: operation.address.clone(), denial });
        // What is denied is told with the denial.
        Err(Diagnostics::new())
    }

    /// Asks the policies about the new object of a replacement before the old one is taken away. What is not known even
    /// then counts as what is missing: once the old one is gone, it is too late to stop.
    async fn ask_before_replacing(
        &self,
        operation: &Operation,
        connected: &Connected,
    ) -> Result<(), Diagnostics> {
        let is_first = operation.action == Action::Replace && !operation.create_before_destroy;
        if !is_first || !self.approved.must_be_asked_again(operation) {
            return Ok(());
        }
        let (planned, is_final) = self.planned_now(operation, connected, None).await?;
        self.ask_again(operation, planned.as_ref())?;
        if is_final {
            self.asked.borrow_mut().insert(operation.address.clone());
        }
        Ok(())
    }

    /// Checks the conditions on an object to which nothing is done, and which were not known when that was planned.
    pub(super) fn check_unchanged(&self, operation: &Operation) -> Result<(), Diagnostics> {
        let address = &operation.address;
        self.check_before(address)?;
        operation.planned.as_ref().map_or(Ok(()), |planned| self.check_after(address, planned))
    }

    /// The planned object with all that is known now; it must agree with what was planned.
    async fn final_plan(
        &self,
        operation: &Operation,
        connected: &Connected,
        prior: Option<&Value>,
    ) -> Result<Option<Value>, Diagnostics> {
        self.check_before(&operation.address)?;
        Ok(Box::pin(self.planned_now(operation, connected, prior)).await?.0)
    }

    /// The planned object with all that is known now, and whether that is all that its configuration says.
    async fn planned_now(
        &self,
        operation: &Operation,
        connected: &Connected,
        prior: Option<&Value>,
    ) -> Result<(Option<Value>, bool), Diagnostics> {
        let address = &operation.address;
        let as_planned = || Ok((operation.planned.clone(), true));
        let Some((id, key, resource)) = self.resource_of(address) else { return as_planned() };
        let Some(planned) = operation.planned.as_ref().filter(|planned| !planned.is_wholly_known()) else {
            return as_planned();
        };
        let Some(schema) = connected.provider.schema().resources.get(address.type_name.as_ref()) else {
            return as_planned();
        };
        let (wanted, kept) = self.wanted(operation, (id, &key), &schema.block, prior)?;
        let fail = |error: ProviderError| {
            describe(&error, &address.to_string(), Some(resource.span), Some(resource))
        };
        let comparison = Comparison { prior, wanted: &wanted, kept: &kept, must_replace: false };
        let now = plan_change(connected, &key, schema, comparison).await.map_err(fail)?.planned;
        match fits(planned, &now) {
            None => Ok((Some(now), wanted.is_wholly_known())),
            Some(path) => {
                Err(inconsistent(operation, &path, "the configuration now gives another value").into())
            }
        }
    }

    /// What the configuration wants of an object, and the same with what it leaves as it is in `prior`.
    pub(super) fn wanted(
        &self,
        operation: &Operation,
        (id, key): (ModuleId, &ResourceKey),
        schema: &BlockSchema,
        prior: Option<&Value>,
    ) -> Result<(Value, Value), Diagnostics> {
        let address = &operation.address;
        let repetitions = self.repetitions_of(address, id)?;
        let Some(repetition) = repetitions.get(&address.key) else {
            return Err(inconsistent(operation, &Path::root(), "the instance is no longer wanted").into());
        };
        let (world, at) = (self.world.borrow(), &address.module);
        let wanted = world.wanted((id, key), at, repetition, schema)?;
        let kept = world.laid_over((id, key), (at, repetition), schema, (prior, &wanted))?;
        Ok((wanted, kept))
    }

    /// Checks the conditions before something is done to an instance.
    pub(super) fn check_before(&self, address: &Address) -> Result<(), Diagnostics> {
        let Some((id, key, resource)) = self.resource_of(address) else { return Ok(()) };
        if resource.lifecycle.preconditions.is_empty() {
            return Ok(());
        }
        let repetitions = self.repetitions_of(address, id)?;
        let Some(repetition) = repetitions.get(&address.key) else { return Ok(()) };
        self.world.borrow().check_preconditions((id, &key), &address.module, repetition)?;
        Ok(())
    }

    pub(super) fn resource_of(&self, address: &Address) -> Option<(ModuleId, ResourceKey, &Resource)> {
        let block = address.block();
        let id = self.tree.find(&block.module)?;
        let key = ResourceKey { mode: block.mode, type_name: block.type_name, name: block.name };
        let resource = self.tree.module(id).resources.get(&key)?;
        Some((id, key, resource))
    }

    fn repetitions_of(&self, address: &Address, id: ModuleId) -> Result<Rc<Repetitions>, Diagnostics> {
        let place = (address.block(), address.module.clone());
        if let Some(found) = self.repetitions.borrow().get(&place) {
            return Ok(found.clone());
        }
        let Some((_, _, resource)) = self.resource_of(address) else { return Ok(Rc::default()) };
        let found = self.world.borrow().repetitions_by_key(id, &place.1, &resource.repeat)?;
        let found = Rc::new(found);
        self.repetitions.borrow_mut().insert(place, found.clone());
        Ok(found)
    }

    /// Checks the conditions on an instance as it is.
    pub(super) fn check_after(&self, address: &Address, value: &Value) -> Result<(), Diagnostics> {
        let Some((id, key, resource)) = self.resource_of(address) else { return Ok(()) };
        if resource.lifecycle.postconditions.is_empty() {
            return Ok(());
        }
        let repetitions = self.repetitions_of(address, id)?;
        let Some(repetition) = repetitions.get(&address.key) else { return Ok(()) };
        self.world.borrow().check_postconditions((id, &key), &address.module, repetition, value)?;
        Ok(())
    }

    /// Intent, call and outcome; the object is in the state and in the values afterwards, and is given back.
    async fn call(&self, call: &Call<'_>, connected: &Connected) -> Result<Option<Value>, Diagnostics> {
        let Call { operation, intent, .. } = call;
        let address = &operation.address;
        let number = self.begin(call).await?;
        let action = match intent {
            Intent::Create => Action::Create,
            Intent::Update => Action::Update,
            Intent::Delete => Action::Delete,
        };
        // Of a create, the key is that of the object that gives way.
        let deposed = call.deposed.as_deref().filter(|_| *intent == Intent::Delete);
        let end = {
            // Intents that are ready together share a sync; the calls take turns.
            let _permit = self.calls.acquire().await;
            if self.is_stopped() || self.is_lock_lost().await {
                self.refused.borrow_mut().insert(call.step);
                let message = "not begun: the run was stopped".to_owned();
                self.end_without(call, number, None, message).await?;
                return Err(Diagnostics::new());
            }
            self.under_way.borrow_mut().insert(call.step);
            (self.applier.observe)(Event::Started { address, deposed, action });
            match connected.connection.as_deref() {
                Some(connection) => self.carry_out(call, connection, number).await,
                None => Err(ProviderError::permanent("its provider is not connected")),
            }
        };
        match end.and_then(|end| agrees(call, end)) {
            Ok(CallEnd::Left) => Err(Diagnostics::new()),
            Ok(CallEnd::Done(value)) => {
                let value = value.map(|value| self.with_marks(operation, &value));
                let object = value.as_ref().and_then(|value| self.object(call, value, Status::Ready));
                self.remember(address, deposed, object.clone());
                let (address, object) = (address.clone(), object.map(Box::new));
                let key = deposed.map(str::to_owned);
                self.append(vec![Record::Done { operation: number, address, deposed: key, object }]).await?;
                self.under_way.borrow_mut().remove(&call.step);
                let address = &operation.address;
                if let Some(value) = &value {
                    self.values.borrow_mut().insert(address.clone(), value.clone());
                }
                (self.applier.observe)(Event::Finished { address, deposed, action, object: value.as_ref() });
                Ok(value)
            }
            Err(error) => {
                (self.applier.observe)(Event::Failed { address, deposed, action });
                self.failed(call, number, &error).await?;
                self.under_way.borrow_mut().remove(&call.step);
                let resource = self.resource_of(address).map(|(_, _, resource)| resource);
                let what = format!("{} of {address}", verb(*intent));
                Err(describe(&error, &what, operation.span, resource).into())
            }
        }
    }

    /// Makes the intent durable; what gives way is set aside with it. Gives the operation's number.
    async fn begin(&self, call: &Call<'_>) -> Result<u64, Diagnostics> {
        let (operation, address) = (self.take_number(), call.operation.address.clone());
        let mut records = Vec::new();
        if let (Intent::Create, Some(key)) = (call.intent, &call.deposed) {
            self.state.borrow_mut().depose(&address, key);
            records.push(Record::Deposed { address: address.clone(), key: key.clone() });
        }
        records.push(self.begun(call).intend(operation));
        self.append(records).await?;
        Ok(operation)
    }

    /// What a call is begun with.
    fn begun(&self, call: &Call<'_>) -> Begun {
        let provider = &call.operation.provider;
        Begun {
            address: call.operation.address.clone(),
            deposed: call.deposed.clone(),
            action: call.intent,
            token: call.token.to_owned(),
            provider: provider_block(self.tree, provider).map(|_| provider.clone()),
        }
    }

    /// A call came to nothing, or left an object half made. If there is none, what gave way is put back.
    async fn end_without(
        &self,
        call: &Call<'_>,
        operation: u64,
        object: Option<Object>,
        message: String,
    ) -> Result<(), Diagnostics> {
        let address = &call.operation.address;
        let is_none = object.is_none();
        let deposed = call.deposed.clone().filter(|_| call.intent == Intent::Delete);
        if object.is_some() {
            self.remember(address, deposed.as_deref(), object.clone());
        }
        let object = object.map(Box::new);
        let mut records =
            vec![Record::Failed { operation, address: address.clone(), deposed, object, message }];
        if let (Intent::Create, Some(key), true) = (call.intent, &call.deposed, is_none) {
            self.state.borrow_mut().restore(address, key);
            records.push(Record::Restored { address: address.clone(), key: key.clone() });
        }
        self.append(records).await
    }

    async fn carry_out(
        &self,
        call: &Call<'_>,
        connection: &dyn Connection,
        number: u64,
    ) -> Result<CallEnd, ProviderError> {
        let address = &call.operation.address;
        let subject = Subject { type_name: &address.type_name, address, token: call.token };
        let nothing = Value::null();
        let planned = call.planned.as_ref().unwrap_or(&nothing);
        let prior = call.prior.unwrap_or(&nothing);
        let change = match call.intent {
            Intent::Create => Change::Create { planned },
            Intent::Update => Change::Update { prior, planned },
            Intent::Delete => Change::Delete { prior },
        };
        let deletes = call.intent == Intent::Delete;
        let started = self.try_change(deletes, || connection.start(subject, change)).await?;
        let Some(mut progress) = started else { return Ok(CallEnd::Left) };
        let mut interrupt = self.applier.interrupt.clone();
        let sensitive = self.is_sensitive(call);
        let mut begun = Some(Box::new(self.begun(call)));
        loop {
            let (handle, after) = match progress {
                Progress::Done(value) => return Ok(CallEnd::Done(value)),
                Progress::Pending { handle, after } => (handle, after),
            };
            let begun = begun.take();
            let record = Record::Progress { operation: number, handle: handle.clone(), sensitive, begun };
            if self.append(vec![record]).await.is_err() {
                return Ok(CallEnd::Left);
            }
            tokio::select! {
                () = tokio::time::sleep(after) => {}
                Ok(_) = interrupt.wait_for(|stop| *stop) => return Ok(CallEnd::Left),
            }
            if self.is_lock_lost().await {
                return Ok(CallEnd::Left);
            }
            let polled = self.try_change(deletes, || connection.poll(subject, &handle)).await?;
            let Some(next) = polled else { return Ok(CallEnd::Left) };
            progress = next;
        }
    }

    /// [`retry_change`] as long as the lock lasts; nothing once it is lost.
    async fn try_change<F>(
        &self,
        deletes: bool,
        call: impl Fn() -> F,
    ) -> Result<Option<Progress>, ProviderError>
    where
        F: Future<Output = Result<Progress, ProviderError>>,
    {
        let (is_first, is_lost) = (Cell::new(true), Cell::new(false));
        let ended = retry_change(deletes, || async {
            // The attempt before, or the wait after it, may have taken what was left of the lock.
            if !is_first.replace(false) && self.is_lock_lost().await {
                is_lost.set(true);
                return Err(ProviderError::permanent("the lock is lost"));
            }
            call().await
        });
        let ended = ended.await;
        if is_lost.get() { Ok(None) } else { ended.map(Some) }
    }

    /// Whether what a call is told holds something sensitive.
    fn is_sensitive(&self, call: &Call<'_>) -> bool {
        let mut values =
            call.planned.iter().chain(call.prior).map(|value| self.with_marks(call.operation, value));
        values.any(|value| holds_secret(&value))
    }

    async fn failed(&self, call: &Call<'_>, number: u64, error: &ProviderError) -> Result<(), Diagnostics> {
        if error.class == ErrorClass::Retryable {
            // Nobody knows whether it took effect: the intent stays open, and the next run finds out.
            return Ok(());
        }
        if error.class == ErrorClass::RolledBack {
            self.rolled_back.set(true);
        }
        // After a rollback the object is as good as it was; after a failed create it is half made.
        let status = if call.intent == Intent::Create { Status::Tainted } else { Status::Ready };
        let object = error.object.as_ref().map(|value| self.with_marks(call.operation, value));
        let object = object.and_then(|value| self.object(call, &value, status));
        self.end_without(call, number, object, error.summary.clone()).await
    }

    fn object(&self, call: &Call<'_>, value: &Value, status: Status) -> Option<Object> {
        let Operation { address, provider, schema_version, dependencies, .. } = call.operation;
        let over = blank(provider, *schema_version, call.token, dependencies);
        self.encode(address, value, Object { status, ..over })
    }

    /// Providers know no marks: what was planned as sensitive is sensitive.
    fn with_marks(&self, operation: &Operation, value: &Value) -> Value {
        let value =
            operation.planned.as_ref().map_or_else(|| value.clone(), |planned| mark_as(value, planned));
        self.with_schema(&operation.provider, &operation.address, |schema| mark_by_schema(&value, schema))
            .unwrap_or(value)
    }

    /// Appends, or notes that the state cannot be written, which stops everything.
    async fn append(&self, records: Vec<Record>) -> Result<(), Diagnostics> {
        match self.batch.append(records).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let later = matches!(error, StoreError::Halted { .. });
                let mut first = self.state_failed.borrow_mut();
                if first.is_none() || !later {
                    first.get_or_insert(error);
                }
                Err(Diagnostics::new())
            }
        }
    }
}

/// The key under which the object is set aside that a replacement makes a new one before.
fn gives_way(operation: &Operation) -> Option<String> {
    let first = operation.action == Action::Replace && operation.create_before_destroy;
    operation.stored.as_ref().filter(|_| first).map(|stored| deposed_key(&stored.token))
}

fn verb(intent: Intent) -> &'static str {
    match intent {
        Intent::Create => "creation",
        Intent::Update => "update",
        Intent::Delete => "deletion",
    }
}

/// What a provider made must be what was planned.
fn agrees(call: &Call<'_>, end: CallEnd) -> Result<CallEnd, ProviderError> {
    let CallEnd::Done(done) = &end else { return Ok(end) };
    let (value, planned) = match (done, &call.planned) {
        (None, None) => return Ok(end),
        (Some(value), Some(planned)) => (value, planned),
        (Some(_), None) | (None, Some(_)) => {
            let what = if done.is_some() { "an object that should be gone" } else { "no object" };
            let error =
                ProviderError::new(ErrorClass::Retryable, format!("its provider answered with {what}"));
            return Err(error.help("this is a fault of the provider: please report it"));
        }
    };
    if !value.is_wholly_known() {
        let error = ProviderError::permanent("its provider left a value unknown after it was done");
        let error = error.keeping(value.clone());
        return Err(error.help("this is a fault of the provider: please report it"));
    }
    match fits(planned, value) {
        None => Ok(end),
        Some(path) => {
            let summary = format!("its provider made `{path}` another value than it had planned");
            let error = ProviderError::permanent(summary).keeping(value.clone());
            Err(error.help("this is a fault of the provider: please report it"))
        }
    }
}

fn inconsistent(operation: &Operation, path: &Path, why: &str) -> Diagnostic {
    let summary = format!("{}: `{path}` is not as planned: {why}", operation.address);
    let message = Diagnostic::error(code::engine::INCONSISTENT, summary);
    let message = operation.span.into_iter().fold(message, |message, span| message.at(span, ""));
    message.help("run the plan again and look at what it says now")
}

/// Whether `actual` is what `planned` announced: the first place where a known value is another one.
pub fn fits(planned: &Value, actual: &Value) -> Option<Path> {
    misfit(planned, actual, &Path::root())
}

fn misfit(planned: &Value, actual: &Value, at: &Path) -> Option<Path> {
    match (planned.kind(), actual.kind()) {
        (Kind::Unknown(..), _) => None,
        (Kind::Object(planned), Kind::Object(actual)) | (Kind::Map(_, planned), Kind::Map(_, actual))
            if planned.len() == actual.len() =>
        {
            planned.iter().find_map(|(name, planned)| match actual.get(name) {
                Some(actual) => misfit(planned, actual, &at.name(name.clone())),
                None => Some(at.name(name.clone())),
            })
        }
        (Kind::List(_, planned), Kind::List(_, actual)) | (Kind::Tuple(planned), Kind::Tuple(actual))
            if planned.len() == actual.len() =>
        {
            let mut pairs = planned.iter().zip(actual.iter()).enumerate();
            pairs.find_map(|(index, (planned, actual))| misfit(planned, actual, &at.index(index)))
        }
        // What a set will hold cannot be paired while some of it is unknown.
        (Kind::Set(..), Kind::Set(..)) if !planned.is_wholly_known() => None,
        _ if diff::same(planned, actual) || !actual.is_wholly_known() && !planned.is_wholly_known() => None,
        _ => Some(at.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Type;

    fn object(name: &str, value: Value) -> Value {
        Value::object([(name.into(), value)])
    }

    #[test]
    fn unknown_parts_may_become_anything_and_known_parts_must_stay() {
        for (planned, actual, place) in [
            (Value::unknown(Type::String), Value::string("x"), None),
            (object("a", Value::unknown(Type::Any)), object("a", 1.into()), None),
            (object("a", 1.into()), object("a", 2.into()), Some("a")),
            (object("a", 1.into()), object("b", 1.into()), Some("a")),
            (object("a", Value::tuple([1.into()])), object("a", Value::tuple([2.into()])), Some("a[0]")),
            (object("a", Value::null()), object("a", Value::null_of(Type::String)), None),
        ] {
            assert_eq!(fits(&planned, &actual).map(|path| path.to_string()).as_deref(), place, "{planned:?}");
        }
    }
}
