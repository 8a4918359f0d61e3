//! Files that somebody made to do harm: whatever is in them or in their place, the program ends soon, by itself, with a
//! code of its own, and prints nothing that steers a terminal.

use crate::support::{Project, Said, repository, said};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, Instant};

/// A whole command on a small project takes some 20 ms; a hang takes for ever.
const SOON: Duration = Duration::from_secs(10);

const STATE: &str = ".mlo/state/default/state.json";

#[expect(clippy::disallowed_methods, reason = "what is measured is how long a command takes")]
fn clock() -> Instant {
    Instant::now()
}

/// Runs the program and asserts that it ended well, whatever it said.
fn ends_well(project: &Project, arguments: &[&str]) -> Said {
    let begun = clock();
    let said = said(&mut project.command(arguments));
    let all = said.all();
    assert!((0..=7).contains(&said.code) && !all.contains("panicked"), "mlo {}\n{all}", arguments.join(" "));
    assert!(begun.elapsed() < SOON, "mlo {} took {:?}", arguments.join(" "), begun.elapsed());
    assert!(!all.contains(mlo::diag::is_unsafe), "mlo {}\n{all:?}", arguments.join(" "));
    said
}

fn pipe(project: &Project, name: &str) {
    let path = project.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&path);
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn nobody_waits_for_a_pipe_or_reads_a_device() {
    for (name, arguments) in [
        ("main.hcl", &["plan"][..]),
        ("m.yaml", &["plan"]),
        ("m.yaml", &["plan", "m.yaml"]),
        ("mlo.tfvars", &["plan"]),
        ("given.tfvars", &["plan", "--var-file", "given.tfvars"]),
        ("policies/model.rego", &["plan", "--policies", "policies"]),
        ("policies/data.yaml", &["plan", "--policies", "policies"]),
        (STATE, &["plan"]),
        (STATE, &["show"]),
        (".mlo/state/default/journal", &["plan"]),
        (".mlo/state/default/lock", &["apply", "--auto-approve"]),
    ] {
        for device in [false, true] {
            let project = Project::with(&[("other.hcl", "output \"o\" { value = 1 }\n")]);
            pipe(&project, name);
            if device {
                let path = project.path().join(name);
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink("/dev/zero", path).unwrap();
            }
            ends_well(&project, arguments);
        }
    }
}

#[test]
fn what_lies_in_the_place_of_a_services_files_is_not_trusted() {
    let configuration =
        "resource \"local_inference_service\" \"a\" {\n  name  = \"iris\"\n  model = \"iris.onnx\"\n}\n";
    let project = Project::with(&[("main.hcl", configuration)]);
    let models = repository().join("examples/iris/model");
    let model = std::fs::read_dir(models).unwrap().flatten().map(|entry| entry.path());
    let model = model.filter(|path| path.extension().is_some_and(|end| end == "onnx")).min().unwrap();
    project.write("iris.onnx", std::fs::read(model).unwrap());
    project.ok(&["apply", "--auto-approve"]);
    let services = project.path().join(".mlo/services");
    let folder = std::fs::read_dir(services).unwrap().next().unwrap().unwrap().file_name();
    let run = format!(".mlo/services/{}/run.json", folder.to_str().unwrap());
    let honest = project.read(&run);
    let with = |name: &str, value: Json| {
        let mut run: Json = serde_json::from_str(&honest).unwrap();
        run[name] = value;
        run.to_string()
    };
    // What does not name the process that holds the log is waited for, as a server that starts: 5 s each.
    for text in [with("pid", json!(-1)), with("port", json!(0)), with("port", json!(1)), "[".repeat(100_000)]
    {
        project.write(&run, text);
        ends_well(&project, &["plan"]);
    }
    pipe(&project, &run);
    ends_well(&project, &["plan"]);
    std::fs::remove_file(project.path().join(&run)).unwrap();
    project.write(&run, honest);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["destroy", "--auto-approve"]);
}

#[test]
fn thousands_of_mistakes_are_told_soon() {
    let chain = format!("output \"o\" {{\n  value = {}1\n}}\n", "a*".repeat(5_000));
    let project = Project::with(&[("main.hcl", &chain)]);
    ends_well(&project, &["validate"]).ends_with(1).has(&["more messages are not shown"]);
    ends_well(&project, &["validate", "--json"]).ends_with(1);
}

