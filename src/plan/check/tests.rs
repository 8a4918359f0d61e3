//! `cases.txt`: each case has a title, files (`== name`), and all that is said of them.

use super::check;
use crate::diag::{Diagnostics, SourceMap, Style, render};
use crate::lang::load::{LoadRequest, Root, Unwritten, load_partly};
use crate::lang::scope::Nowhere;
use crate::lang::value::Value;
use crate::plan::{Context, Inputs, Origin};
use std::collections::BTreeMap;

/// All that is said of a configuration, in the order of places.
fn messages(files: &BTreeMap<String, String>) -> (Diagnostics, SourceMap) {
    let mut sources = SourceMap::new();
    let request = LoadRequest {
        root: Root::Memory(files),
        builtin: &|_| None,
        builtin_names: &[],
        version: "0.1.0",
        elsewhere: &Nowhere,
        unwritten: Unwritten::Nothing,
    };
    let (module, mut messages) = load_partly(&request, &mut sources);
    let context = Context {
        manifests: Value::object([("iris".into(), Value::object([("model".into(), Value::string("m"))]))]),
        environment: "dev".to_owned(),
        working_folder: "/".to_owned(),
        origin: Origin::default(),
        inputs: Inputs::new(),
        check_only: true,
        strict_checks: false,
        stand_ins: crate::plan::StandIns::default(),
    };
    if let Some(module) = module {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(check(&module, &context, &crate::provider::all()));
        messages.extend_elsewhere(found);
    }
    messages.sort();
    (messages, sources)
}

fn files(text: &str) -> BTreeMap<String, String> {
    let text = format!("\n{text}");
    let files = text.split("\n== ").skip(1).map(|file| file.split_once('\n').unwrap());
    files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[test]
fn every_error_is_said_once_with_its_place() {
    let expected = include_str!("cases.txt");
    let mut actual = String::new();
    for case in expected.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("---\n").unwrap();
        let (messages, sources) = messages(&files(text));
        let said: Vec<_> = messages.iter().map(|each| render(each, &sources, Style::Plain)).collect();
        let said = if said.is_empty() { "nothing\n".to_owned() } else { said.join("\n") };
        actual.extend(["### ", title, "\n", text, "---\n", &said, "\n"]);
    }
    assert!(actual == expected, "cases.txt would be:\n{actual}<<<\n");
}
