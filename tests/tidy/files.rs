//! No file is forgotten: Rust that nothing compiles, data that nothing reads, things left in the root.

use super::repository::{Repository, is_rust};

/// What the root holds, hidden entries aside. A folder is here once it has its line in the architecture.
const ROOT: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "docs",
    "examples",
    "modules",
    "policies",
    "runtime",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "src",
    "state",
    "tests",
    "xtask",
];

/// Files that a program reads because they lie in a configuration's folder, without being named.
const LOADED: [&str; 6] = [".yaml", ".yml", ".hcl", ".tf", ".mlovars", ".tfvars"];

fn strangers(repository: &Repository) -> Vec<String> {
    let entries = repository.files.iter().filter_map(|(path, _)| path.split('/').next());
    let mut found: Vec<String> = entries
        .filter(|entry| !entry.starts_with('.') && !ROOT.contains(entry))
        .map(|entry| format!("{entry}: nothing in the root has this name"))
        .collect();
    found.dedup();
    found
}

/// Rust files that no `mod` names, so that no compiler reads them, and other files among the sources that none of
/// them names.
fn orphans(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, _) in repository.files.iter().filter(|(path, _)| is_in_package(path)) {
        let Some(stem) = path.strip_suffix(".rs") else {
            if path.contains("src/")
                && !is_named(repository, path)
                && !is_read_with_its_folder(repository, path)
            {
                found.push(format!("{path}: neither Rust nor named by any"));
            }
            continue;
        };
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let (folder, name) =
            if name == "mod" { folder.rsplit_once('/').unwrap_or(("", folder)) } else { (folder, name) };
        let is_root = matches!(name, "lib" | "main" | "build");
        let parents = ["/mod.rs", "/lib.rs", "/main.rs", ".rs"].map(|end| format!("{folder}{end}"));
        let is_named =
            repository.sources.iter().any(|source| parents.contains(&source.path) && source.declares(name));
        if !is_root && !is_named {
            found.push(format!("{path}: no `mod {name}` reads it"));
        }
    }
    found
}

/// In the `src/` or `tests/` of a package, data of the tests aside.
fn is_in_package(path: &str) -> bool {
    let inside = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    inside("src/") || inside("tests/") && is_rust(path)
}

/// Data that nothing reads.
///
/// - `modules/` and `policies/`: built into the binary, so a source of the product names the file; `x_test.rego` lies
///   beside `x.rego`.
/// - `tests/` and `examples/`: a source names the file or a folder around it (one below `tests/` or `examples/`), or Go
///   reads it.
///   Within an example, what is not loaded as configuration is named by another of its files.
fn unread(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, _) in
        repository.files.iter().filter(|(path, _)| !is_rust(path) && !path.ends_with("README.md"))
    {
        let (top, inside) = path.split_once('/').unwrap_or((path, ""));
        let read = match top {
            "policies" if path.ends_with("_test.rego") => {
                let tested = path.replace("_test.rego", ".rego");
                repository.files.iter().any(|(other, _)| *other == tested)
            }
            "modules" | "policies" => is_named(repository, path),
            "tests" => {
                is_named_with_folders(repository, inside)
                    || is_snapshot(repository, path)
                    || is_in_go_module(repository, path)
            }
            "examples" => is_named_with_folders(repository, path) && has_place_in_example(repository, path),
            _ => true,
        };
        if !read {
            found.push(format!("{path}: nothing reads it"));
        }
    }
    found
}

/// Whether a source names the file, by its path from the root or from the folder of the source.
fn is_named(repository: &Repository, path: &str) -> bool {
    let quoted = |folder: &str| {
        let relative = path.strip_prefix(folder).filter(|_| !folder.is_empty());
        relative.map(|relative| format!("\"{relative}\""))
    };
    let ending = format!("{path}\"");
    sources(repository).any(|(source, text)| {
        let folder = source.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        text.contains(&ending) || quoted(&folder).is_some_and(|quoted| text.contains(&quoted))
    })
}

/// Whether a source names the file or a folder around it, of at least two names.
fn is_named_with_folders(repository: &Repository, path: &str) -> bool {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let around: Vec<&str> = ends.map(|end| &path[..end]).filter(|path| path.contains('/')).collect();
    sources(repository).any(|(_, text)| around.iter().any(|path| text.contains(path)))
}

/// Whether a source names the folder of data that the file lies in (one below a module's), or takes it for a snapshot.
fn is_read_with_its_folder(repository: &Repository, path: &str) -> bool {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let of_data = folder.split('/').skip_while(|name| *name != "src").count() > 2;
    is_snapshot(repository, path) || of_data && sources(repository).any(|(_, text)| text.contains(folder))
}

