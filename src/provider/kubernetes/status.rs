//! What an API server answers when it does not do what is asked, in words. Pure.

use super::object::{Identity, plain_field};
use crate::diag::code::provider::FAILED;
use crate::provider::{ErrorClass, ProviderError};
use serde_json::Value as Json;
use std::time::Duration;

/// Causes in one message.
const CAUSES_MAX: usize = 10;

/// A request that came to nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// The server refused.
    Refused(Box<Refusal>),
    /// There was no answer, or none that can be read.
    Unreachable(String),
    /// What is needed to ask is missing; says why.
    Unable(Box<ProviderError>),
}

/// What a server says of a request that it refuses.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Refusal {
    /// The status of HTTP.
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) message: String,
    /// `(reason, field, message)` each.
    pub(super) causes: Vec<(String, String, String)>,
    /// What the server speaks of: kind and name.
    pub(super) about: (String, String),
    /// When to ask again.
    pub(super) after: Option<Duration>,
}

/// A field that another manager has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) manager: String,
    pub(super) field: String,
}

impl Refusal {
    /// Of the body of an answer.
    pub(super) fn of(code: u16, body: &[u8], after: Option<Duration>) -> Self {
        let Some(status) = serde_json::from_slice::<Json>(body).ok().filter(Json::is_object) else {
            let message: String = String::from_utf8_lossy(body).trim().chars().take(500).collect();
            return Self { code, message, after, ..Self::default() };
        };
        let text =
            |json: &Json, name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let details = status.get("details").cloned().unwrap_or_default();
        let causes = details.get("causes").and_then(Json::as_array).into_iter().flatten();
        let seconds = details.get("retryAfterSeconds").and_then(Json::as_u64).filter(|seconds| *seconds > 0);
        Self {
            code,
            reason: text(&status, "reason"),
            message: text(&status, "message"),
            causes: causes
                .map(|cause| (text(cause, "reason"), text(cause, "field"), text(cause, "message")))
                .collect(),
            about: (text(&details, "kind"), text(&details, "name")),
            after: after.or_else(|| seconds.map(Duration::from_secs)),
        }
    }

    /// The fields that other managers have, if that is why.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let causes =
            self.causes.iter().filter(|(reason, ..)| self.code == 409 && reason == "FieldManagerConflict");
        let manager = |message: &str| message.split('"').nth(1).unwrap_or("another manager").to_owned();
        causes
            .map(|(_, field, message)| Conflict { manager: manager(message), field: plain_field(field) })
            .collect()
    }

    /// Whether the namespace is what is missing.
    pub(super) fn lacks_namespace(&self) -> bool {
        self.code == 404 && self.about.0 == "namespaces"
    }

    /// The fields that the server says cannot change.
    pub(super) fn immutable(&self) -> Vec<String> {
        let says = |message: &str| {
            message.contains("immutable")
                || message.contains("may not be changed")
                || message.contains("are forbidden")
        };
        let causes = self.causes.iter().filter(|(_, _, message)| self.code == 422 && says(message));
        causes.map(|(_, field, _)| plain_field(field)).collect()
    }

    fn class(&self) -> ErrorClass {
        match self.code {
            404 | 410 => ErrorClass::Absent,
            409 => ErrorClass::Conflict,
            408 | 429 | 500 | 502 | 503 | 504 => ErrorClass::Retryable,
            _ => ErrorClass::Permanent,
        }
    }

    /// One line on what it means, beside the server's own words.
    fn meaning(&self) -> &'static str {
        let says = |text: &str| self.message.contains(text);
        match self.code {
            401 => "the cluster does not know who asks",
            403 if says("exceeded quota") => "a quota of the namespace is used up",
            403 if says("violates PodSecurity") => "the namespace's Pod security standard does not allow it",
            _ if says("admission webhook") && says("denied the request") => "an admission webhook denied it",
            _ if says("ValidatingAdmissionPolicy") => "an admission policy denied it",
            403 if says("cannot ") => "the cluster does not allow it to whoever asks",
            403 => "it is forbidden",
            404 => "it is not there",
            409 => "somebody else changed it",
            422 => "the cluster does not take it",
            429 => "the cluster has too much to do",
            500..=599 => "the cluster has a problem of its own",
            _ => "the cluster refused",
        }
    }

    fn help(&self) -> Option<&'static str> {
        let says = |text: &str| self.message.contains(text);
        match self.code {
            401 => Some("get a new credential: log in again, or write the kubeconfig anew"),
            403 if says("exceeded quota") => Some("ask for less, or have the ResourceQuota raised"),
            403 if says("cannot ") => Some(
                "have a Role grant the verb on the resource that the message names; `kubectl auth can-i --list` shows what is granted",
            ),
            429 => Some("apply again in a while; what was done is kept in the state"),
            _ => None,
        }
    }
}

impl Failure {
    /// As an error of the provider; `doing` is what was asked, such as `applying Deployment prod/web`.
    pub(super) fn error(&self, doing: &str) -> ProviderError {
        match self {
            Self::Unable(error) => (**error).clone(),
            Self::Unreachable(why) => {
                let error = ProviderError::new(
                    ErrorClass::Retryable,
                    format!("{doing}: the cluster does not answer"),
                );
                error.detail(why.clone()).help("check the network and the address of the API server")
            }
            Self::Refused(refusal) => {
                let error = ProviderError::new(refusal.class(), format!("{doing}: {}", refusal.meaning()));
                let causes = refusal
                    .causes
                    .iter()
                    .take(CAUSES_MAX)
                    .map(|(_, field, message)| format!("{field}: {message}"));
                let causes: Vec<_> =
                    causes.filter(|cause| !refusal.message.contains(cause.as_str())).collect();
                let words = [vec![refusal.message.clone()], causes].concat().join("\n");
                refusal.help().into_iter().fold(error.code(&FAILED).detail(words), ProviderError::help)
            }
        }
    }

    /// What the server said, if it said something.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The status of HTTP, if there was one.
    pub(super) fn code(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.code)
    }
}

/// That fields are somebody else's.
pub(super) fn conflict(identity: &Identity, conflicts: &[Conflict], live: Option<&Json>) -> ProviderError {
    let when = |manager: &str| {
        let entries = live.and_then(|live| live.pointer("/metadata/managedFields")).and_then(Json::as_array);
        let entry = entries
            .into_iter()
            .flatten()
            .filter(|entry| entry.get("manager").and_then(Json::as_str) == Some(manager));
        let entry = entry
            .max_by_key(|entry| entry.get("time").and_then(Json::as_str).unwrap_or_default().to_owned())?;
        let text = |name| entry.get(name).and_then(Json::as_str).unwrap_or_default();
        Some(format!(" ({} at {})", text("operation"), text("time")))
    };
    let lines: Vec<_> = conflicts
        .iter()
        .map(|Conflict { manager, field }| {
            format!("{field} is managed by {manager}{}", when(manager).unwrap_or_default())
        })
        .collect();
    let fields: Vec<_> = conflicts.iter().map(|conflict| format!("{:?}", conflict.field)).collect();
    let managers: std::collections::BTreeSet<_> =
        conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    let managers: Vec<_> = managers.into_iter().collect();
    ProviderError::new(
        ErrorClass::Conflict,
        format!("{identity}: fields are managed by {}", managers.join(", ")),
    )
    .detail(lines.join("\n"))
    .help(format!("to take them over, write `force_conflicts = [{}]`", fields.join(", ")))
    .help("to leave them to it, take them out of the manifest")
    .at(crate::lang::value::Path::root().name("manifest"))
}

#[cfg(test)]
mod tests;
