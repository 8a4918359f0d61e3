//! `mlo policy new`

use crate::cli::args::{About, PolicyNew};
use crate::cli::exit::Exit;
use crate::cli::file;
use crate::cli::screen::Screen;
use crate::diag::{Diagnostic, SourceMap, because, code};
use std::fs;
use std::path::Path;

/// Characters of a rule's name.
const NAME_MAX: usize = 60;

pub(in crate::cli) fn run(options: &PolicyNew, screen: &mut Screen) -> Exit {
    match write(options) {
        Ok(said) => {
            screen.print(&said);
            Exit::Done
        }
        Err(error) => {
            screen.report_one(&error, &SourceMap::new());
            Exit::Error
        }
    }
}

fn write(options: &PolicyNew) -> Result<String, Box<Diagnostic>> {
    let name = options.name.as_str();
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.len() <= NAME_MAX;
    if !is_name {
        let summary = format!("`{name}` is not the name of a rule");
        let error = Diagnostic::error(code::engine::USAGE, summary);
        return Err(Box::new(
            error.help("write small letters, digits and `_`, a letter first: `owner_named`"),
        ));
    }
    let failed = |path: &Path, error: &std::io::Error| {
        let summary = format!("`{}` cannot be written: {}", path.display(), because(error));
        Box::new(
            Diagnostic::error(code::engine::FILE, summary).help("choose another name, or another `--folder`"),
        )
    };
    fs::create_dir_all(&options.folder).map_err(|error| failed(&options.folder, &error))?;
    let [policy, test] = texts(options.about);
    let files = [
        (options.folder.join(format!("{name}.rego")), policy),
        (options.folder.join(format!("{name}_test.rego")), test),
    ];
    for (path, text) in &files {
        file::write_new(path, &text.replace("NAME", name)).map_err(|error| failed(path, &error))?;
    }
    let [(policy, _), (test, _)] = files;
    let folder = options.folder.display();
    Ok(format!(
        "Wrote {} and {}.\nSay in them what must hold, then: mlo policy test {folder} --run {name}\n",
        policy.display(),
        test.display()
    ))
}

/// A rule that works, and a test of it. `NAME` stands for the rule's name.
fn texts(about: About) -> [&'static str; 2] {
    match about {
        About::Model => [MODEL, MODEL_TEST],
        About::Plan => [PLAN, PLAN_TEST],
    }
}

const MODEL: &str = include_str!("new/model.rego");
const MODEL_TEST: &str = include_str!("new/model_test.rego");
const PLAN: &str = include_str!("new/plan.rego");
const PLAN_TEST: &str = include_str!("new/plan_test.rego");
