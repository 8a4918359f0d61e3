//! Bundles of policies, through the program: where they come from, what signs them, several at once; made and read by `opa`
//! as well.

mod configured;
mod published;
mod several;
mod signed;
mod sources;

use crate::support::{Project, Said, repository};
use std::io::Read as _;
use std::process::Command;

/// A rule on models that denies nothing, and one that denies a file with a word in it.
const RULES: &str = "package model.governance\n\ndeny contains \"no\" if input.metadata.name == \"never\"\n";
/// A rule on plans: no file holds the word.
fn no_word(word: &str) -> String {
    format!(
        "package deployment.policy\n\nviolation contains {{\"rule\": \"no_{word}\", \"address\": c.address, \"path\": \
         \"content\", \"msg\": \"a file says {word}\"}} if {{\n\tsome c in input.plan.resource_changes\n\
         \tcontains(c.change.after.content, \"{word}\")\n}}\n\ndeny contains v.msg if some v in violation\n"
    )
}

/// A project with a file of this content, and a bundle in `rules` that has the word `bad` denied.
fn project(content: &str) -> Project {
    let project = Project::with(&[("rules/model.rego", RULES), ("rules/plan.rego", &no_word("bad"))]);
    say(&project, content);
    project
}

/// What the file of the project holds.
fn say(project: &Project, content: &str) {
    let text =
        format!("resource \"local_file\" \"f\" {{\n  filename = \"f.txt\"\n  content  = \"{content}\"\n}}\n");
    project.write("main.hcl", text);
}

/// Where a key of the tests lies.
fn key(name: &str) -> String {
    repository().join("tests/cases/bundles").join(name).to_str().unwrap().to_owned()
}

/// `opa` in the folder of a project.
fn opa(project: &Project, arguments: &[&str]) -> Said {
    Said::of(
        Command::new(crate::support::opa()).args(arguments).current_dir(project.path()).output().unwrap(),
    )
}

/// The files in an archive of a project, by their names without `/` at the beginning.
fn unpacked(project: &Project, name: &str) -> Vec<(String, String)> {
    let bytes = std::fs::read(project.path().join(name)).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().trim_start_matches('/').to_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (name, text)
    });
    entries.collect()
}

/// Writes an archive of files.
fn packed(files: &[(String, String)]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(name, text)| crate::support::pack::file(name, text)).collect();
    crate::support::pack::tar_gz(&entries)
}
