//! What was decided, against what turned out: rolling accuracy, precision and recall.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Deserialize;

use super::rows::Rows;

/// Requests that are remembered for truths to come.
const REQUESTS_MAX: usize = 100_000;
/// Bytes of what was decided, in all of them, at most.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a text takes beside its own bytes.
const TEXT_BYTES: usize = 48;
/// Bytes of a label at most; what is longer is no label of a model.
const LABEL_BYTES_MAX: usize = 256;
/// Truths that the figures are about: the latest.
const WINDOW_MAX: usize = 10_000;

/// Truths of one request, as they are sent.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Truth {
    request_id: String,
    labels: Vec<serde_json::Value>,
}

/// One request's truths, or those of several.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Truths {
    One(Truth),
    Several { feedback: Vec<Truth> },
}

/// What became of truths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Outcome {
    /// Rows whose decision is known.
    pub(crate) matched: usize,
    /// Rows of requests that are not known, or not any more, or have another number of rows.
    pub(crate) unmatched: usize,
}

/// How good decisions were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quality {
    pub(crate) accuracy: f64,
    /// Averages over the classes.
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    /// Rows that these are about.
    pub(crate) rows: usize,
    /// Rows since the start.
    pub(crate) matched: u64,
    pub(crate) unmatched: u64,
}

/// What was decided lately, and what turned out of it.
#[derive(Default)]
pub(super) struct Decisions {
    by_request: HashMap<String, Vec<String>>,
    order: VecDeque<String>,
    /// What `by_request` takes.
    bytes: usize,
    /// The operator's names of the classes, which truths may have in place of numbers.
    names: Vec<String>,
    /// What was decided, and what is true.
    window: VecDeque<(String, String)>,
    matched: u64,
    unmatched: u64,
}

impl Decisions {
    /// - `names`: the operator's names of the classes, or none.
    pub(super) fn add(&mut self, request_id: &str, rows: &Rows, names: &[String]) {
        if self.names != names {
            names.clone_into(&mut self.names);
        }
        if rows.decisions.iter().all(String::is_empty) {
            return;
        }
        self.bytes += bytes(request_id, &rows.decisions);
        match self.by_request.insert(request_id.to_owned(), rows.decisions.clone()) {
            Some(before) => self.bytes -= bytes(request_id, &before),
            None => self.order.push_back(request_id.to_owned()),
        }
        while self.order.len() > REQUESTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.forget(&oldest);
        }
    }

    /// What was decided for a request, which is known no more.
    fn forget(&mut self, request_id: &str) -> Vec<String> {
        let decided = self.by_request.remove(request_id);
        self.bytes -= decided.as_ref().map_or(0, |decided| bytes(request_id, decided));
        decided.unwrap_or_default()
    }

    pub(super) fn join(&mut self, truths: &Truths) -> Outcome {
        let truths = match truths {
            Truths::One(truth) => std::slice::from_ref(truth),
            Truths::Several { feedback } => feedback,
        };
        let mut outcome = Outcome::default();
        for truth in truths {
            let known =
                self.by_request.get(&truth.request_id).filter(|rows| rows.len() == truth.labels.len());
            let Some(_) = known else {
                outcome.unmatched += truth.labels.len();
                continue;
            };
            // A truth counts once.
            let decided = self.forget(&truth.request_id);
            outcome.matched += decided.len();
            let names = &self.names;
            self.window.extend(decided.into_iter().zip(truth.labels.iter().map(|label| text(label, names))));
        }
        while self.window.len() > WINDOW_MAX {
            self.window.pop_front();
        }
        self.matched += outcome.matched as u64;
        self.unmatched += outcome.unmatched as u64;
        outcome
    }

    pub(super) fn quality(&self) -> Option<Quality> {
        /// Of one class: decided rightly, decided, true.
        type Counts = (f64, f64, f64);
        if self.window.is_empty() {
            return None;
        }
        let mut classes: BTreeMap<&str, Counts> = BTreeMap::new();
        for (decided, truth) in &self.window {
            classes.entry(decided).or_default().1 += 1.0;
            let counts = classes.entry(truth).or_default();
            counts.2 += 1.0;
            counts.0 += f64::from(u8::from(decided == truth));
        }
        let mean = |part: fn(&Counts) -> f64| {
            let values: Vec<f64> = classes.values().map(part).collect();
            values.iter().sum::<f64>() / values.iter().map(|_| 1.0).sum::<f64>()
        };
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let right: f64 = classes.values().map(|counts| counts.0).sum();
        let all: f64 = classes.values().map(|counts| counts.2).sum();
        Some(Quality {
            accuracy: share(right, all),
            precision: mean(|(right, decided, _)| if *decided > 0.0 { right / decided } else { 0.0 }),
            recall: mean(|(right, _, truth)| if *truth > 0.0 { right / truth } else { 0.0 }),
            rows: self.window.len(),
            matched: self.matched,
            unmatched: self.unmatched,
        })
    }
}

/// What is remembered of a request: its id twice, and a text for each row.
fn bytes(request_id: &str, decided: &[String]) -> usize {
    let texts: usize = decided.iter().map(|text| TEXT_BYTES + text.len()).sum();
    2 * (TEXT_BYTES + request_id.len()) + texts
}

/// A label as decisions have it: `1` for 1, 1.0, "1", and the name of the second class.
fn text(label: &serde_json::Value, names: &[String]) -> String {
    let cut = |text: &str| text.get(..text.floor_char_boundary(LABEL_BYTES_MAX)).unwrap_or(text).to_owned();
    match (label.as_str(), label.as_f64()) {
        (Some(text), _) => {
            let place = names.iter().position(|name| name == text);
            place.map_or_else(|| cut(text), |place| place.to_string())
        }
        (None, Some(number)) => number.to_string(),
        (None, None) => cut(&label.to_string()),
    }
}
