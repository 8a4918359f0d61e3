//! `local_command`: an object that commands of the user make, find, read, change and delete.
//!
//! Goes in: argument lists. Comes out: the id that `create` prints. Never happens: a shell that nobody asked for, a
//! command that runs longer or says more than its limit, two commands for one object at a time, a command that planning
//! runs and that no approved apply has put into the state.

mod expand;
mod output;
mod run;

use crate::diag::code::provider::ARGUMENT;
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Path as ValuePath, Type, Value, from_json, to_json};
use crate::provider::object::{attribute, same, text, with};
use crate::provider::{
    Change, ErrorClass, Interrupted, PlanRequest, Planned, Progress, ProviderError, ResourceSchema, Subject,
    Surroundings,
};
use run::{Ended, Finished, Run};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Name of the resource type.
pub(super) const TYPE: &str = "local_command";
/// Arguments that are commands and must be given.
const COMMANDS: [&str; 4] = ["create", "find", "read", "delete"];
/// Bytes of an id: those of an ARN or a URL, and more.
const ID_BYTES_MAX: usize = 4096;
/// How long a command that changes something may run.
const CHANGE_TIME_MAX: Duration = Duration::from_hours(1);
/// How long a command that looks something up may run.
const LOOK_TIME_MAX: Duration = Duration::from_mins(1);
/// Between two looks whether a command of an earlier run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn schema() -> ResourceSchema {
    let command = |what| AttributeSchema::required(Type::list(Type::String)).describe(what);
    let block = BlockSchema::new()
        .attribute("create", command("Makes the object and prints its id; a program and its arguments"))
        .attribute("find", command("Prints the id of what was made with `$MLO_TOKEN`; fails if nothing was"))
        .attribute("read", command("Succeeds if the object `$MLO_ID` is there"))
        .attribute("delete", command("Deletes the object `$MLO_ID`"))
        .attribute(
            "update",
            AttributeSchema::optional(Type::list(Type::String)).describe(
                "Changes the object `$MLO_ID` in place; without it, a change of `create` or `environment` \
                 makes a new object",
            ),
        )
        .attribute(
            "environment",
            AttributeSchema::optional(Type::map(Type::String))
                .describe("Variables for the commands, beside those that mlo was started with"),
        )
        .attribute("id", AttributeSchema::computed(Type::String).describe("What `create` printed"));
    ResourceSchema { version: 0, description: "An object that commands of yours keep", block }
}

/// The names of the attributes whose change changes the object; those of the other commands are only kept.
const EFFECTIVE: [&str; 2] = ["create", "environment"];

/// Plans without running anything.
pub(super) fn plan(request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
    let wanted = request.wanted;
    for name in COMMANDS.into_iter().chain(["update"]) {
        let command = attribute(wanted, name);
        if command.as_items().is_some_and(|parts| parts.is_empty() || parts.iter().any(Value::is_null)) {
            let error = ProviderError::permanent(format!("`{name}` names no program"));
            let error = error.code(&ARGUMENT).help("write `[\"program\", \"argument\"]`");
            return Err(error.at(ValuePath::root().name(name)));
        }
    }
    let mut replace = Vec::new();
    if let Some(prior) = request.prior.filter(|_| attribute(wanted, "update").is_null()) {
        let changed =
            EFFECTIVE.into_iter().filter(|name| !same(&attribute(prior, name), &attribute(wanted, name)));
        replace.extend(changed.map(|name| ValuePath::root().name(name)));
    }
    Ok(Planned { value: request.proposed.clone(), replace })
}

/// The commands that this process has begun to create objects with, by token: what is polled and not among them was
/// begun by an earlier run.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<BTreeSet<String>>);

impl Begun {
    fn add(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned());
    }

    /// Whether it is there; only the first who asks is told so.
    fn take(&self, token: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token)
    }
}

/// The object, if it is there. The command is the one that the state has.
pub(super) async fn read(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    prior: &Value,
) -> Result<Option<Value>, ProviderError> {
    let look = Run { surroundings, subject, object: prior, time_max: LOOK_TIME_MAX };
    Ok(look.look("read").await?.map(|_| prior.clone()))
}

/// Begins a change. To create, what is to be run becomes the handle, so that it is durable, and any later run can look
/// for what it made.
pub(super) async fn change(
    surroundings: &Surroundings,
    begun: &Begun,
    subject: Subject<'_>,
    change: Change<'_>,
) -> Result<Progress, ProviderError> {
    match change {
        Change::Create { planned } => {
            let known = with(planned, [("id", Value::null_of(Type::String))]);
            let handle = to_json(&known.unmarked_deep(), &schema().block.implied_type());
            let handle = handle.map_err(|error| ProviderError::permanent(error.to_string()))?;
            begun.add(subject.token);
            Ok(Progress::Pending { handle: handle.to_string(), after: Duration::ZERO })
        }
        Change::Update { prior, planned } => {
            let object = with(planned, [("id", attribute(prior, "id"))]);
            let differs = |name: &&str| !same(&attribute(prior, name), &attribute(planned, name));
            if EFFECTIVE.iter().any(differs) {
                let run = Run { surroundings, subject, object: &object, time_max: CHANGE_TIME_MAX };
                run.alone("update").await?.succeeded("update")?;
            }
            Ok(Progress::Done(Some(object)))
        }
        Change::Delete { prior } => {
            let run = Run { surroundings, subject, object: prior, time_max: CHANGE_TIME_MAX };
            let finished = run.alone("delete").await?;
            if finished.ended != Ended::Well && read(surroundings, subject, prior).await?.is_some() {
                return Err(finished.failure("delete"));
            }
            Ok(Progress::Done(None))
        }
    }
}

