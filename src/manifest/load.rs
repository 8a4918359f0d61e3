//! Files to manifests.
//!
//! Goes in: a folder, a file, or text that was read before. Comes out: manifests by name, or every error of every
//! file. Never happens: a document of our group or kind that is left out, another's YAML that is complained about.

use super::document::{Manifest, Manifests, NAMESPACE_DEFAULT};
use super::yaml::{Document, Node};
use super::{check, read, schema, yaml};
use crate::diag::{Diagnostic, Diagnostics, SourceId, SourceMap, code};
use std::path::Path;
use std::sync::Arc;

/// Reads the manifests of `path`: the YAML files that stand directly in a folder, or one file, which then must hold a
/// manifest. A folder without any gives none. `shown` is the path as the user wrote it; files are named after it.
///
/// # Errors
/// All errors of all files, by place.
pub fn load(
    path: &Path,
    shown: &str,
    sources: &mut SourceMap,
) -> Result<(Manifests, Diagnostics), Diagnostics> {
    let files = match read::is_folder(path) {
        Ok(true) => read::yaml_files(path),
        Ok(false) => return load_file(path, shown, sources),
        Err(error) => Err(error),
    };
    let files = files.map_err(|error| Diagnostics::from(unreadable(shown, &error)))?;
    let (mut found, mut said) = (Manifests::new(), Diagnostics::new());
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let shown = if matches!(shown, "" | ".") {
            name.into_owned()
        } else {
            format!("{}/{name}", shown.trim_end_matches('/'))
        };
        match read::text(&file) {
            Ok(text) => {
                // Files of others are not kept: a folder may hold many, and nothing points into them.
                if mentions_us(&text) {
                    let source = sources.add(shown, text);
                    said.extend(add(source, sources, &mut found));
                }
            }
            Err(error) => said.push(unreadable(&shown, &error)),
        }
    }
    said.sort();
    said.into_result(found)
}

/// What to say of a folder that has nothing to deploy: `shown` is its name as the user wrote it.
pub fn nothing_in(shown: &str) -> Diagnostic {
    Diagnostic::error(code::manifest::NO_MANIFEST, format!("there is no manifest in `{shown}`"))
        .detail("Manifests are `*.yaml` and `*.yml` files that stand directly in the folder.")
        .help(header())
}

fn header() -> String {
    format!("begin a file with `apiVersion: {}` and `kind: {}`", schema::API_VERSION, schema::KIND)
}

fn load_file(
    path: &Path,
    shown: &str,
    sources: &mut SourceMap,
) -> Result<(Manifests, Diagnostics), Diagnostics> {
    let text = read::text(path).map_err(|error| Diagnostics::from(unreadable(shown, &error)))?;
    let source = sources.add(shown, text);
    let mut found = Manifests::new();
    let mut said = add(source, sources, &mut found);
    if found.is_empty() && !said.has_errors() {
        said.push(no_manifest(source, sources));
    }
    said.into_result(found)
}

/// Reads the manifests of sources that are in memory, such as those that a saved plan holds.
///
/// # Errors
/// All errors of all sources, by place.
pub fn load_sources(
    from: impl IntoIterator<Item = SourceId>,
    sources: &SourceMap,
) -> Result<(Manifests, Diagnostics), Diagnostics> {
    let (mut found, mut said) = (Manifests::new(), Diagnostics::new());
    for source in from {
        said.extend(add(source, sources, &mut found));
    }
    said.sort();
    said.into_result(found)
}

/// Adds the manifests of one source; what is wrong with them is returned.
fn add(source: SourceId, sources: &SourceMap, found: &mut Manifests) -> Diagnostics {
    let text = &sources.get(source).text;
    if !mentions_us(text) {
        return Diagnostics::new();
    }
    let parsed = yaml::parse(text, source);
    let mut said: Diagnostics = parsed.stopped.map(Diagnostics::from).unwrap_or_default();
    for document in parsed.documents.into_iter().filter(|document| is_ours(&document.root)) {
        match manifest(document) {
            Ok(manifest) => said.extend(insert(manifest, found)),
            Err(errors) => said.extend(errors),
        }
    }
    said
}

