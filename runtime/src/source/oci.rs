//! Models in an OCI registry: an artifact with one layer that is an ONNX file, found by digest.

use data_encoding::BASE64;
use serde_json::Value;

use super::http::{self, Client};
use super::{Fetched, SourceError, Sources, beside, sha256, with_data};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The title that a layer has as a file.
const TITLE: &str = "org.opencontainers.image.title";

/// `registry/repository@digest` or `:tag`.
#[derive(Debug, PartialEq, Eq)]
struct Place<'u> {
    registry: &'u str,
    repository: &'u str,
    /// A digest or a tag.
    reference: &'u str,
}

fn place(uri: &str) -> Option<Place<'_>> {
    let (registry, path) = uri.strip_prefix("oci://")?.split_once('/')?;
    let (repository, reference) = match path.split_once('@') {
        Some((repository, digest)) => (repository, digest),
        // The registry's own colon stands before the first slash.
        None => path.rsplit_once(':').unwrap_or((path, "latest")),
    };
    let plain = |text: &str| {
        !text.is_empty() && !text.contains("..") && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    (plain(registry) && plain(repository) && plain(reference)).then_some(Place {
        registry,
        repository,
        reference,
    })
}

pub(super) fn fetch(uri: &str, sources: &Sources<'_>) -> Result<Fetched, SourceError> {
    let problem = "`oci://registry/repository@sha256:…` or `:tag` is needed";
    let place = place(uri).ok_or_else(|| SourceError::Uri { uri: uri.to_owned(), problem })?;
    let client = http::client()?;
    let registry = Registry { client, place: &place, sources };
    let (manifest, token) = registry.manifest()?;
    let wrong = |problem: &str| SourceError::Answer { place: uri.to_owned(), problem: problem.to_owned() };
    if place.reference.starts_with("sha256:") && sha256(&manifest) != place.reference {
        return Err(wrong("the manifest does not have the digest that the URI names"));
    }
    let manifest: Value = serde_json::from_slice(&manifest).map_err(|error| wrong(&error.to_string()))?;
    let layers = manifest.get("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_onnx = |layer: &&Value| {
        let title = title(layer);
        let kind = layer.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        title.to_ascii_lowercase().ends_with(".onnx") || kind.contains("onnx")
    };
    let mut models = layers.iter().filter(is_onnx);
    let layer = match (models.next(), models.next(), layers) {
        (Some(model), None, _) => model,
        (None, _, [only]) => only,
        _ => return Err(wrong("it does not have exactly one layer that is an ONNX file")),
    };
    let fetch = |layer: &Value| -> Result<Vec<u8>, SourceError> {
        let digest =
            layer.get("digest").and_then(Value::as_str).filter(|digest| digest.starts_with("sha256:"));
        let digest = digest.ok_or_else(|| wrong("its layer has no digest by SHA-256"))?;
        let bytes = registry.get(&format!("blobs/{digest}"), token.as_deref())?.found()?;
        if sha256(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(wrong("the layer does not have the digest that the manifest names"))
        }
    };
    let files = with_data(fetch(layer)?, |name| {
        let path = beside(title(layer), name);
        layers.iter().find(|layer| title(layer) == path).map(fetch).transpose()
    })?;
    Ok(Fetched { files, version: None })
}

/// The name that a layer has as a file.
fn title(layer: &Value) -> &str {
    let title = layer.get("annotations").and_then(|notes| notes.get(TITLE));
    title.and_then(Value::as_str).unwrap_or_default()
}

struct Registry<'s> {
    client: Client,
    place: &'s Place<'s>,
    sources: &'s Sources<'s>,
}

impl Registry<'_> {
    fn get(&self, path: &str, authorization: Option<&str>) -> Result<http::Answer, SourceError> {
        let Place { registry, repository, .. } = self.place;
        // A registry of this machine is asked without TLS, as others' clients do.
        let host = registry.split(':').next().unwrap_or_default();
        let scheme = if matches!(host, "localhost" | "127.0.0.1") { "http" } else { "https" };
        let mut headers = vec![("accept", MANIFEST)];
        headers.extend(authorization.map(|value| ("authorization", value)));
        Ok(self.client.get(&format!("{scheme}://{registry}/v2/{repository}/{path}"), &headers)?)
    }

    /// The manifest's bytes, and what opened the registry.
    fn manifest(&self) -> Result<(Vec<u8>, Option<String>), SourceError> {
        let path = format!("manifests/{}", self.place.reference);
        let answer = self.get(&path, None)?;
        if answer.status != 401 {
            return Ok((answer.found()?, None));
        }
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        let authorization = self.authorization(&challenge)?;
        Ok((self.get(&path, authorization.as_deref())?.found()?, authorization))
    }

    /// What a challenge asks for: a token of its service, or user and password.
    fn authorization(&self, challenge: &str) -> Result<Option<String>, SourceError> {
        let credentials = self.sources.credentials;
        let basic = credentials.oci_username.as_ref().map(|user| {
            let pair = format!("{user}:{}", credentials.oci_password.as_deref().unwrap_or_default());
            format!("Basic {}", BASE64.encode(pair.as_bytes()))
        });
        let Some(parameters) = challenge.strip_prefix("Bearer ") else { return Ok(basic) };
        let value = |name: &str| {
            parameters.split(',').find_map(|pair| {
                Some(pair.trim().strip_prefix(name)?.strip_prefix("=\"")?.trim_end_matches('"'))
            })
        };
        let realm = value("realm").ok_or_else(|| SourceError::Answer {
            place: self.place.registry.to_owned(),
            problem: "it asks for a token and does not say where it is to be had".to_owned(),
        })?;
        let mut url = format!("{realm}?scope=repository:{}:pull", self.place.repository);
        if let Some(service) = value("service") {
            url.extend(["&service=", service]);
        }
        let headers: Vec<(&str, &str)> =
            basic.iter().map(|basic| ("authorization", basic.as_str())).collect();
        let answer = self.client.get(&url, &headers)?.json()?;
        let token = ["token", "access_token"].into_iter().find_map(|name| answer.get(name)?.as_str());
        Ok(token.map(|token| format!("Bearer {token}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_registry_repository_and_reference() {
        let of = |registry, repository, reference| Some(Place { registry, repository, reference });
        let rows = [
            ("oci://r.example/a/b@sha256:00", of("r.example", "a/b", "sha256:00")),
            ("oci://localhost:5000/a:1.0", of("localhost:5000", "a", "1.0")),
            ("oci://localhost:5000/a", of("localhost:5000", "a", "latest")),
            ("oci://r.example", None),
            ("oci://r.example/../x", None),
            ("oci://r.example/a:", None),
        ];
        for (uri, expected) in rows {
            assert_eq!(place(uri), expected, "{uri}");
        }
    }
}
