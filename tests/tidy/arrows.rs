//! Which folder of `src/` may look at which, and which package at which.
//!
//! In Rust the modules of one crate tangle unless something stops them: this does.

use super::repository::Repository;
use super::source::Mention;

/// A folder of `src/`, and what its code may name of `crate::` and of this workspace's packages.
struct Row {
    folder: &'static str,
    may: &'static [&'static str],
    why: &'static str,
}

const fn row(folder: &'static str, may: &'static [&'static str], why: &'static str) -> Row {
    Row { folder, may, why }
}

/// From the messages up to the command: each row looks only at rows above it.
const ARROWS: &[Row] = &[
    row("diag", &[], "messages know nothing of what they are about"),
    row("sign", &[], "keys and signatures; what they are about is text"),
    row("fetch", &["diag"], "a package is files; what they mean is for others"),
    row(
        "lang",
        &["diag", "mlo_state"],
        "text to values; an address is the one thing of the state that it names",
    ),
    row(
        "manifest",
        &["diag", "lang", "mlo_model"],
        "a manifest is values with places, and where the model lies",
    ),
    row(
        "provider",
        &["diag", "lang", "mlo_state", "mlo_model"],
        "a provider sees values and addresses, never a plan",
    ),
    row(
        "graph",
        &["diag", "lang", "manifest", "mlo_state"],
        "what depends on what, before any provider is asked",
    ),
    row(
        "plan",
        &["diag", "sign", "lang", "manifest", "provider", "graph", "mlo_state"],
        "what would be done",
    ),
    row("policy", &["diag", "plan", "manifest", "mlo_model"], "judges a plan; cannot carry it out"),
    row("audit", &["policy", "mlo_state"], "notes what was decided; decides nothing"),
    row(
        "apply",
        &["diag", "lang", "provider", "graph", "plan", "policy", "mlo_state"],
        "builds no plan of its own",
    ),
    row(
        "test",
        &["diag", "lang", "provider", "graph", "plan", "policy", "apply", "mlo_state"],
        "plans and applies as everybody does, against states of its own",
    ),
    row("cli", &["*"], "the edge: puts everything together"),
];

/// Packages of this workspace by the folder of their `Cargo.toml`, and the others that each may depend on.
const PACKAGES: [(&str, &[&str]); 7] = [
    ("", &["mlo-aws", "mlo-model", "mlo-state", "mlo-stats"]),
    ("state/", &["mlo-aws"]),
    ("state/aws/", &[]),
    ("runtime/", &["mlo-model", "mlo-stats"]),
    ("runtime/model/", &[]),
    ("runtime/stats/", &[]),
    ("xtask/", &[]),
];

/// Folders that may name only addresses of the state: what `state/src/lib.rs` has from its module `address`.
const ADDRESSES_ONLY: [&str; 2] = ["lang", "provider"];

/// What breaks the table: one line for each mention.
fn tangles(repository: &Repository) -> Vec<String> {
    let (addresses, providers) = (addresses(repository), providers(repository));
    let mut found = Vec::new();
    for source in &repository.sources {
        let Some((folder, _)) = source.path.strip_prefix("src/").and_then(|path| path.split_once('/')) else {
            continue;
        };
        let Some(row) = ARROWS.iter().find(|row| row.folder == folder) else {
            found.push(format!("{}: the table of arrows has no row for src/{folder}", source.path));
            continue;
        };
        for mention in source.mentions() {
            if let Some(what) =
                tangle(row, &mention, &addresses).or_else(|| neighbour(&source.path, &mention, &providers))
            {
                found.push(format!("{}:{}: {what}", source.path, mention.line));
            }
        }
    }
    found
}

/// Why a file of `row`'s folder may not name this, if so.
fn tangle(row: &Row, mention: &Mention, addresses: &[String]) -> Option<String> {
    let (first, second) = (mention.path.first()?.as_str(), mention.path.get(1).map(String::as_str));
    let looked_at = if first == "crate" { second? } else { first };
    if first != "crate" && !first.starts_with("mlo_") {
        return None;
    }
    if looked_at == row.folder {
        return None;
    }
    if !row.may.contains(&"*") && !row.may.contains(&looked_at) {
        return Some(format!("{} may not look at {looked_at}: {}", row.folder, row.why));
    }
    let only_addresses = looked_at == "mlo_state" && ADDRESSES_ONLY.contains(&row.folder);
    let named =
        second.filter(|name| only_addresses && *name != "address" && !addresses.iter().any(|a| a == name))?;
    Some(format!("{} may name only addresses of mlo_state, not {named}", row.folder))
}

/// Why a provider may not name this, if it is another provider: each knows only what all of them share.
fn neighbour(path: &str, mention: &Mention, providers: &[String]) -> Option<String> {
    let (own, _) = path.strip_prefix("src/provider/")?.split_once('/')?;
    let [_crate, folder, other, ..] = mention.path.as_slice() else { return None };
    let another = folder == "provider" && other != own && providers.contains(other);
    another.then(|| format!("provider {own} may not look at provider {other}: each is a door to one system"))
}

/// The folders of `src/provider/`.
fn providers(repository: &Repository) -> Vec<String> {
    let inside = repository.sources.iter().filter_map(|source| source.path.strip_prefix("src/provider/"));
    inside.filter_map(|path| path.split_once('/')).map(|(folder, _)| folder.to_owned()).collect()
}

/// The names that `state/src/lib.rs` has from its module `address`.
fn addresses(repository: &Repository) -> Vec<String> {
    let library = repository.sources.iter().find(|source| source.path == "state/src/lib.rs");
    let mentions = library.map(super::source::Source::mentions).unwrap_or_default();
    let named =
        mentions.into_iter().filter(|mention| mention.path.first().is_some_and(|name| name == "address"));
    named.filter_map(|mention| mention.path.last().cloned()).collect()
}

/// Packages that depend on packages they may not, are not in the table, or have not the workspace's lints.
fn packages(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for manifest in repository.texts.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let Some((_, may)) = PACKAGES.iter().find(|(known, _)| *known == folder) else {
            found.push(format!("{}: the table has no such package", manifest.path));
            continue;
        };
        for name in dependencies(&manifest.text) {
            if name.starts_with("mlo") && !may.contains(&name.as_str()) {
                found.push(format!("{} may not depend on {name}", manifest.path));
            }
        }
        if section(&manifest.text, "lints").all(|line| line != "workspace = true") {
            found.push(format!("{} does not take the workspace's lints", manifest.path));
        }
    }
    found
}

