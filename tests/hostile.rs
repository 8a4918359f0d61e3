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
    // With a marker that was being written, and so cannot tell one that mlo did not write.
    let honest: Json = serde_json::from_str(&project.ok(&["state", "pull"]).out).unwrap();
    let replace = |text: String| {
        let _ = std::fs::remove_dir_all(project.path().join(STATE).parent().unwrap());
        project.write(STATE, text);
        project.write(".mlo/state/default/lineage", "");
    };
    replace(sealed(honest.clone()));
    project.ok(&["plan"]).has(&["No changes."]);
    let count = places(&honest);
    let commands: [&[&str]; 5] =
        [&["plan"], &["plan", "--json"], &["show"], &["show", "--json"], &["destroy", "--auto-approve"]];
    let case = (0..count, hostile(), 0..commands.len());
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    proptest!(config, |((place, value, command) in case)| {
        let mut document = honest.clone();
        put(&mut document, &mut place.clone(), &value);
        replace(sealed(document));
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

/// Memory that a hostile configuration may make the program ask for, in KiB: far above what it needs with its libraries
/// and the stacks of its threads, far below what a bomb takes.
const MEMORY_KIB: u32 = 2 << 20;

/// What large texts take at most in a build for tests, which is some ten times slower, on a machine that is in use.
const SLOWLY: Duration = Duration::from_mins(1);

/// Bytes that are enough to say what is wrong.
const WORDS_MAX: usize = 1 << 20;

/// Runs the program with little memory, and asserts that it ended well.
fn ends_well_in_little_memory(project: &Project, arguments: &[&str]) -> Said {
    let inner = project.command(arguments);
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\"")]);
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(project.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null());
    let begun = clock();
    let said = said(&mut command);
    let all = said.all();
    assert!(begun.elapsed() < SLOWLY, "{} took {:?}", arguments.join(" "), begun.elapsed());
    assert!(!all.contains("panicked") && !all.contains(mlo::diag::is_unsafe), "{all:?}");
    assert!(all.len() < WORDS_MAX, "{} bytes: {}", all.len(), all.chars().take(2_000).collect::<String>());
    said
}

/// So many lines, each of its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// One case: the plan ends with an error that says this, at a place in the configuration.
fn is_refused(what: &str, files: &[(&str, String)], says: &str) {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let said = ends_well_in_little_memory(&Project::with(&files), &["plan"]);
    assert_eq!(said.code, 1, "{what}: {}", said.all());
    assert!(said.err.contains(says) && said.err.contains("main.hcl:"), "{what}: {}", said.all());
}

