//! `mlo policy eval`

use super::files::Files;
use crate::cli::args::PolicyEval;
use crate::cli::command::policy_process;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::diag::{SourceMap, because};
use crate::manifest::{as_written, read_text, yaml};
use crate::policy::{Answered, Bundle, PolicyError, Ready};
use serde_json::{Value as Json, json};
use std::io::Read as _;
use std::path::Path;

/// Bytes of standard input that are read.
const INPUT_BYTES_MAX: u64 = 512 * 1024 * 1024;

pub(in crate::cli) fn run(options: &PolicyEval, screen: &mut Screen) -> Exit {
    let answered = match eval(options) {
        Ok(answered) => answered,
        Err(error) => {
            let failed = Failed { messages: error.diagnostic().into(), sources: SourceMap::new() };
            return session::fail(screen, options.json, &failed, Exit::Error);
        }
    };
    for line in &answered.prints {
        screen.say(&format!("{line}\n"));
    }
    if options.json {
        screen.print_json(document(&answered));
    } else {
        screen.print(&text(&answered));
    }
    let is_defined = !answered.rows.is_empty();
    if (options.fail && !is_defined) || (options.fail_defined && is_defined) {
        Exit::Error
    } else {
        Exit::Done
    }
}

fn eval(options: &PolicyEval) -> Result<Answered, PolicyError> {
    // The process gets ready while the files are read.
    let ready = Ready::start(policy_process::program()?)?;
    let bundle = match options.data.as_slice() {
        [] => Bundle::builtin()?,
        paths => Files::read(paths, &options.network)?.bundle,
    };
    let bundle = match &options.environment.env {
        Some(environment) => bundle.for_environment(environment)?,
        None => bundle,
    };
    let reading = ready.read(&bundle, false);
    let input = options.input.as_deref().map(input).transpose()?;
    reading.finish()?.eval(&options.query, input)
}

/// The document in a file, or on standard input, as JSON.
fn input(path: &Path) -> Result<String, PolicyError> {
    let name = path.display().to_string();
    let unreadable = |reason: String| PolicyError::Input { file: name.clone(), reason };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| unreadable(because(&error)))?;
        text
    } else {
        read_text(path).map_err(|error| unreadable(error.to_string()))?
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
        return Ok(text);
    }
    let mut sources = SourceMap::new();
    let source = sources.add(&*name, &*text);
    let parsed = yaml::parse(&text, source);
    let problems = parsed.documents.iter().flat_map(|document| &document.problems);
    if let Some(problem) = parsed.stopped.iter().chain(problems).next() {
        let line = problem.labels.first().map(|label| sources.get(source).position(label.span.start).line);
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        return Err(unreadable(format!("{line}{}", problem.summary)));
    }
    match parsed.documents.as_slice() {
        [] => Ok(Json::Null.to_string()),
        [document] => Ok(as_written(&document.root).to_string()),
        _ => Err(unreadable("it holds more than one document".to_owned())),
    }
}

/// As `opa eval` gives it.
fn document(answered: &Answered) -> Json {
    let rows = answered.rows.iter().map(|row| {
        let expressions = row.expressions.iter().map(|expression| {
            json!({
                "value": expression.value,
                "text": expression.text,
                "location": { "row": expression.row, "col": expression.column },
            })
        });
        let mut result = json!({ "expressions": expressions.collect::<Vec<_>>() });
        let has_bindings = row.bindings.as_object().is_some_and(|bindings| !bindings.is_empty());
        if let (true, Some(result)) = (has_bindings, result.as_object_mut()) {
            result.insert("bindings".to_owned(), row.bindings.clone());
        }
        result
    });
    match rows.collect::<Vec<_>>() {
        rows if rows.is_empty() => json!({}),
        rows => json!({ "result": rows }),
    }
}

/// Each way in which the query holds: its variables if it has any, else what its expressions are.
fn text(answered: &Answered) -> String {
    if answered.rows.is_empty() {
        return "undefined\n".to_owned();
    }
    let pretty = |value: &Json| serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    let mut text = String::new();
    for row in &answered.rows {
        if row.bindings.as_object().is_some_and(|bindings| !bindings.is_empty()) {
            text += &pretty(&row.bindings);
        } else {
            row.expressions.iter().for_each(|expression| text += &pretty(&expression.value));
        }
    }
    text
}
