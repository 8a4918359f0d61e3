//! `mlo get`

use crate::cli::args::{self, Get, Global, Source};
use crate::cli::exit::Exit;
use crate::cli::packages::{Got, Packages};
use crate::cli::policies;
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::view::{Paint, json};
use crate::diag::{Diagnostics, SourceMap, escape};
use crate::fetch::Mode;
use std::fmt::Write as _;

pub(in crate::cli) fn run(options: &Get, _: &Global, screen: &mut Screen) -> Exit {
    let mut sources = SourceMap::new();
    let (got, messages) = match get(options, &mut sources) {
        Ok(got) => got,
        Err(messages) => {
            return session::fail(screen, options.json, &Failed { sources, messages }, Exit::Error);
        }
    };
    if options.json {
        screen.print_json(json::got(&got, &messages, &sources));
        return Exit::Done;
    }
    screen.report(&messages, &sources);
    screen.print(&text(&got, Paint(screen.style())));
    Exit::Done
}

fn get(options: &Get, sources: &mut SourceMap) -> Result<(Got, Diagnostics), Diagnostics> {
    let source = Source {
        path: options.path.clone(),
        vars: options.vars.clone(),
        var_files: options.var_files.clone(),
        policies: options.policies.clone(),
        json: options.json,
        network: options.network.clone(),
        backend: args::Backend { environment: options.environment.clone(), ..args::Backend::default() },
    };
    let place = Place::find(options.path.as_deref())?;
    let mode = if options.update { Mode::Update } else { Mode::Mend };
    let packages = Packages::new(&place, &source, mode);
    let mut messages = Diagnostics::new();
    let config = place.load_config(place.has_builtin_root(), &packages, sources, &mut messages);
    if messages.has_errors() {
        return Err(messages);
    }
    let configured = config.map(|config| config.settings.policies).unwrap_or_default();
    let fetched = policies::fetch(&packages, &source.policies, &configured);
    fetched.map_err(|error| error.outside_of_a_gate())?;
    packages.forget_unused(!configured.is_empty() || !source.policies.bundles.is_empty());
    messages.extend(packages.keep_lock());
    messages.into_result(packages.got())
}

fn text(got: &Got, paint: Paint) -> String {
    let mut text = String::new();
    for [source, version, resolved, _] in got.modules.iter().chain(&got.policies) {
        let word = |word: &Option<String>| escape(word.as_deref().unwrap_or_default()).into_owned();
        let version = if version.is_some() { format!(" {}", word(version)) } else { String::new() };
        // A line for people: what the source stood for, in full, is in the lock file.
        let _ = writeln!(text, "- {}{version} ({})", word(source), short(&word(resolved)));
    }
    let success = paint.green("Success!");
    let _ = match (got.modules.len() + got.policies.len(), got.fetched) {
        (0, _) => writeln!(text, "{success} No module comes from elsewhere."),
        (_, 0) if got.policies.is_empty() => writeln!(text, "{success} All modules are there."),
        (_, 0) => writeln!(text, "{success} All modules and policies are there."),
        (_, 1) => writeln!(text, "{success} 1 package was fetched."),
        (_, count) => writeln!(text, "{success} {count} packages were fetched."),
    };
    text
}

/// The kind of a digest, and its first digits.
fn short(resolved: &str) -> String {
    const DIGITS_SHOWN: usize = 12;
    match resolved.split_once(':') {
        Some((kind, digits)) => format!("{kind} {}", digits.get(..DIGITS_SHOWN).unwrap_or(digits)),
        None => resolved.to_owned(),
    }
}
