//! The cases by which OPA's authors test evaluators of Rego, asked of the engine as the gate sets it up.
//!
//! What does not come out as they say is listed in `compliance.txt`, with the reason; the page `docs/rego.md` has the
//! counts. Either is written anew by a run with `MLO_TEST_UPDATE=1`: look at what changed before you keep it.

use super::super::engine::{Strictness, compile};
use super::super::wire::Fault;
use super::*;
use regorus::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One case.
struct Case {
    group: String,
    note: String,
    said: Value,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// As the case says.
    Same,
    /// The rules are refused when they are compiled, or the evaluation fails: either denies.
    Denies(String),
    /// Another answer, in silence.
    Other,
}

/// Where the cases lie: `MLO_TEST_OPA_CASES`, else where `cargo xtask test` keeps them.
fn folder() -> PathBuf {
    let named = std::env::var_os("MLO_TEST_OPA_CASES").map(PathBuf::from);
    let kept = || tools::kept("opa-cases-v1.22.0-", "cases/v1/aggregates");
    let kept = || kept().and_then(|aggregates| aggregates.parent()?.parent().map(Path::to_owned));
    let cases =
        named.or_else(kept).expect("no cases of OPA here: run `cargo xtask test`, which obtains them");
    cases.join("v1")
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let sorted = |folder: &Path| {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut names = BTreeSet::new();
    for group in sorted(&folder()) {
        for file in sorted(&group) {
            let read = Value::from_yaml_str(&std::fs::read_to_string(&file).unwrap());
            let Ok(Value::Array(listed)) = read.map(|read| read["cases"].clone()) else {
                panic!("{} holds no cases", file.display())
            };
            for said in listed.iter() {
                let text = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
                let mut note = said["note"].as_string().unwrap().replace('\n', " ");
                for number in 2.. {
                    if names.insert(note.clone()) {
                        break;
                    }
                    note = format!("{} ({}, {number})", said["note"].as_string().unwrap(), text(&file));
                }
                cases.push(Case { group: text(&group), note, said: said.clone() });
            }
        }
    }
    cases
}

impl Case {
    fn field(&self, name: &str) -> Option<&Value> {
        self.said.as_object().unwrap().get(&Value::from(name))
    }

    fn flag(&self, name: &str) -> bool {
        self.field(name) == Some(&Value::from(true))
    }

    fn outcome(&self) -> Outcome {
        let fails = self.field("want_error").is_some() || self.field("want_error_code").is_some();
        let asked = if self.flag("strict_error") { Strictness::Strict } else { Strictness::Lenient };
        match (self.caught(asked), self.field("want_result")) {
            (Err(_), _) if fails => Outcome::Same,
            (Err(reason), _) => Outcome::Denies(reason),
            (Ok(answer), Some(wanted)) if set_of(wanted) == answer => Outcome::Same,
            // The gate takes no failure for undefined.
            (Ok(_), _) => match self.caught(Strictness::Strict) {
                Err(reason) => Outcome::Denies(reason),
                Ok(_) => Outcome::Other,
            },
        }
    }

    /// The answer, or why there is none. The process that evaluates catches a panic too, and denies.
    fn caught(&self, strictness: Strictness) -> Result<Value, String> {
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.answer(strictness)));
        answer.unwrap_or_else(|_| Err("the engine panics".to_owned()))
    }

    /// The results of the query, each as its variables.
    fn answer(&self, strictness: Strictness) -> Result<Value, String> {
        let modules = self.field("modules").map(|modules| modules.as_array().unwrap().to_vec());
        let modules = modules.unwrap_or_default().into_iter().enumerate();
        let text = |module: Value| module.as_string().unwrap().to_string();
        let rules = modules.map(|(index, module)| (format!("test-{index}.rego"), text(module))).collect();
        let data = self.field("data").map_or_else(|| json!({}), json_of);
        let (mut engine, _) = compile(&rules, &data, strictness).map_err(|fault| reason_of(&fault))?;
        if let Some(term) = self.field("input_term") {
            let input = engine.eval_query(text(term.clone()), false).map_err(|error| last_words(&error))?;
            engine.set_input(input.result[0].expressions[0].value.clone());
        } else if let Some(input) = self.field("input") {
            engine.set_input(input.clone());
        }
        let query = text(self.field("query").unwrap().clone());
        let results = engine.eval_query(query, false).map_err(|error| last_words(&error))?;
        let sorts = self.flag("sort_bindings");
        let bindings = results.result.into_iter().map(|result| {
            let mut bindings = result.bindings;
            for (_, value) in bindings.as_object_mut().unwrap().iter_mut() {
                if let (true, Value::Array(_)) = (sorts, &*value) {
                    value.as_array_mut().unwrap().sort();
                }
            }
            // Sets become lists, keys strings.
            Value::from_json_str(&bindings.to_string()).unwrap()
        });
        Ok(Value::from(bindings.collect::<BTreeSet<_>>()))
    }
}

