//! Findings as SARIF 2.1.0, which code scanning reads.
//!
//! Never happens: a result without a file and a line in the repository (GitHub refuses all results then); more results than are
//! taken. What has no place is a notification of the run.

use super::findings::{Finding, Findings, Place, State};
use data_encoding::HEXLOWER;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Results that GitHub takes of one run.
const RESULTS_MAX: usize = 25_000;
/// Bytes of a fingerprint, in hexadecimal digits twice as many.
const FINGERPRINT_BYTES: usize = 16;

/// The document.
pub(in crate::cli) fn document(findings: &Findings, succeeded: bool) -> Json {
    let mut rules: Vec<&Finding> = Vec::new();
    let (mut results, mut notifications, mut more) = (Vec::new(), Vec::new(), 0_usize);
    for finding in &findings.results {
        let index = rules.iter().position(|rule| rule.rule == finding.rule).unwrap_or_else(|| {
            rules.push(finding);
            rules.len() - 1
        });
        match &finding.place {
            Some(_) if results.len() >= RESULTS_MAX => more += 1,
            Some(place) => results.push(result(finding, place, index)),
            None => notifications.push(notification(finding, index)),
        }
    }
    if more > 0 {
        notifications.push(
            json!({ "level": "warning", "message": { "text": format!("{more} more results are left out") } }),
        );
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "mlo",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|finding| rule(findings, finding)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": succeeded, "toolExecutionNotifications": notifications }],
            "results": results,
        }],
    })
}

fn rule(findings: &Findings, finding: &Finding) -> Json {
    let about = findings.about(finding);
    let said = about.map(|about| about.description.as_str()).filter(|text| !text.is_empty());
    let said = said.unwrap_or(&finding.explanation);
    let mut help = said.to_owned();
    for action in about.into_iter().flat_map(|about| &about.actions) {
        let _ = write!(help, "\n- {action}");
    }
    let docs = about.map(|about| about.docs.as_str()).filter(|docs| !docs.is_empty());
    if let Some(docs) = docs {
        let _ = write!(help, "\nMore: {docs}");
    }
    let mut rule = json!({
        "id": finding.rule,
        "shortDescription": { "text": findings.title_of(finding) },
        "fullDescription": { "text": said },
        "help": { "text": help },
        "defaultConfiguration": { "level": level(&finding.state) },
    });
    // It must be an address; a path in the repository of the policy is none.
    if let (Some(docs), Some(rule)) = (docs.filter(|docs| is_address(docs)), rule.as_object_mut()) {
        rule.insert("helpUri".to_owned(), json!(docs));
    }
    rule
}

/// Whether a text is an address that a browser opens.
pub(super) fn is_address(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'*+,;=%".contains(&byte);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty()) && text.bytes().all(is_safe)
}

/// What is let be would be an error otherwise: the suppression says that it is none.
fn level(state: &State) -> &'static str {
    match state {
        State::Error | State::Excused(_) => "error",
        State::Warning => "warning",
        State::Open => "none",
    }
}

fn text(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    for action in &finding.actions {
        let _ = write!(text, "\n- {action}");
    }
    text
}

fn result(finding: &Finding, place: &Place, index: usize) -> Json {
    let Place { file, start, end } = place;
    // Where something is missing a place has no length.
    let region = if end > start {
        json!({ "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 })
    } else {
        json!({ "startLine": start.0, "startColumn": start.1 })
    };
    let location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(file), "uriBaseId": "%SRCROOT%" },
            "region": region,
        },
    });
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": if finding.state == State::Open { "open" } else { "fail" },
        "level": level(&finding.state),
        "message": { "text": text(finding) },
        "locations": [location],
        "partialFingerprints": { "mlo/v1": fingerprint(finding, file) },
    });
    if let (State::Excused(why), Some(result)) = (&finding.state, result.as_object_mut()) {
        let suppression = json!({ "kind": "external", "status": "accepted", "justification": why });
        result.insert("suppressions".to_owned(), json!([suppression]));
    }
    result
}

fn notification(finding: &Finding, index: usize) -> Json {
    json!({
        "level": level(&finding.state),
        "message": { "text": text(finding) },
        "associatedRule": { "id": finding.rule, "index": index },
    })
}

/// The same for the same finding in another commit, wherever its line is by then.
fn fingerprint(finding: &Finding, file: &str) -> String {
    let mut hash = Sha256::new();
    for part in [finding.rule.as_str(), file, finding.part.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    HEXLOWER.encode(digest.get(..FINGERPRINT_BYTES).unwrap_or(&digest))
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(state: State, place: Option<Place>) -> Finding {
        Finding {
            rule: "accuracy".to_owned(),
            title: "Accuracy".to_owned(),
            explanation: "It is too low.".to_owned(),
            state,
            message: "too low".to_owned(),
            actions: vec!["improve it".to_owned()],
            place,
            subject: Some("m".to_owned()),
            part: "m  spec.metrics.accuracy".to_owned(),
        }
    }

    fn at(line: usize) -> Place {
        Place { file: "a b/ü.yaml".to_owned(), start: (line, 3), end: (line, 7) }
    }

    #[test]
    fn a_result_has_a_place_a_fingerprint_and_why_it_is_let_be() {
        let findings = |state| Findings { results: vec![finding(state, Some(at(4)))], ..Findings::default() };
        let document = document(&findings(State::Excused("Overridden: x".to_owned())), true);
        let result = &document["runs"][0]["results"][0];
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "a%20b/%C3%BC.yaml");
        assert_eq!(
            location["region"],
            json!({ "startLine": 4, "startColumn": 3, "endLine": 4, "endColumn": 7 })
        );
        assert_eq!(result["suppressions"][0]["justification"], "Overridden: x");
        assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&json!("accuracy"), &json!(0)));
        assert_eq!(result["message"]["text"], "too low\n- improve it");
        let open = super::document(&findings(State::Open), true);
        let open = &open["runs"][0]["results"][0];
        assert_eq!((&open["kind"], &open["level"]), (&json!("open"), &json!("none")));
        assert_eq!(open.get("suppressions"), None);
    }

    #[test]
    fn a_fingerprint_stays_when_lines_move_and_differs_otherwise() {
        let print = |finding: &Finding| fingerprint(finding, "f");
        let first = finding(State::Error, Some(at(1)));
        assert_eq!(print(&first), print(&finding(State::Error, Some(at(9)))));
        assert_ne!(print(&first), print(&Finding { rule: "f1_score".to_owned(), ..first.clone() }));
        assert_ne!(print(&first), print(&Finding { part: "n".to_owned(), ..first.clone() }));
        assert_ne!(print(&first), fingerprint(&first, "g"));
    }

    #[test]
    fn what_has_no_place_is_a_notification_and_what_is_too_much_is_counted() {
        let results = (0..=RESULTS_MAX + 1).map(|line| finding(State::Error, Some(at(line + 1))));
        let results = results.chain([finding(State::Warning, None)]).collect();
        let document = document(&Findings { results, ..Findings::default() }, false);
        let run = &document["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), RESULTS_MAX);
        let told = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
        assert_eq!(told[0]["associatedRule"]["id"], "accuracy");
        assert_eq!(told[1]["message"]["text"], "2 more results are left out");
    }
}