/// Something that a file should not hold.
fn hostile() -> impl Strategy<Value = Json> {
    let nested = (0..150_u32).prop_map(|depth| (0..depth).fold(json!(1), |inner, _| json!([inner])));
    prop_oneof![
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!(""),
            json!("\u{1b}[2J\u{202e}\u{0}"),
            json!("x".repeat(5_000)),
            json!([]),
            json!({}),
            json!({"": ""}),
            json!("terraform_data.a"),
            json!("terraform_data.b"),
            json!("module.m.terraform_data.a[\"\u{1b}\"]"),
            json!("data.nothing.at_all"),
            json!("nobodys"),
            json!("../../outside"),
            json!("tainted"),
        ]),
        nested,
        any::<String>().prop_map(Json::from),
    ]
}

/// Puts `value` at the `at`th place of a document, counted from its beginning.
fn put(document: &mut Json, at: &mut usize, value: &Json) {
    if *at == 0 {
        *document = value.clone();
    }
    *at = at.wrapping_sub(1);
    match document {
        Json::Array(items) => items.iter_mut().for_each(|item| put(item, at, value)),
        Json::Object(entries) => entries.values_mut().for_each(|item| put(item, at, value)),
        _ => {}
    }
}

fn places(document: &Json) -> usize {
    1 + match document {
        Json::Array(items) => items.iter().map(places).sum(),
        Json::Object(entries) => entries.values().map(places).sum(),
        _ => 0,
    }
}

/// The document as a state file whose digest is right.
fn sealed(mut document: Json) -> String {
    document.as_object_mut().map(|entries| entries.remove("digest"));
    let text = document.to_string();
    let content = format!("{},\n", text.strip_suffix('}').unwrap_or(&text));
    let digest = Sha256::digest(content.as_bytes());
    let digest = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{content}\"digest\":\"sha256:{digest}\"}}\n")
}

#[test]
fn a_state_with_a_right_digest_and_wrong_content_is_refused_or_used_but_never_a_crash() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"terraform_data\" \"a\" { input = { deep = [1, \"x\"] } }\nresource \"terraform_data\" \"b\" { input = terraform_data.a.id }\nresource \"local_file\" \"f\" {\n  filename = \"f\"\n  content  = \"x\"\n}\noutput \"o\" { value = terraform_data.b.output }\n",
    )]);
    project.ok(&["apply", "--auto-approve"]);
    let honest: Json = serde_json::from_str(&project.read(STATE)).unwrap();
    project.write(STATE, sealed(honest.clone()));
    project.ok(&["plan"]).has(&["No changes."]);
    let count = places(&honest);
    let commands: [&[&str]; 5] =
        [&["plan"], &["plan", "--json"], &["show"], &["show", "--json"], &["destroy", "--auto-approve"]];
    let case = (0..count, hostile(), 0..commands.len());
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    proptest!(config, |((place, value, command) in case)| {
        let mut document = honest.clone();
        put(&mut document, &mut place.clone(), &value);
        project.write(STATE, sealed(document));
        ends_well(&project, commands[command]);
    });
}

/// Pieces that mean something to one of our readers.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "${",
    "%{if true}",
    "<<EOT\n",
    "\n",
    "\u{1b}[2J",
    "\u{202e}",
    "1e99999",
    "null",
    "var.",
    "each.value",
    "...",
    "- &a\n",
    "*a",
    "<<: ",
    "---\n",
    "\t",
    "\u{0}",
    "(((((((((",
    "for x in range(1024): ",
];

#[test]
fn text_that_is_broken_anywhere_is_refused_at_its_place() {
    let configuration = "variable \"v\" {\n  type    = map(object({ a = number, b = optional(list(string)) }))\n  default = {}\n}\nlocals { l = { for k, one in var.v : k => one.a * 2 if one.a > 0 } }\nresource \"terraform_data\" \"a\" { input = \"x${length(local.l)}\" }\n";
    let values = "v = { one = { a = 1, b = [\"x\"] } }\n";
    let iris = std::fs::read_to_string(repository().join("examples/iris/iris.yaml")).unwrap();
    let data = std::fs::read_to_string(repository().join("policies/data.yaml")).unwrap();
    let files: [(&str, &str); 4] = [
        ("main.hcl", configuration),
        ("mlo.tfvars", values),
        ("iris.yaml", &iris),
        ("policies/data.yaml", &data),
    ];
    let project = Project::with(&files);
    let rules = std::fs::read_to_string(repository().join("policies/model-governance.rego")).unwrap();
    project.write("policies/model-governance.rego", rules);
    let case =
        (0..files.len(), any::<prop::sample::Index>(), prop::sample::select(PIECES.to_vec()), 1..300_usize);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    proptest!(config, |((file, at, piece, times) in case)| {
        let (name, text) = files[file];
        let at = text.floor_char_boundary(at.index(text.len()));
        project.write(name, [&text[..at], &piece.repeat(times), &text[at..]].concat());
        ends_well(&project, &["plan", "--policies", "policies"]);
        project.write(name, text);
    });
}
