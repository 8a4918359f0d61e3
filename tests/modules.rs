//! Modules from elsewhere, through the program: fetched once, locked, checked, and never more than they say.

mod archives;
mod repositories;
mod services;
mod variables;

use crate::support::{Project, Said};

/// A configuration that calls one module and shows its output `text`.
fn calling(source: &str) -> String {
    format!("module \"m\" {{\n  source = \"{source}\"\n}}\noutput \"text\" {{\n  value = module.m.text\n}}\n")
}

/// A module whose output `text` is this.
fn saying(text: &str) -> String {
    format!("output \"text\" {{\n  value = \"{text}\"\n}}\n")
}

/// What the configuration's output `text` would be.
#[track_caller]
fn text(project: &Project) -> String {
    let plan = project.json(&["plan"], 0);
    plan["output_changes"]["text"]["after"].as_str().unwrap_or_default().to_owned()
}

fn forget(project: &Project) {
    std::fs::remove_dir_all(project.path().join(".mlo/modules")).unwrap();
}

/// A failure with a code, at the line of `source`.
#[track_caller]
fn fails(said: &Said, code: &str, texts: &[&str]) {
    said.ends_with(1).has(&[&format!("error[{code}]"), "main.hcl:2:"]).has(texts);
}
