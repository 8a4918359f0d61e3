//! The model that a manifest names. The one file here that opens model files.
//!
//! Goes in: a manifest and the folders that give its URI meaning. Comes out: the file and what it says of itself, or
//! an error at the manifest's line. Never happens: a file outside of the project by a relative path, a file with
//! another digest than the pinned one.

use super::document::Manifest;
use super::value::artifact_type;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::value::{Type, Value};
use mlo_model::{FolderProblem, ModelError, ModelFacts, Port, Root};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The model file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Absolute, links resolved.
    pub path: PathBuf,
    /// Relative to the project where it is inside, `/` between the parts.
    pub shown: String,
    /// What the file says of itself.
    pub facts: ModelFacts,
}

impl Artifact {
    /// `{path, sha256, size_bytes, parameters, opset, inputs, outputs}`; of inputs and outputs name, dtype and shape, whose
    /// dimensions are strings: `"4"`, a name, or `""` for any length. A model without a shape has a null one.
    pub fn to_value(&self) -> Value {
        let facts = &self.facts;
        let size = i64::try_from(facts.size_bytes).expect("model files are limited to 2 GiB");
        // More than 2^63 weights stand in no file.
        let parameters = i64::try_from(facts.parameters).unwrap_or(i64::MAX);
        let port_type = match artifact_type() {
            Type::Object(fields) => match fields.get("inputs").map(|field| &field.ty) {
                Some(Type::List(port)) => (**port).clone(),
                _ => Type::Any,
            },
            _ => Type::Any,
        };
        let list = |ports: &[Port]| Value::list(port_type.clone(), ports.iter().map(port));
        Value::object([
            (Arc::from("path"), Value::string(self.path.to_string_lossy())),
            (Arc::from("sha256"), Value::string(digits(&facts.digest))),
            (Arc::from("size_bytes"), Value::from(size)),
            (Arc::from("parameters"), Value::from(parameters)),
            (Arc::from("opset"), facts.opset().map_or_else(|| Value::null_of(Type::Number), Value::from)),
            (Arc::from("inputs"), list(&facts.inputs)),
            (Arc::from("outputs"), list(&facts.outputs)),
        ])
    }
}

fn port(port: &Port) -> Value {
    let shape = port.shape().map_or_else(
        || Value::null_of(Type::list(Type::String)),
        |shape| Value::list(Type::String, shape.into_iter().map(Value::string)),
    );
    Value::object([
        (Arc::from("name"), Value::string(port.name.as_str())),
        (Arc::from("dtype"), Value::string(port.kind.to_string())),
        (Arc::from("shape"), shape),
    ])
}

fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

/// Finds and reads the model of a manifest. Relative paths start from `base`, the manifest's folder, and stay inside
/// `project`.
///
/// # Errors
/// At `spec.model.uri` if there is no such model or it is none, at `spec.model.sha256` if it is another one than is
/// pinned.
pub fn resolve(manifest: &Manifest, project: &Path, base: &Path) -> Result<Artifact, Diagnostics> {
    let root = Root { project, base };
    let found = mlo_model::locate(manifest.uri(), &root)
        .and_then(|path| mlo_model::inspect(&path).map(|facts| (path, facts)));
    let (path, facts) = found.map_err(|error| Diagnostics::from(explain(&error, manifest, project)))?;
    let shown = shown(&path, project);
    match manifest.sha256() {
        Some(pinned) if pinned != digits(&facts.digest) => Err(Diagnostic::error(
            code::manifest::MODEL_DIGEST,
            format!("`{shown}` is not the model that `{}` pins", manifest.name()),
        )
        .at(manifest.span_of("spec.model.sha256"), "pinned here")
        .at(manifest.span_of("spec.model.uri"), format!("the file has sha256:{}", digits(&facts.digest)))
        .detail(format!("pinned: sha256:{pinned}\nfound:  sha256:{}", digits(&facts.digest)))
        .help("put the right file back, or pin the new digest after a review")
        .into()),
        _ => Ok(Artifact { path, shown, facts }),
    }
}

/// A path as it is shown: relative to the project where it is inside.
fn shown(path: &Path, project: &Path) -> String {
    let project = project.canonicalize().unwrap_or_else(|_| project.to_owned());
    path.strip_prefix(project).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn explain(error: &ModelError, manifest: &Manifest, project: &Path) -> Diagnostic {
    let at = manifest.span_of("spec.model.uri");
    let say = |code, summary: String| Diagnostic::error(code, summary).at(at, "");
    let named = |path: &Path| shown(path, project);
    match error {
        ModelError::Scheme { scheme } => say(
            code::manifest::MODEL_SOURCE,
            format!("models from `{scheme}:` are not supported yet by this version"),
        )
        .help("download the model into the project, and name the file or its folder"),
        ModelError::Missing { path } => {
            say(code::manifest::MODEL_MISSING, format!("there is no model at `{}`", named(path)))
                .help("check the path: it starts from the manifest's folder")
        }
        ModelError::Outside { path, .. } => {
            say(code::manifest::MODEL_MISSING, format!("`{}` is outside of the project", named(path)))
                .help("put the model into the project, or write its absolute path")
        }
        ModelError::Folder { path, problem } => {
            let said = say(code::manifest::MODEL_MISSING, format!("the folder `{}` {problem}", named(path)));
            match problem {
                FolderProblem::None => said.help("export the model as ONNX into it"),
                _ => said.help("name the file itself in `spec.model.uri`"),
            }
        }
        ModelError::NotAFile { path } => {
            say(code::manifest::MODEL_MISSING, format!("`{}` is not a regular file", named(path)))
        }
        ModelError::Read { path, source } => {
            say(code::manifest::UNREADABLE, format!("cannot read `{}`: {source}", named(path)))
        }
        ModelError::Uri { .. } => say(code::manifest::MODEL_MISSING, error.to_string()),
        ModelError::Empty
        | ModelError::TooLarge { .. }
        | ModelError::NotOnnx { .. }
        | ModelError::Corrupt { .. }
        | ModelError::ExternalData { .. }
        | ModelError::Limit { .. } => say(
            code::manifest::MODEL_INVALID,
            format!("the model of `{}` cannot be used: {error}", manifest.name()),
        )
        .help("export the model again, as one ONNX file"),
    }
}
