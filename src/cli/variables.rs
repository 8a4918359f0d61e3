//! Values for variables: environment variables, files that are read by themselves, the block of the chosen environment,
//! files and flags of the command line. The last of these that gives one counts, as in Terraform.

use super::args::Source;
use super::project::Place;
use super::screen::Screen;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::config::{Module, Variable};
use crate::lang::load::{self, Given};
use crate::lang::value::{Marks, Type};
use crate::plan::{Input, Inputs, Reading};
use std::path::Path;
use std::sync::Arc;

/// Environment variables that give values, the later one counting more.
pub(super) const PREFIXES: [&str; 2] = ["TF_VAR_", "MLO_VAR_"];
/// Declared variables that are listed where none is near to what was written.
const NAMES_LISTED_MAX: usize = 20;
/// Files of values that are read by themselves, in this order; after them `*.auto.tfvars` and `*.auto.tfvars.json`.
const FILES: [&str; 4] = ["terraform.tfvars", "terraform.tfvars.json", "mlo.tfvars", "mlo.tfvars.json"];

/// Gathers the values for the variables of `config`.
///
/// # Errors
/// A file that cannot be read or is not HCL, a flag that is not `name=value`, a value for a variable that is not
/// declared.
pub(super) fn gather(
    source: &Source,
    place: &Place,
    config: &Module,
    sources: &mut SourceMap,
) -> Result<(Inputs, Diagnostics), Diagnostics> {
    gather_below((source, place), None, config, sources)
}

/// The same, with the files of values of a folder of the project, which count more than the project's.
pub(super) fn gather_below(
    (source, place): (&Source, &Place),
    below: Option<&str>,
    config: &Module,
    sources: &mut SourceMap,
) -> Result<(Inputs, Diagnostics), Diagnostics> {
    let mut inputs = Inputs::new();
    let mut messages = Diagnostics::new();
    from_environment(config, (sources, &mut inputs, &mut messages));
    let below = below.map(|name| (place.folder.join(name), joined(&place.shown, name)));
    for (folder, shown) in [(place.folder.clone(), place.shown.clone())].into_iter().chain(below) {
        for file in files_of(&folder) {
            let Some(name) = file.file_name() else { continue };
            let shown = joined(&shown, &name.to_string_lossy());
            from_file(&file, &shown, config, (sources, &mut inputs, &mut messages));
        }
    }
    let block = source.env().and_then(|name| config.environments.get(name));
    for (name, (_, value)) in block.iter().flat_map(|block| &block.variables) {
        if config.variables.contains_key(name) {
            inputs.insert(name.clone(), Input::Expr(value.clone()));
        }
    }
    for file in &source.var_files {
        from_file(file, &file.display().to_string(), config, (sources, &mut inputs, &mut messages));
    }
    for flag in &source.vars {
        from_flag(flag, config, (sources, &mut inputs, &mut messages));
    }
    messages.into_result(inputs)
}

/// The values that were gathered, for what is evaluated before anything is planned.
///
/// # Errors
/// If the text of one is no value.
pub(super) fn given(config: &Module, inputs: &Inputs) -> Result<Given, Diagnostics> {
    let mut given = Given::new();
    let mut messages = Diagnostics::new();
    for (name, input) in inputs {
        let Some(variable) = config.variables.get(name) else { continue };
        match input.value(Reading::of(variable)) {
            Ok(value) => drop(given.insert(name.clone(), (value, input.span()))),
            Err(said) => messages.extend(said),
        }
    }
    messages.into_result(given).map(|(given, _)| given)
}

/// From now on no message shows what was given for a sensitive variable, or its default: not by its place in a source,
/// and not by its value.
pub(super) fn hide(config: &Module, inputs: &Inputs, sources: &mut SourceMap, screen: &mut Screen) {
    for (name, variable) in config.variables.iter().filter(|(_, variable)| is_secret(variable)) {
        let of_environment = config.environments.values().filter_map(|block| block.variables.get(name));
        let written = of_environment.map(|(_, value)| value).chain(&variable.default);
        let written: Vec<_> = written.cloned().map(Input::Expr).collect();
        for input in inputs.get(name).into_iter().chain(&written) {
            sources.hide(input.span());
            if let Ok(value) = input.value(Reading::of(variable)) {
                screen.hide(&value.marked(Marks::SENSITIVE));
            }
        }
    }
    for call in config.calls.values() {
        hide(&call.module, &Inputs::new(), sources, screen);
    }
}

fn is_secret(variable: &Variable) -> bool {
    variable.sensitive || variable.ephemeral
}