#[test]
fn what_would_fill_the_memory_or_never_end_is_refused_at_its_place() {
    let doubled = |piece: &str, next: &dyn Fn(usize) -> String| {
        format!("locals {{\n  a0 = {piece}\n{}}}\noutput \"o\" {{ value = local.a60 }}\n", lines(60, next))
    };
    let many = format!("[{}1]", "1,".repeat(2_000_000));
    for (what, files, says) in [
        (
            "strings that double",
            vec![(
                "main.hcl",
                doubled("\"xxxxxxxx\"", &|i| format!("  a{} = \"${{local.a{i}}}${{local.a{i}}}\"\n", i + 1)),
            )],
            "more than 64 MiB",
        ),
        (
            "lists that double",
            vec![("main.hcl", doubled("[1]", &|i| format!("  a{} = [local.a{i}, local.a{i}]\n", i + 1)))],
            "more than 64 MiB",
        ),
        (
            "lists that are joined",
            vec![(
                "main.hcl",
                doubled("[1]", &|i| format!("  a{} = concat(local.a{i}, local.a{i})\n", i + 1)),
            )],
            "more than 64 MiB",
        ),
        (
            "escapes that double",
            vec![("main.hcl", doubled("\"\\\"\"", &|i| format!("  a{} = jsonencode(local.a{i})\n", i + 1)))],
            "more than 64 MiB",
        ),
        (
            "JSON of many small values",
            vec![
                ("main.hcl", "output \"o\" { value = jsondecode(file(\"a.txt\")) }\n".into()),
                ("a.txt", many.clone()),
            ],
            "more than 64 MiB",
        ),
        (
            "YAML of many small values",
            vec![
                ("main.hcl", "output \"o\" { value = yamldecode(file(\"a.txt\")) }\n".into()),
                ("a.txt", many),
            ],
            "more than 64 MiB",
        ),
        (
            "values in one file",
            vec![("main.hcl", format!("locals {{\n{}}}\n", lines(300_000, |i| format!("  a{i} = 1\n"))))],
            "more than 500000 values in one source",
        ),
        (
            "templates that call each other",
            vec![
                ("main.hcl", "output \"o\" { value = templatefile(\"a.txt\", {}) }\n".into()),
                ("a.txt", "${templatefile(\"a.txt\", {})}${templatefile(\"a.txt\", {})}".into()),
            ],
            "`templatefile` has no result here",
        ),
        (
            "modules that multiply",
            vec![
                ("main.hcl", "module \"a\" {\n  source = \"./a\"\n  count = 1000\n}\n".into()),
                ("a/main.hcl", "module \"b\" {\n  source = \"../b\"\n  count = 1000\n}\n".into()),
                ("b/main.hcl", "resource \"terraform_data\" \"a\" {\n  count = 1000\n}\n".into()),
            ],
            "more than 150000 instances in all",
        ),
    ] {
        is_refused(what, &files, says);
    }
}

#[test]
fn text_that_never_ends_is_refused_soon_and_in_few_words() {
    for (what, text, says) in [
        (
            "braces on one line",
            format!("a = {}1{}\n", "{a=".repeat(50_000), "}".repeat(50_000)),
            "nested more than 200 levels deep",
        ),
        (
            "directives on one line",
            format!("a = {}{}\n", "\"%{if true}".repeat(30_000), "%{endif}\"".repeat(30_000)),
            "main.hcl:1:",
        ),
        (
            "a name that fills the screen",
            format!("output \"o\" {{ value = local.{} }}\n", "x".repeat(3 << 20)),
            "nothing here is called `local.xxx",
        ),
        (
            "a number that fills the screen",
            format!("output \"o\" {{ value = {} }}\n", "9".repeat(3 << 20)),
            "`999",
        ),
        (
            "a circle of a thousand steps",
            format!("locals {{\n{}}}\n", lines(1_000, |i| format!("  a{i} = local.a{}\n", (i + 1) % 1_000))),
            "more) → local.a",
        ),
        (
            "mistakes without end",
            lines(3_000, |i| format!("output \"o{i}\" {{ value = local.x{i} }}\n")),
            "nothing here is called `local.x0`",
        ),
    ] {
        is_refused(what, &[("main.hcl", text)], says);
    }
}

#[test]
fn values_for_names_that_nobody_declared_are_soon_counted() {
    let project = Project::with(&[
        ("main.hcl", "variable \"v\" { default = 1 }\n"),
        ("mlo.tfvars", &lines(20_000, |i| format!("a{i} = {i}\n"))),
    ]);
    ends_well_in_little_memory(&project, &["plan"]).ends_with(0).has(&["no variable `a0`", "mlo.tfvars:1:1"]);
}

#[test]
fn what_is_long_and_flat_works() {
    let hcl = format!(
        "output \"sum\" {{ value = {} }}\noutput \"chosen\" {{ value = {}2 }}\nlocals {{\n{}  a1000 = 1\n}}\noutput \"last\" {{ value = local.a0 }}\n",
        vec!["1"; 1_001].join(" + "),
        "false ? 1 : ".repeat(1_000),
        lines(1_000, |i| format!("  a{i} = local.a{}\n", i + 1)),
    );
    let said = ends_well_in_little_memory(&Project::with(&[("main.hcl", &hcl)]), &["plan"]);
    said.ends_with(0).has(&["1001"]);
}