/// Whether the file is a snapshot that a test still takes: `tests__plan__a_name.snap` of the test or name `a_name`.
fn is_snapshot(repository: &Repository, path: &str) -> bool {
    let name = path.strip_suffix(".snap").and_then(|stem| stem.rsplit("__").next());
    let name = name.map(|name| name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-'));
    name.is_some_and(|name| sources(repository).any(|(_, text)| text.contains(name)))
}

/// Whether Go reads the file: what a module is made of lies beside its `go.mod`.
fn is_in_go_module(repository: &Repository, path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let module = format!("{folder}/go.mod");
    let end = name.rsplit('.').next().unwrap_or_default();
    let is_read = matches!(name, "go.mod" | "go.sum") || end == "go";
    is_read && repository.files.iter().any(|(other, _)| *other == module)
}

/// Rust, without these checks themselves: their examples read nothing.
fn sources(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    let others = repository.sources.iter().filter(|source| !source.path.starts_with("tests/tidy"));
    others.map(|source| (source.path.as_str(), source.text.as_str()))
}

fn has_place_in_example(repository: &Repository, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let example = path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
    let neighbours =
        repository.texts.iter().filter(|file| file.path.starts_with(&example) && file.path != path);
    LOADED.iter().any(|end| path.ends_with(end))
        || neighbours.into_iter().any(|file| file.text.contains(name))
}

#[test]
fn the_root_holds_only_what_is_known() {
    assert_eq!(strangers(Repository::this()), [""; 0]);
}

#[test]
fn every_source_is_compiled() {
    assert_eq!(orphans(Repository::this()), [""; 0]);
}

#[test]
fn all_data_is_read() {
    assert_eq!(unread(Repository::this()), [""; 0]);
}

#[test]
fn a_stranger_in_the_root_is_found() {
    let files = [("notes/a.txt", ""), ("notes/b.txt", ""), ("src/lib.rs", ""), (".gitignore", "")];
    assert_eq!(strangers(&Repository::of(&files)), ["notes: nothing in the root has this name"]);
}

#[test]
fn an_orphan_is_found() {
    let files = [
        ("src/lib.rs", "mod plan;\n// mod lost;"),
        ("src/lost.rs", ""),
        ("src/plan/diff.rs", ""),
        ("src/plan/lost/mod.rs", ""),
        (
            "src/plan/mod.rs",
            "mod diff;\n#[cfg(test)] mod tests;\nconst T: &str = include_str!(\"table.txt\");",
        ),
        ("src/plan/table.txt", ""),
        ("src/plan/tests.rs", "cases(\"src/plan/cases\"); fn a_plan_is_shown() {}"),
        ("src/plan/cases/one.txt", ""),
        ("src/plan/lost/one.txt", ""),
        ("src/plan/snapshots/mlo__plan__a_plan_is_shown-2.snap", ""),
        ("src/plan/snapshots/mlo__plan__a_plan_is_lost.snap", ""),
        ("src/plan/.mod.rs.pending-snap", ""),
        ("tests/lost.rs", ""),
        ("tests/main.rs", "mod tidy;"),
        ("tests/tidy.rs", ""),
    ];
    assert_eq!(
        orphans(&Repository::of(&files)),
        [
            "src/lost.rs: no `mod lost` reads it",
            "src/plan/lost/mod.rs: no `mod lost` reads it",
            "src/plan/lost/one.txt: neither Rust nor named by any",
            "src/plan/snapshots/mlo__plan__a_plan_is_lost.snap: neither Rust nor named by any",
            "src/plan/.mod.rs.pending-snap: neither Rust nor named by any",
            "tests/lost.rs: no `mod lost` reads it",
        ]
    );
}

#[test]
fn unread_data_is_found() {
    let files = [
        ("src/policy/bundle.rs", "include_str!(\"../../policies/gate.rego\")"),
        ("policies/gate.rego", ""),
        ("policies/gate_test.rego", ""),
        ("policies/lost.rego", ""),
        ("policies/old_test.rego", ""),
        ("modules/local/main.hcl", ""),
        ("tests/plan.rs", "cases(\"tests/cases/plan\"); run(\"examples/iris\")"),
        ("tests/cases/plan/one.hcl", ""),
        ("tests/cases/lost/one.hcl", ""),
        ("tests/cluster/go.mod", ""),
        ("tests/cluster/main.go", ""),
        ("tests/cluster/notes.txt", ""),
        ("tests/other/main.go", ""),
        ("examples/iris/iris.yaml", "uri: model/iris.onnx"),
        ("examples/iris/model/iris.onnx", ""),
        ("examples/iris/lost.csv", ""),
        ("examples/lost/main.hcl", ""),
    ];
    assert_eq!(
        unread(&Repository::of(&files)),
        [
            "policies/lost.rego: nothing reads it",
            "policies/old_test.rego: nothing reads it",
            "modules/local/main.hcl: nothing reads it",
            "tests/cases/lost/one.hcl: nothing reads it",
            "tests/cluster/notes.txt: nothing reads it",
            "tests/other/main.go: nothing reads it",
            "examples/iris/lost.csv: nothing reads it",
            "examples/lost/main.hcl: nothing reads it",
        ]
    );
}