/// What became of an object that a command of an earlier run was to change or delete. That command may still run: what it
/// does is waited for.
///
/// Only whether the object is there can be asked. After an update of which nobody saw the end it may be as it was, as it
/// was to become, or in between: the state knows no more what made it, so that the next plan changes it again.
pub(super) async fn recover(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    call: Interrupted,
    prior: &Value,
) -> Result<Progress, ProviderError> {
    let run = Run { surroundings, subject, object: prior, time_max: LOOK_TIME_MAX };
    if run.is_busy().map_err(unknown)? {
        return Ok(Progress::Pending { handle: String::new(), after: LOOK_EVERY });
    }
    run.forget();
    let there = read(surroundings, subject, prior).await?;
    let blurred = |object: Value| with(&object, [("create", Value::null_of(Type::list(Type::String)))]);
    Ok(Progress::Done(if call == Interrupted::Update { there.map(blurred) } else { there }))
}

/// Goes on with a create: runs it if this process has begun it, else looks for what an earlier run made.
pub(super) async fn poll(
    surroundings: &Surroundings,
    begun: &Begun,
    subject: Subject<'_>,
    handle: &str,
) -> Result<Progress, ProviderError> {
    let unreadable =
        || unknown(ProviderError::permanent("what was to be run cannot be read from the journal"));
    let json = serde_json::from_str(handle).map_err(|_| unreadable())?;
    let object = from_json(&json, &schema().block.implied_type()).map_err(|_| unreadable())?;
    let run = |time_max| Run { surroundings, subject, object: &object, time_max };
    let made = |id: String| with(&object, [("id", Value::string(id))]);
    if !begun.take(subject.token) {
        if run(LOOK_TIME_MAX).is_busy().map_err(unknown)? {
            return Ok(Progress::Pending { handle: handle.to_owned(), after: LOOK_EVERY });
        }
        let recorded = |error: ProviderError| {
            let give_up = format!(
                "if it never will, `mlo state rm --pending '{}'` gives up what may have been made",
                subject.address
            );
            let own = "it is the `find` that the earlier run began with, whatever the configuration says now";
            unknown(error.help(own).help(give_up))
        };
        let found = run(LOOK_TIME_MAX).look("find").await.map_err(recorded)?;
        let id = found.map(|found| id_of(&found, "find")).transpose().map_err(recorded)?;
        run(LOOK_TIME_MAX).forget();
        return Ok(Progress::Done(id.map(made)));
    }
    let finished = run(CHANGE_TIME_MAX).alone("create").await?;
    let failure = match (finished.ended, id_of(&finished, "create")) {
        (Ended::Well, Ok(id)) => return Ok(Progress::Done(Some(made(id)))),
        (Ended::Well, Err(error)) => error,
        _ => finished.failure("create"),
    };
    // What is half made is kept, so that the next apply takes it away.
    let found = run(LOOK_TIME_MAX).look("find").await;
    match found.and_then(|found| found.map(|found| id_of(&found, "find")).transpose()) {
        Ok(Some(id)) => Err(failure.keeping(made(id))),
        Ok(None) => Err(failure),
        Err(_) => Err(unknown(failure)),
    }
}

/// An error that leaves it unknown whether the object is there: the intent stays open, and the next run asks again.
fn unknown(error: ProviderError) -> ProviderError {
    ProviderError { class: ErrorClass::Retryable, ..error }
}

/// The id that a command printed: its one line.
fn id_of(finished: &Finished, name: &str) -> Result<String, ProviderError> {
    let wrong = |what: &str| {
        let error = ProviderError::permanent(format!("`{name}` {what}"));
        error.help("let it print the id of the object, and nothing else, on standard output")
    };
    let id =
        std::str::from_utf8(&finished.out).map_err(|_| wrong("printed an id that is not UTF-8 text"))?.trim();
    match id {
        "" => Err(wrong("printed no id")),
        _ if id.len() > ID_BYTES_MAX => Err(wrong("printed more than an id")),
        _ if id.contains(char::is_control) => Err(wrong("printed more than one line")),
        _ => Ok(id.to_owned()),
    }
}

/// The parts of a command.
fn parts<'v>(object: &'v Value, name: &str) -> Vec<&'v str> {
    let parts = object.get(name).and_then(Value::as_items).unwrap_or_default();
    parts.iter().filter_map(Value::as_str).collect()
}

/// The id of an object that is there.
fn id(object: &Value) -> Option<&str> {
    text(object, "id")
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