fn from_environment(config: &Module, (sources, inputs, messages): Gathered<'_>) {
    for prefix in PREFIXES {
        for name in config.variables.keys() {
            let variable = format!("{prefix}{name}");
            if let Some(value) = std::env::var_os(&variable) {
                let text = value.to_string_lossy();
                from_text((name, &text), variable, config, (sources, inputs, messages));
            }
        }
    }
}

fn joined(folder: &str, name: &str) -> String {
    if folder == "." { name.to_owned() } else { format!("{}/{name}", folder.trim_end_matches('/')) }
}

/// The files of values of a folder that are read by themselves.
pub(super) fn files_of(folder: &Path) -> Vec<std::path::PathBuf> {
    let named = FILES.iter().map(|name| folder.join(name)).filter(|file| file.is_file());
    named.chain(auto_files(folder)).collect()
}

fn auto_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.strip_suffix(".json").unwrap_or(&name).ends_with(".auto.tfvars")
        })
        .collect();
    files.sort();
    files
}

type Gathered<'a> = (&'a mut SourceMap, &'a mut Inputs, &'a mut Diagnostics);

fn from_file(file: &Path, shown: &str, config: &Module, (sources, inputs, messages): Gathered<'_>) {
    let body = match load::read_body(file, shown, sources) {
        Ok(body) => body,
        Err(said) => {
            // Which variable a broken line is for cannot be told.
            if config.variables.values().any(is_secret) {
                for label in said.iter().flat_map(|message| &message.labels) {
                    sources.hide(sources.lines(label.span));
                }
            }
            return messages.extend(said);
        }
    };
    for block in body.blocks() {
        let summary =
            format!("a file of values has only lines such as `name = value`, no `{}` block", block.kind.name);
        messages.push(Diagnostic::error(code::engine::UNDECLARED, summary).at(block.header, ""));
    }
    for attribute in body.attributes() {
        let name = &attribute.name.name;
        if config.variables.contains_key(name) {
            inputs.insert(name.clone(), Input::Expr(attribute.value.clone()));
        } else {
            // A name that is misspelled may be meant for a secret.
            sources.hide(attribute.value.span);
            let summary = format!("there is no variable `{name}`");
            let known = config.variables.keys().map(AsRef::as_ref);
            let message = Diagnostic::warning(code::engine::UNDECLARED, summary).at(attribute.name.span, "");
            messages.push(message.did_you_mean(name, known));
        }
    }
}

fn from_flag(flag: &str, config: &Module, (sources, inputs, messages): Gathered<'_>) {
    let Some((name, value)) = flag.split_once('=') else {
        // Only what can be a name is shown: the rest may be a value.
        let name = flag.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or("");
        let summary = format!("`--var {name}` has no value");
        messages.push(Diagnostic::error(code::engine::USAGE, summary).help("write it as `--var name=value`"));
        return;
    };
    let name = name.trim();
    if !config.variables.contains_key(name) {
        let summary = format!("there is no variable `{name}`, for which `--var` gives a value");
        let known = config.variables.keys().map(AsRef::as_ref);
        let message = Diagnostic::error(code::engine::UNDECLARED, summary).did_you_mean(name, known);
        let message = match (message.help.is_empty(), config.variables.is_empty()) {
            (true, true) => message.help("the configuration declares no variables"),
            (true, false) => {
                let names: Vec<_> = config.variables.keys().take(NAMES_LISTED_MAX).collect();
                let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                message.help(format!("the configuration declares {names}"))
            }
            _ => message,
        };
        messages.push(message);
        return;
    }
    from_text((name, value), format!("--var {name}"), config, (sources, inputs, messages));
}

/// A value as text from outside of files. A bare word for a variable of another type than string is told at once what
/// it lacks: as an expression it would be a reference to nothing.
fn from_text(
    (name, value): (&str, &str),
    place: String,
    config: &Module,
    (sources, inputs, messages): Gathered<'_>,
) {
    let text: Arc<str> = value.into();
    let source = sources.add(place, text.clone());
    // What is sensitive is not quoted: its message is made where it is hidden.
    let open = config.variables.get(name).filter(|variable| !is_secret(variable));
    let ty = open.map(|variable| &variable.ty);
    if let Some(ty) = ty.filter(|ty| !matches!(ty, Type::String | Type::Any) && is_word(value)) {
        let summary = format!("variable `{name}` needs {}, and `{value}` is none", ty.with_article());
        let span = Span { source, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) };
        let message = Diagnostic::error(code::engine::VARIABLE_TYPE, summary).at(span, "given here");
        messages.push(
            message.help("lists and objects are written as in HCL, with text in quotes: `[\"a\", \"b\"]`"),
        );
        return;
    }
    inputs.insert(name.into(), Input::Text { source, text });
}

fn is_word(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    begins
        && !["true", "false", "null"].contains(&text)
        && text.chars().all(|character| character.is_alphanumeric() || "_-".contains(character))
}
