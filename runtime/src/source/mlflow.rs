//! Models of an `MLflow` registry, by its REST interface, artifacts fetched through the server.

use data_encoding::BASE64;
use mlo_model::ModelFiles;
use serde_json::Value;

use super::http::{self, Client};
use super::{Fetched, SourceError, Sources, beside, escaped, only_onnx, with_data};

/// Folders in folders of artifacts that are looked through, at most.
const DEPTH_MAX: usize = 4;

/// What stands behind `models:/`.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'u> {
    Version { name: &'u str, version: &'u str },
    Stage { name: &'u str, stage: &'u str },
    Alias { name: &'u str, alias: &'u str },
}

fn wanted(uri: &str) -> Option<Wanted<'_>> {
    let rest = uri.strip_prefix("models:/")?.trim_start_matches('/').trim_end_matches('/');
    if let Some((name, alias)) = rest.split_once('@') {
        return (!name.is_empty() && !alias.is_empty()).then_some(Wanted::Alias { name, alias });
    }
    let (name, last) = rest.split_once('/')?;
    if name.is_empty() || last.is_empty() || last.contains('/') {
        return None;
    }
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    Some(if is_number {
        Wanted::Version { name, version: last }
    } else {
        Wanted::Stage { name, stage: last }
    })
}

/// A registry, asked with the operator's credentials.
struct Registry<'s> {
    base: &'s str,
    authorization: Option<String>,
    client: Client,
}

pub(super) fn fetch(uri: &str, sources: &Sources<'_>) -> Result<Fetched, SourceError> {
    let problem = "`models:/name/version`, `models:/name/Stage` or `models:/name@alias` is needed";
    let wanted = wanted(uri).ok_or_else(|| SourceError::Uri { uri: uri.to_owned(), problem })?;
    let credentials = sources.credentials;
    let missing = SourceError::Setting { scheme: "models:", setting: "MLFLOW_TRACKING_URI" };
    let base = credentials.mlflow_uri.as_deref().ok_or(missing)?.trim_end_matches('/');
    let authorization =
        match (&credentials.mlflow_token, &credentials.mlflow_username, &credentials.mlflow_password) {
            (Some(token), ..) => Some(format!("Bearer {token}")),
            (None, Some(user), password) => {
                let pair = format!("{user}:{}", password.as_deref().unwrap_or_default());
                Some(format!("Basic {}", BASE64.encode(pair.as_bytes())))
            }
            _ => None,
        };
    let registry = Registry { base, authorization, client: http::client()? };
    let (name, version) = registry.resolve(&wanted)?;
    let files = registry.artifact(&name, &version)?;
    Ok(Fetched { files, version: Some(version) })
}

impl Registry<'_> {
    fn get(&self, path: &str) -> Result<http::Answer, SourceError> {
        let headers: Vec<(&str, &str)> =
            self.authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        Ok(self.client.get(&format!("{}{path}", self.base), &headers)?)
    }

    fn wrong(&self, problem: &str) -> SourceError {
        SourceError::Answer { place: format!("the registry {}", self.base), problem: problem.to_owned() }
    }

    /// Name and number of the version that is meant now.
    fn resolve(&self, wanted: &Wanted<'_>) -> Result<(String, String), SourceError> {
        let (name, version) = match wanted {
            Wanted::Version { name, version } => return Ok(((*name).to_owned(), (*version).to_owned())),
            Wanted::Alias { name, alias } => {
                let (model, alias) = (escaped(name, false), escaped(alias, false));
                let path = format!("/api/2.0/mlflow/registered-models/alias?name={model}&alias={alias}");
                (name, text(&self.get(&path)?.json()?, "/model_version/version"))
            }
            Wanted::Stage { name, stage } => {
                let (model, stage) = (escaped(name, false), escaped(stage, false));
                let path = format!(
                    "/api/2.0/mlflow/registered-models/get-latest-versions?name={model}&stages={stage}"
                );
                (name, text(&self.get(&path)?.json()?, "/model_versions/0/version"))
            }
        };
        let version = version.ok_or_else(|| self.wrong("no version of the model is meant by this"))?;
        Ok(((*name).to_owned(), version))
    }

    /// The one ONNX file among the version's artifacts, with those that its tensors name.
    fn artifact(&self, name: &str, version: &str) -> Result<ModelFiles, SourceError> {
        let (name, version) = (escaped(name, false), escaped(version, false));
        let path = format!("/api/2.0/mlflow/model-versions/get-download-uri?name={name}&version={version}");
        let answer = self.get(&path)?.json()?;
        let uri = text(&answer, "/artifact_uri");
        let uri = uri.ok_or_else(|| self.wrong("it does not say where the model is"))?;
        let root = uri.strip_prefix("mlflow-artifacts:").ok_or_else(|| {
            self.wrong("it does not hand its artifacts on; start it with `--serve-artifacts`, or name the model where it lies")
        })?;
        let root = root.trim_start_matches('/');
        // `//host/path` names a host, which is the registry's own.
        let files = self.files(root, DEPTH_MAX)?;
        let only = only_onnx(files.iter().map(String::as_str), &format!("version {version} of {name}"))?;
        let fetch = |path: &str| -> Result<Vec<u8>, SourceError> {
            Ok(self.get(&format!("/api/2.0/mlflow-artifacts/artifacts/{}", escaped(path, true)))?.found()?)
        };
        with_data(fetch(only)?, |name| {
            let path = beside(only, name);
            files.contains(&path).then(|| fetch(&path)).transpose()
        })
    }

    /// The paths of all files below a folder.
    fn files(&self, folder: &str, depth: usize) -> Result<Vec<String>, SourceError> {
        let listing = self
            .get(&format!("/api/2.0/mlflow-artifacts/artifacts?path={}", escaped(folder, true)))?
            .json()?;
        let mut files = Vec::new();
        for entry in listing.get("files").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
            let Some(name) = entry.get("path").and_then(Value::as_str).filter(|name| is_plain(name)) else {
                continue;
            };
            let path = format!("{folder}/{name}");
            if entry.get("is_dir") == Some(&Value::Bool(true)) {
                if depth > 0 {
                    files.extend(self.files(&path, depth - 1)?);
                }
            } else {
                files.push(path);
            }
        }
        Ok(files)
    }
}

/// The text at a place of an answer.
fn text(answer: &Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

/// A name that does not lead anywhere else.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && name.split('/').all(|part| part != ".." && !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_means_a_version_a_stage_or_an_alias() {
        let rows = [
            ("models:/iris/3", Some(Wanted::Version { name: "iris", version: "3" })),
            ("models:/iris/Production", Some(Wanted::Stage { name: "iris", stage: "Production" })),
            ("models:/iris@champion", Some(Wanted::Alias { name: "iris", alias: "champion" })),
            ("models://iris/3", Some(Wanted::Version { name: "iris", version: "3" })),
            ("models:/iris", None),
            ("models:/iris@", None),
            ("models:/a/b/c", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(wanted(uri), expected, "{uri}");
        }
    }
}
