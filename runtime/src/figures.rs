//! Figures of a model, as whoever trained it states them.
//!
//! In: `--metrics-json`, an object or a file that holds one. Out: numbers by their names. Never: more than a page of
//! them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Bytes of a `--metrics-json` file at most. A manifest's metrics are a few dozen lines.
const METRICS_BYTES_MAX: u64 = 64 * 1024;
/// Figures in it at most.
const METRICS_MAX: usize = 256;

/// What is wrong with the figures of `--metrics-json`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FiguresError {
    /// The file cannot be read.
    #[error("cannot read the metrics file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("the metrics are not JSON: {0}")]
    Json(serde_json::Error),
    /// It is JSON of another shape.
    #[error("the metrics must be an object of at most {METRICS_MAX} numbers; `{0}` is not one")]
    Shape(String),
}

/// The figures of `--metrics-json`: an object if it starts with `{`, else a file that holds one.
pub(crate) fn read(text: Option<&str>, folder: &Path) -> Result<BTreeMap<String, f64>, FiguresError> {
    let text = match text.map(str::trim) {
        None | Some("") => return Ok(BTreeMap::new()),
        Some(inline) if inline.starts_with('{') => inline.to_owned(),
        Some(file) => {
            use std::io::Read as _;
            let path = folder.join(file);
            let mut text = String::new();
            std::fs::File::open(&path)
                .and_then(|file| file.take(METRICS_BYTES_MAX).read_to_string(&mut text))
                .map_err(|source| FiguresError::Read { path, source })?;
            text
        }
    };
    let value: Value = serde_json::from_str(&text).map_err(FiguresError::Json)?;
    let Value::Object(figures) = value else {
        return Err(FiguresError::Shape("the whole".to_owned()));
    };
    if figures.len() > METRICS_MAX {
        return Err(FiguresError::Shape("the whole".to_owned()));
    }
    figures
        .into_iter()
        .map(|(name, value)| match value.as_f64() {
            Some(figure) => Ok((name, figure)),
            None => Err(FiguresError::Shape(name)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_an_object_of_numbers() {
        let read = |text: &str| super::read(Some(text), Path::new("/")).map_err(|error| error.to_string());
        let expected = BTreeMap::from([("accuracy".to_owned(), 0.97), ("f1_score".to_owned(), 1.0)]);
        assert_eq!(read(r#"{"accuracy":0.97,"f1_score":1}"#).unwrap(), expected);
        assert_eq!(read("").unwrap().len(), 0);
        assert_eq!(
            read(r#"{"accuracy":"high"}"#).unwrap_err(),
            "the metrics must be an object of at most 256 numbers; `accuracy` is not one"
        );
        assert!(read("{").unwrap_err().starts_with("the metrics are not JSON"));
        assert!(read("nowhere.json").unwrap_err().starts_with("cannot read the metrics file /nowhere.json"));
    }
}