/// The names under `[dependencies]`, `[dev-dependencies]` and `[build-dependencies]`.
pub(super) fn dependencies(manifest: &str) -> Vec<String> {
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    let lines = sections.iter().flat_map(|name| section(manifest, name));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next().map(str::to_owned)).collect()
}

/// The entries of one section of a `Cargo.toml`.
fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("[{name}]");
    let lines = manifest.lines().map(str::trim).skip_while(move |line| *line != head).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn folders_look_only_where_the_table_allows() {
    assert_eq!(tangles(Repository::this()), [""; 0]);
}

#[test]
fn packages_depend_only_as_the_table_allows() {
    assert_eq!(packages(Repository::this()), [""; 0]);
}

#[test]
fn each_row_has_its_folder() {
    for row in ARROWS {
        let folder = format!("src/{}/", row.folder);
        assert!(
            Repository::this().sources.iter().any(|source| source.path.starts_with(&folder)),
            "{folder} is gone"
        );
    }
}

#[test]
fn the_table_has_no_circle() {
    for (index, row) in ARROWS.iter().enumerate() {
        for name in row.may.iter().filter(|name| **name != "*" && !name.starts_with("mlo_")) {
            let place = ARROWS.iter().position(|row| row.folder == *name);
            assert!(place.is_some_and(|place| place < index), "{} looks at {name}", row.folder);
        }
    }
}

#[test]
fn a_tangle_is_found() {
    let library = ("state/src/lib.rs", "pub use address::{Address, Mode};\npub use snapshot::Snapshot;");
    let rows = [
        (
            "src/lang/eval.rs",
            "use crate::cli::View;",
            "lang may not look at cli: text to values; an address is the one thing of the state that it names",
        ),
        (
            "src/lang/eval.rs",
            "use crate::{diag::Span, plan};",
            "lang may not look at plan: text to values; an address is the one thing of the state that it names",
        ),
        (
            "src/lang/eval.rs",
            "use mlo_state::{Address, Snapshot};",
            "lang may name only addresses of mlo_state, not Snapshot",
        ),
        (
            "src/policy/mod.rs",
            "fn f() { super::apply::run() }",
            "policy may not look at apply: judges a plan; cannot carry it out",
        ),
        (
            "src/provider/local/mod.rs",
            "use crate::provider::builtin::Data;",
            "provider local may not look at provider builtin: each is a door to one system",
        ),
        (
            "src/provider/local/mod.rs",
            "use super::builtin::Data;",
            "provider local may not look at provider builtin: each is a door to one system",
        ),
        (
            "src/graph/mod.rs",
            "use mlo_model::Model;",
            "graph may not look at mlo_model: what depends on what, before any provider is asked",
        ),
    ];
    for (path, text, expected) in rows {
        let builtin = ("src/provider/builtin/mod.rs", "");
        let found = tangles(&Repository::of(&[library, builtin, (path, text)]));
        assert_eq!(found, [format!("{path}:1: {expected}")], "{text}");
    }
    let unknown = tangles(&Repository::of(&[("src/helpers/mod.rs", "")]));
    assert_eq!(unknown, ["src/helpers/mod.rs: the table of arrows has no row for src/helpers"]);
}

#[test]
fn what_the_table_allows_is_no_tangle() {
    let files = [
        ("state/src/lib.rs", "pub use address::Address;"),
        (
            "src/lang/eval.rs",
            "use crate::{diag::Span, lang::value::Value};\nuse mlo_state::Address;\n// crate::cli::View",
        ),
        ("src/provider/mod.rs", "pub use self::local::Local;\nuse crate::provider::builtin;"),
        (
            "src/provider/local/mod.rs",
            "use super::{Provider, error::Class};\nmod process;\nuse self::process::Child;",
        ),
        ("src/cli/mod.rs", "use crate::apply;\nuse mlo_state::Snapshot;"),
        ("src/plan/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::cli::View;\n}"),
    ];
    assert_eq!(tangles(&Repository::of(&files)), [""; 0]);
}

#[test]
fn a_package_that_looks_the_wrong_way_is_found() {
    let lints = "[lints]\nworkspace = true\n";
    let files = [
        ("state/Cargo.toml", format!("{lints}[dev-dependencies]\nmlo = {{ path = \"..\" }}\n")),
        (
            "runtime/Cargo.toml",
            format!("{lints}[dependencies]\nmlo-state.workspace = true\nmlo-stats.workspace = true\n"),
        ),
        ("runtime/stats/Cargo.toml", "[dependencies]\n".to_owned()),
        ("helpers/Cargo.toml", lints.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    assert_eq!(
        packages(&Repository::of(&files)),
        [
            "state/Cargo.toml may not depend on mlo",
            "runtime/Cargo.toml may not depend on mlo-state",
            "runtime/stats/Cargo.toml does not take the workspace's lints",
            "helpers/Cargo.toml: the table has no such package",
        ]
    );
}