/// Whether a text may hold a document of ours. Text without either word cannot, even if it is not YAML.
fn mentions_us(text: &str) -> bool {
    contains_ignoring_case(text, schema::GROUP) || contains_ignoring_case(text, schema::KIND)
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a document says that it is of our group or kind, however it is spelt.
fn is_ours(root: &Node) -> bool {
    let text = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or("").trim();
    let group = text("apiVersion").split('/').next().unwrap_or("");
    group.eq_ignore_ascii_case(schema::GROUP) || text("kind").eq_ignore_ascii_case(schema::KIND)
}

fn manifest(document: Document) -> Result<Manifest, Diagnostics> {
    let mut said = document.problems;
    said.extend(check::check(&document.root));
    said.sort();
    if said.has_errors() {
        return Err(said);
    }
    let root = document.root;
    let text = |block: &[&str]| {
        let node = block.iter().try_fold(&root, |node, key| node.get(key));
        node.and_then(Node::as_str).map(Arc::<str>::from)
    };
    let required = |path: &[&str]| text(path).expect("checked: required fields are there and are strings");
    let model_name = required(&["spec", "model", "name"]);
    Ok(Manifest {
        name: text(&["metadata", "name"]).unwrap_or_else(|| model_name.clone()),
        namespace: text(&["metadata", "namespace"]).unwrap_or_else(|| NAMESPACE_DEFAULT.into()),
        version: required(&["spec", "model", "version"]),
        uri: required(&["spec", "model", "uri"]),
        sha256: text(&["spec", "model", "sha256"]).map(|digest| digest.trim_start_matches("sha256:").into()),
        model_name,
        root,
    })
}

fn insert(manifest: Manifest, found: &mut Manifests) -> Diagnostics {
    let Some(first) = found.get(&manifest.name) else {
        found.by_name.insert(manifest.name.clone(), manifest);
        return Diagnostics::new();
    };
    let place = |manifest: &Manifest| {
        let own = manifest.node("metadata.name");
        own.or_else(|| manifest.node("spec.model.name")).map_or(manifest.span(), |node| node.span)
    };
    Diagnostic::error(code::manifest::DUPLICATE_NAME, format!("two manifests are named `{}`", manifest.name))
        .at(place(&manifest), "here again")
        .at(place(first), "first here")
        .help("give one of them another `metadata.name`")
        .into()
}

fn unreadable(shown: &str, error: &read::ReadError) -> Diagnostic {
    let diagnostic = Diagnostic::error(code::manifest::UNREADABLE, format!("cannot read `{shown}`: {error}"));
    match error {
        read::ReadError::Missing => {
            diagnostic.help("check the path; it starts from the folder that mlo runs in")
        }
        read::ReadError::NotText(_) => diagnostic.help("save the file as UTF-8"),
        read::ReadError::NotAFile => {
            diagnostic.help("pipes and devices are not read; name a file or a folder")
        }
        _ => diagnostic,
    }
}

/// What to say of a file that was named and holds no manifest.
fn no_manifest(source: SourceId, sources: &SourceMap) -> Diagnostic {
    let file = sources.get(source);
    let diagnostic = Diagnostic::error(
        code::manifest::NO_MANIFEST,
        format!("`{}` holds no `{}`", file.name, schema::KIND),
    );
    if file.text.trim().is_empty() {
        return diagnostic.detail("The file is empty.").help(header());
    }
    let parsed = yaml::parse(&file.text, source);
    if let Some(stopped) = parsed.stopped {
        return stopped;
    }
    let Some(root) = parsed.documents.first().map(|document| &document.root) else {
        return diagnostic.detail("The file holds no document, only comments or markers.").help(header());
    };
    match root.entry("kind") {
        Some(kind) => diagnostic
            .at(kind.value.span, "this is of another kind")
            .did_you_mean(kind.value.as_str().unwrap_or(""), [schema::KIND])
            .help(header()),
        None => diagnostic.at(check::header_span(root), "").help(header()),
    }
}