fn set_of(list: &Value) -> Value {
    let json = Value::from_json_str(&list.to_string()).unwrap();
    Value::from(json.as_array().unwrap().iter().cloned().collect::<BTreeSet<_>>())
}

fn json_of(value: &Value) -> Json {
    serde_json::from_str(&value.to_string()).unwrap()
}

fn reason_of(fault: &Fault) -> String {
    match fault {
        Fault::Refused { reason, .. } => reason.clone(),
        Fault::Compile { reason, .. } => last_words(reason),
        other => format!("{other:?}"),
    }
}

/// What the engine says after the place and the line.
fn last_words(error: &impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let words = text.rsplit("error: ").next().unwrap_or(&text);
    words.lines().next().unwrap_or_default().trim().to_owned()
}

/// Every case and how it came out. On a stack like the one that the process has.
fn outcomes() -> Vec<(Case, Outcome)> {
    let run = || {
        cases()
            .into_iter()
            .map(|case| {
                let outcome = case.outcome();
                (case, outcome)
            })
            .collect()
    };
    let stack = 64 * 1024 * 1024;
    std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap()
}

/// The list of what does not come out as it should: why, then which cases.
fn listed(outcomes: &[(Case, Outcome)]) -> String {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (case, outcome) in outcomes {
        let reason = match outcome {
            Outcome::Same => continue,
            Outcome::Denies(reason) => format!("denies: {reason}"),
            Outcome::Other => "another answer".to_owned(),
        };
        reasons.entry(reason).or_default().push(&case.note);
    }
    reasons.into_iter().fold(String::new(), |mut list, (reason, notes)| {
        let _ = writeln!(list, "{reason}");
        for note in notes {
            let _ = writeln!(list, "    {note}");
        }
        list
    })
}

/// The counts, by group: cases, those that come out as they should, those that deny instead, those with another answer.
fn table(outcomes: &[(Case, Outcome)]) -> String {
    let mut groups: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let mut all = [0; 4];
    for (case, outcome) in outcomes {
        let at = match outcome {
            Outcome::Same => 1,
            Outcome::Denies(_) => 2,
            Outcome::Other => 3,
        };
        let group = groups.entry(&case.group).or_default();
        for counts in [group, &mut all] {
            counts[0] += 1;
            counts[at] += 1;
        }
    }
    let row = |name: &str, [cases, same, denies, other]: [usize; 4]| {
        format!("| {name} | {cases} | {same} | {denies} | {other} |\n")
    };
    let mut table = "| group | cases | as in OPA | denies instead | another answer |\n| --- | ---: | ---: | ---: | ---: |\n".to_owned();
    for (name, counts) in groups {
        table += &row(name, counts);
    }
    table + &row("all", all)
}

/// Compares a file, or a part of it, with what it should hold.
fn holds(path: &str, begin: &str, wanted: &str) {
    let file = repository(path);
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{path} has no line `{begin}`"));
    let (there, after) = match rest.split_once("<!-- end -->") {
        Some((there, after)) => (there, format!("<!-- end -->{after}")),
        None => (rest, String::new()),
    };
    if there == wanted {
        return;
    }
    if std::env::var_os("MLO_TEST_UPDATE").is_some() {
        let text = format!("{before}{begin}{wanted}{after}");
        std::io::Write::write_all(&mut std::fs::File::create(file).unwrap(), text.as_bytes()).unwrap();
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (had, has) = (lines(there), lines(wanted));
    let gone: Vec<_> = had.difference(&has).collect();
    let new: Vec<_> = has.difference(&had).collect();
    panic!(
        "{path} no longer says how OPA's cases come out: gone {gone:#?}, new {new:#?}; see this file's head"
    );
}

#[test]
fn the_cases_of_opa_come_out_as_they_are_listed() {
    let outcomes = outcomes();
    assert!(outcomes.len() > 1_000, "{} cases", outcomes.len());
    holds("src/policy/tests/compliance.txt", "---\n", &listed(&outcomes));
    holds("docs/rego.md", "<!-- counts -->\n", &table(&outcomes));
}
