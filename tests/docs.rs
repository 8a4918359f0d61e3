//! What the pages show is what happens: their `console` blocks are run, in order, in a copy of the examples.

use crate::support::{Project, repository, said};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// One command of a page and the lines that it shows.
struct Shown<'p> {
    command: &'p str,
    lines: Vec<&'p str>,
}

#[test]
fn the_console_blocks_of_every_page_are_what_the_program_says() {
    let mut pages = vec![repository().join("README.md")];
    pages.extend(std::fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut commands = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let project = Project::new();
        project.take_examples();
        for shown in blocks(&text) {
            commands += 1;
            let words: Vec<_> = shown.command.split_whitespace().collect();
            let (program, arguments) = words.split_first().unwrap();
            assert_eq!(*program, "mlo", "{}: {}", page.display(), shown.command);
            let mut command = project.command(arguments);
            // Both streams as a terminal would show them: errors after what was printed.
            let answer = said(&mut command);
            let all = answer.out.clone() + &answer.err;
            for line in &shown.lines {
                assert!(
                    all.lines().any(|said| matches(line, said)),
                    "{}: `{}` does not say\n{line}\nbut\n{}",
                    page.display(),
                    shown.command,
                    answer.all()
                );
            }
        }
    }
    assert!(commands >= 4, "the README alone has four commands");
}

/// The commands of the `console` blocks; a line of `…` stands for any number of lines.
fn blocks(page: &str) -> Vec<Shown<'_>> {
    let mut found: Vec<Shown<'_>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            found.push(Shown { command, lines: Vec::new() });
        } else if inside && !matches!(line.trim(), "" | "…") {
            found.last_mut().unwrap().lines.push(line);
        }
    }
    found
}

/// Whether a line is as it is shown; `…` stands for anything.
fn matches(shown: &str, said: &str) -> bool {
    let mut parts = shown.trim_end().split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.trim_end().is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.trim_end().ends_with(last)
}

#[test]
fn the_digest_of_a_plan_is_made_without_mlo_as_the_page_says() {
    let page = std::fs::read_to_string(repository().join("docs/audit.md")).unwrap();
    let line = page.lines().find(|line| line.starts_with("jq ")).unwrap();
    let project = Project::with(&[(
        "main.hcl",
        "resource \"local_file\" \"f\" {\n  filename = \"ü<&> \\\"quoted\\\" \\\\.txt\"\n  content  = \"a\\n1.50\"\n}\noutput \"o\" {\n  value = { b = 1.5,          a = [true, null, 12345678901] }\n}\n",
    )]);
    project.ok(&["apply", "--auto-approve", "--out-json", "applied.json"]);
    let applied: serde_json::Value = serde_json::from_str(&project.read("applied.json")).unwrap();
    project.write("plan.json", applied["plan"].to_string());
    let expected =
        project.json(&["audit", "show", "1"], 0)["what"]["inputs"]["plan"].as_str().unwrap().to_owned();
    // What the line takes of the document, by its own words, with the keys in order.
    let parts: std::collections::BTreeMap<&str, serde_json::Value> = line
        .split(['{', ',', '}'])
        .filter_map(|part| part.split_once(": (."))
        .map(|(name, rest)| {
            let none = rest.rsplit("// ").next().unwrap().trim_end_matches(')');
            let part = applied["plan"].get(name.trim()).cloned();
            (name.trim(), part.unwrap_or_else(|| serde_json::from_str(none).unwrap()))
        })
        .collect();
    assert_eq!(parts.len(), 3, "{line}");
    let digest = Sha256::digest(in_order(&serde_json::to_value(parts).unwrap()));
    assert_eq!(format!("sha256:{}", HEXLOWER.encode(&digest)), expected);
    // And the line itself, where there is what it calls.
    let has = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if cfg!(unix) && has("jq") && has("sha256sum") {
        let told =
            std::process::Command::new("sh").args(["-c", line]).current_dir(project.path()).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert_eq!(format!("sha256:{}", told.split(' ').next().unwrap()), expected);
    }
}

/// A document without space, the keys of each object in order.
fn in_order(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(in_order).collect::<Vec<_>>().join(","))
        }
        serde_json::Value::Object(entries) => {
            let sorted: std::collections::BTreeMap<_, _> = entries.iter().collect();
            let entry =
                |(name, value): (&String, _)| format!("{}:{}", serde_json::json!(name), in_order(value));
            format!("{{{}}}", sorted.into_iter().map(entry).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[test]
fn the_two_commands_of_the_readme_come_first_and_are_what_ci_runs() {
    let read = |name: &str| std::fs::read_to_string(repository().join(name)).unwrap();
    let readme = read("README.md");
    let first = readme.split("```").nth(1).unwrap();
    let commands: Vec<_> =
        first.lines().skip(1).map(|line| line.split('#').next().unwrap().trim_end()).collect();
    assert_eq!(commands, ["cargo xtask demo", "cargo xtask test"]);
    assert!(readme.lines().position(|line| line.starts_with("```")).unwrap() < 6, "before all else");
    assert!(read(".ci/run").ends_with("exec cargo xtask test\n"));
    assert!(read(".github/workflows/ci.yml").contains("- run: .ci/run\n"));
    assert!(read("LICENSE").contains("Apache License\n"));
    assert!(read("Cargo.toml").contains("license = \"Apache-2.0\""));
}

#[test]
fn a_shown_line_matches_only_what_it_says() {
    for (shown, said, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "abc", true),
        ("a…c", "abc", true),
        ("a…c…e", "abcde", true),
        ("a…x", "abc", false),
        ("…b", "ab", true),
    ] {
        assert_eq!(matches(shown, said), expected, "{shown} {said}");
    }
}
