//! Which models are served, and what the operator says of each.
//!
//! In: flags, or the file of `--models`. Out: one [`Spec`] a model, the first of them the one that `/predict` asks.
//! Never: two models of one name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::{self, Options};
use crate::figures::{self, FiguresError};
use crate::surroundings::Surroundings;

/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Models of one process at most.
const MODELS_MAX: usize = 64;

/// What the operator says of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) framework: Option<String>,
    /// Where the model is; none where nothing is configured.
    pub(crate) uri: Option<String>,
    /// `sha256:…` that the file must have.
    pub(crate) sha256: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) figures: BTreeMap<String, f64>,
    /// Requests whose answers are known.
    pub(crate) golden: Option<PathBuf>,
}

/// Why it is not known which models are to be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecError {
    /// The figures of a model.
    #[error(transparent)]
    Metrics(#[from] FiguresError),
    /// The file cannot be read.
    #[error("cannot read the models file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what is expected.
    #[error("the models file {} is not `{{\"models\":[{{\"name\":…,\"uri\":…}}]}}`: {source}", path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It has none, or too many.
    #[error("the models file {} has {count} models; 1 to {MODELS_MAX} are served", path.display())]
    Count {
        /// Which.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// Two of one name.
    #[error("two models are called `{0}`")]
    Twice(String),
    /// A digest that is none.
    #[error("`sha256` of the model `{model}`: {problem}")]
    Digest {
        /// Whose.
        model: String,
        /// What is wrong.
        problem: String,
    },
}

/// The file of `--models`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    models: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    uri: String,
    version: Option<String>,
    framework: Option<String>,
    sha256: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    metrics: BTreeMap<String, f64>,
    golden: Option<PathBuf>,
}

/// The models that are to be served: that of the flags, then those of the file.
///
/// # Errors
/// [`SpecError`].
pub(crate) fn specs(options: &Options, around: &Surroundings) -> Result<Vec<Spec>, SpecError> {
    let mut specs = match &options.models {
        Some(file) => of_file(&around.folder.join(file))?,
        None => Vec::new(),
    };
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if specs.is_empty() || given(&options.model).is_some() {
        specs.insert(0, of_flags(options, around)?);
    }
    for (index, spec) in specs.iter().enumerate() {
        if specs.iter().skip(index + 1).any(|other| other.name == spec.name) {
            return Err(SpecError::Twice(spec.name.clone()));
        }
    }
    Ok(specs)
}

fn of_flags(options: &Options, around: &Surroundings) -> Result<Spec, SpecError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let named = |names: &[String]| names.iter().filter(|name| !name.is_empty()).cloned().collect();
    Ok(Spec {
        name: given(&options.model_name)
            .or_else(|| given(&options.mlflow_model_name).filter(|_| given(&options.model).is_none()))
            .or_else(|| options.model.as_deref().and_then(stem))
            .unwrap_or_else(|| "model".to_owned()),
        version: given(&options.model_version),
        framework: given(&options.framework),
        uri: given(&options.model).or_else(|| registered(options)),
        sha256: options.sha256.clone(),
        labels: named(&options.labels),
        features: named(&options.features),
        figures: figures::read(options.metrics_json.as_deref(), &around.folder)?,
        golden: options.golden.as_ref().map(|path| around.folder.join(path)),
    })
}

/// The model of a registry that is named by parts.
fn registered(options: &Options) -> Option<String> {
    let name = options.mlflow_model_name.as_deref().filter(|name| !name.is_empty())?;
    let version = options.mlflow_model_version.as_deref().filter(|version| !version.is_empty());
    Some(format!("models:/{name}/{}", version.unwrap_or(&options.mlflow_model_stage)))
}

/// What a model is called that has no name: its file's name, without what follows the last point; in a registry, the
/// name that it has there.
fn stem(uri: &str) -> Option<String> {
    if let Some(rest) = uri.strip_prefix("models:") {
        let name = rest.trim_start_matches('/').split(['/', '@']).next()?;
        return Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    let path = uri.strip_prefix("oci://").map_or(uri, |rest| rest.split('@').next().unwrap_or(rest));
    let stem = Path::new(path).file_stem()?.to_string_lossy().into_owned();
    Some(stem).filter(|stem| !stem.is_empty())
}

fn of_file(path: &Path) -> Result<Vec<Spec>, SpecError> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| SpecError::Read { path: path.to_owned(), source })?;
    let file: File =
        serde_json::from_str(&text).map_err(|source| SpecError::Shape { path: path.to_owned(), source })?;
    let count = file.models.len();
    if count == 0 || count > MODELS_MAX {
        return Err(SpecError::Count { path: path.to_owned(), count });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    file.models.into_iter().map(|entry| of_entry(entry, folder)).collect()
}

