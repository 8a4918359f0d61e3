//! Whether the Pods of an object answer, and with the model that is expected.
//!
//! Goes in: the Pods, and what their servers shall say. Comes out: that all do, or which does not. They are asked through the
//! API server, so that nothing but it must be reached.

use super::super::client::{Api, Served};
use super::pods;
use super::state::condition;
use crate::lang::value::Value;
use crate::provider::object::text;
use serde_json::Value as Json;

/// Where servers say that they are ready, and on which port: as `mlo-runtime` does.
const PATH: &str = "/ready";
const PORT: &str = "8080";
/// Seconds that a Pod has, from when its own probe is content, to answer as it should.
const WITHIN_S: i64 = 30;
/// Characters of an answer that are shown.
const SAID_MAX: usize = 300;

/// What the Pods' servers shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthCheck {
    path: String,
    port: String,
    /// The digest of the model that they shall serve.
    digest: Option<String>,
}

/// How the Pods answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// Not as they should, yet.
    Not(String),
    /// Not as they should, and that will stay so.
    Never {
        why: String,
        said: String,
    },
}

impl HealthCheck {
    /// Of a block; nothing if there is none.
    pub(super) fn of(block: &Value) -> Option<Self> {
        block.as_entries()?;
        Some(Self {
            path: text(block, "path").unwrap_or(PATH).to_owned(),
            port: text(block, "port").unwrap_or(PORT).to_owned(),
            digest: text(block, "digest").map(str::to_owned),
        })
    }

    /// Asks each of the Pods; the first that does not answer as it should stands for all.
    pub(super) async fn ask(
        &self,
        api: &Api,
        namespace: &str,
        found: &[Json],
        now: jiff::Timestamp,
    ) -> Health {
        for pod in found.iter().filter(|pod| !pods::is_done(pod)) {
            let name = pod.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
            let served = api.served((namespace, name), &self.port, &self.path).await;
            match self.judge(name, &served, ready_s(pod, now)) {
                Health::Well => {}
                other => return other,
            }
        }
        Health::Well
    }

    /// What an answer means of a Pod that has been ready for some seconds.
    fn judge(&self, pod: &str, served: &Served, ready_s: i64) -> Health {
        let Self { path, digest, .. } = self;
        let said = match served {
            Served::Answer(code, body) if (200..300).contains(code) => {
                let Some(expected) = digest else { return Health::Well };
                let json: Json = serde_json::from_str(body).unwrap_or_default();
                match json.get("digest").and_then(Json::as_str) {
                    Some(named) if named == expected => return Health::Well,
                    Some(named) => {
                        let why = "its Pods serve another model than the expected one".to_owned();
                        return Health::Never {
                            why,
                            said: format!("Pod {pod} serves {named}, and not {expected}"),
                        };
                    }
                    None => format!("{path} names no digest"),
                }
            }
            Served::Answer(code, body) => {
                let body: String = body.trim().chars().take(SAID_MAX).collect();
                format!("{path} answers {code}: {body}")
            }
            Served::Denied(message) => {
                let why = "its Pods may not be asked whether they are healthy".to_owned();
                return Health::Never { why, said: message.clone() };
            }
            Served::Nothing(why) => format!("{path} does not answer: {why}"),
        };
        let said = format!("Pod {pod}: {said}");
        if ready_s < WITHIN_S {
            return Health::Not(said);
        }
        Health::Never { why: "its Pods are ready for the cluster, and not healthy".to_owned(), said }
    }
}

/// For how long a Pod has been ready, in seconds.
fn ready_s(pod: &Json, now: jiff::Timestamp) -> i64 {
    let conditions = pod.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let ready = conditions.into_iter().find(|it| it.get("type").and_then(Json::as_str) == Some("Ready"));
    let since = ready.and_then(|it| it.get("lastTransitionTime")?.as_str()?.parse::<jiff::Timestamp>().ok());
    let is_ready = condition(pod, "Ready").is_some_and(|ready| ready.status == "True");
    since.filter(|_| is_ready).map_or(0, |since| now.as_second() - since.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(digest: Option<&str>) -> HealthCheck {
        HealthCheck { path: PATH.to_owned(), port: PORT.to_owned(), digest: digest.map(str::to_owned) }
    }

    #[test]
    fn the_servers_of_pods_must_answer_and_serve_the_expected_model() {
        let answer = |code: u16, body: &str| Served::Answer(code, body.to_owned());
        let never = |why: &str| Some(why.to_owned());
        for (digest, served, ready_s, expected) in [
            (None, answer(200, "ok"), 0, None),
            (Some("sha256:a"), answer(200, r#"{"digest": "sha256:a"}"#), 0, None),
            (
                Some("sha256:a"),
                answer(200, r#"{"digest": "sha256:b"}"#),
                0,
                never("its Pods serve another model than the expected one"),
            ),
            (
                Some("sha256:a"),
                answer(200, "ok"),
                60,
                never("its Pods are ready for the cluster, and not healthy"),
            ),
            (None, answer(503, "loading"), 60, never("its Pods are ready for the cluster, and not healthy")),
            (
                None,
                Served::Denied("User cannot".to_owned()),
                0,
                never("its Pods may not be asked whether they are healthy"),
            ),
            (
                None,
                Served::Nothing("refused".to_owned()),
                60,
                never("its Pods are ready for the cluster, and not healthy"),
            ),
        ] {
            let why = match check(digest).judge("p", &served, ready_s) {
                Health::Well => None,
                Health::Never { why, .. } => Some(why),
                Health::Not(said) => Some(said),
            };
            assert_eq!(why, expected, "{served:?}");
        }
        let soon = check(None).judge("p", &answer(503, "loading"), 1);
        assert_eq!(soon, Health::Not("Pod p: /ready answers 503: loading".to_owned()));
    }

    #[test]
    fn what_is_not_said_is_as_our_server_has_it() {
        let block = |json: Json| HealthCheck::of(&super::super::super::object::value_of(&json));
        assert_eq!(block(json!({})), Some(check(None)));
        let given = HealthCheck { path: "/health".to_owned(), port: "http".to_owned(), digest: None };
        assert_eq!(block(json!({"path": "/health", "port": "http"})), Some(given));
        assert_eq!(HealthCheck::of(&Value::null()), None);
    }
}
