//! What the pages show is what happens: their `console` blocks are run, in order, in a copy of the examples.

use crate::support::{Project, repository, said};

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