fn of_entry(entry: Entry, folder: &Path) -> Result<Spec, SpecError> {
    let Entry { name, uri, version, framework, sha256, labels, features, metrics, golden } = entry;
    let sha256 = sha256.as_deref().map(config::digest).transpose();
    let sha256 = sha256.map_err(|problem| SpecError::Digest { model: name.clone(), problem })?;
    // A path is looked up from where the file is that has it.
    let relative = !uri.contains(':') && Path::new(&uri).is_relative();
    let uri = if relative { folder.join(&uri).to_string_lossy().into_owned() } else { uri };
    Ok(Spec {
        name,
        version,
        framework,
        uri: Some(uri),
        sha256,
        labels,
        features,
        figures: metrics,
        golden: golden.map(|path| folder.join(path)),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn read(file: Option<&str>, arguments: &[&str]) -> Result<Vec<Spec>, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut all = vec!["mlo-runtime"];
        if let Some(text) = file {
            std::io::Write::write_all(
                &mut std::fs::File::create(folder.path().join("models.json")).unwrap(),
                text.as_bytes(),
            )
            .unwrap();
            all.extend(["--models", "models.json"]);
        }
        all.extend(arguments);
        let around = Surroundings { folder: folder.path().to_owned(), ..Surroundings::default() };
        let hide = |text: &str| text.replace(folder.path().to_str().unwrap(), "");
        match specs(&Options::parse_from(all), &around) {
            Ok(mut specs) => {
                for spec in &mut specs {
                    spec.uri = spec.uri.as_deref().map(hide);
                }
                Ok(specs)
            }
            Err(error) => Err(hide(&error.to_string())),
        }
    }

    /// The file, the arguments, and the models by name and URI.
    type Row<'a> = (Option<&'a str>, &'a [&'a str], Vec<(String, Option<String>)>);

    #[test]
    fn the_flags_name_one_model_and_the_file_more() {
        let names =
            |specs: Vec<Spec>| specs.into_iter().map(|spec| (spec.name, spec.uri)).collect::<Vec<_>>();
        let of = |name: &str, uri: Option<&str>| (name.to_owned(), uri.map(str::to_owned));
        let file = r#"{"models":[{"name":"a","uri":"a.onnx"},{"name":"b","uri":"s3://models/b"}]}"#;
        let rows: [Row<'_>; 4] = [
            (None, &[], vec![of("model", None)]),
            (None, &["--model", "models/iris.onnx"], vec![of("iris", Some("models/iris.onnx"))]),
            (Some(file), &[], vec![of("a", Some("/a.onnx")), of("b", Some("s3://models/b"))]),
            (
                Some(file),
                &["--model", "x.onnx", "--model-name", "first"],
                vec![of("first", Some("x.onnx")), of("a", Some("/a.onnx")), of("b", Some("s3://models/b"))],
            ),
        ];
        for (file, arguments, expected) in rows {
            assert_eq!(names(read(file, arguments).unwrap()), expected, "{file:?} {arguments:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_one_is_refused_in_words() {
        let rows = [
            (r#"{"models":[]}"#, "the models file /models.json has 0 models; 1 to 64 are served"),
            (r#"{"models":[{"name":"a","uri":"x"},{"name":"a","uri":"y"}]}"#, "two models are called `a`"),
            (
                r#"{"models":[{"name":"a","uri":"x","sha256":"1"}]}"#,
                "`sha256` of the model `a`: a SHA-256 digest is needed: 64 hexadecimal digits",
            ),
            (
                r#"{"models":[{"name":"a","url":"x"}]}"#,
                r#"the models file /models.json is not `{"models":[{"name":…,"uri":…}]}`: unknown field `url`"#,
            ),
        ];
        for (file, expected) in rows {
            let refusal = read(Some(file), &[]).unwrap_err();
            assert!(refusal.starts_with(expected), "{refusal}");
        }
    }
}
