//! From a URI to a model's bytes.
//!
//! In: what the operator says. Out: bytes, and the version that their source gives them. Never: bytes of another digest
//! than the source or the operator names, a wait without an end, an address that a client chose.
//!
//! - files and folders by `mlo_model`
//! - `https://`, `http://`
//! - `oci://registry/repository@sha256:…` or `:tag`: the layer that is an ONNX file
//! - `models:/name/version`, `models:/name/Stage`, `models:/name@alias`: a registry of `MLflow`
//! - `s3://bucket/key`, or a prefix that holds one `.onnx`
//!
//! What was fetched is kept in the user's cache folder by its digest.

mod http;
mod mlflow;
mod oci;
mod s3;

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use mlo_model::{ModelError, ModelFiles, Root};
use sha2::{Digest as _, Sha256};

use crate::surroundings::Credentials;
pub(crate) use http::HttpError;

/// What a source gives.
pub(crate) struct Fetched {
    pub(crate) files: ModelFiles,
    /// The version that the source calls it by.
    pub(crate) version: Option<String>,
}

/// Why a model cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("`{uri}` is not a usable model URI: {problem}")]
    Uri { uri: String, problem: &'static str },
    #[error("{place}: {problem}")]
    Answer { place: String, problem: String },
    #[error("{setting} is needed for {scheme} URIs")]
    Setting { scheme: &'static str, setting: &'static str },
}

impl SourceError {
    /// What outsiders may know.
    pub(crate) fn public(&self) -> &'static str {
        match self {
            SourceError::Uri { .. } | SourceError::Setting { .. } => "the model URI is not supported",
            SourceError::Http(_) | SourceError::Answer { .. } => "the model could not be fetched",
            SourceError::Model(_) => "the model file cannot be read",
        }
    }
}

/// What is fetched with.
pub(crate) struct Sources<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) cache: Option<&'a Path>,
    pub(crate) credentials: &'a Credentials,
    /// The digest that is expected, `sha256:…`: what is cached under it need not be fetched.
    pub(crate) expected: Option<&'a str>,
}

impl Sources<'_> {
    /// The model that the URI means now.
    ///
    /// # Errors
    /// [`SourceError`].
    pub(crate) fn fetch(&self, uri: &str) -> Result<Fetched, SourceError> {
        let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https" | "http" | "oci" | "models" | "s3") {
            // The operator names the file, so its folder may be anywhere.
            let root = Root { project: Path::new("/"), base: self.folder };
            let path = mlo_model::locate(uri, &root)?;
            return Ok(Fetched { files: mlo_model::read_files(&path)?, version: None });
        }
        if let Some(files) = self.expected.and_then(|digest| self.cached(digest)) {
            return Ok(Fetched { files, version: None });
        }
        let fetched = match scheme.as_str() {
            "oci" => oci::fetch(uri, self)?,
            "models" => mlflow::fetch(uri, self)?,
            "s3" => s3::fetch(uri, self)?,
            // What is beside it is not known: data in other files is refused later.
            _ => Fetched { files: http::client()?.get(uri, &[])?.found()?.into(), version: None },
        };
        self.keep_files(&fetched.files);
        Ok(fetched)
    }

    fn place(&self, digest: &str) -> Option<PathBuf> {
        let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
        Some(self.cache?.join("mlo/models/sha256").join(digits))
    }

    /// The files of the model with this digest, if they are there and still have it.
    fn cached(&self, digest: &str) -> Option<ModelFiles> {
        let bytes = self.cached_bytes(digest)?;
        let Some((model, data)) = mlo_model::listed(&bytes) else { return Some(bytes.into()) };
        let model = self.cached_bytes(&model)?;
        let data = data.into_iter().map(|(name, digest)| Some((name, self.cached_bytes(&digest)?.into())));
        Some(ModelFiles { model, data: data.collect::<Option<_>>()? })
    }

    /// Keeps each file by its digest, and what is written of all by that of the model.
    fn keep_files(&self, files: &ModelFiles) {
        self.keep(&files.model);
        if let Some(listing) = files.listing() {
            files.data.iter().for_each(|(_, data)| self.keep(data));
            self.keep(listing.as_bytes());
        }
    }

    fn cached_bytes(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = mlo_model::read(&self.place(digest)?).ok()?;
        (sha256(&bytes) == digest).then_some(bytes)
    }

    /// Keeps bytes for the next start. Where they cannot be kept, they are fetched again.
    fn keep(&self, bytes: &[u8]) {
        let Some(path) = self.place(&sha256(bytes)) else { return };
        let write = || -> std::io::Result<()> {
            use std::io::Write as _;
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
            let mut file = std::fs::File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        if !path.exists() {
            let _ = write();
        }
    }
}

/// Posts JSON to an address that the operator names.
///
/// # Errors
/// [`HttpError`].
pub(crate) fn post_json(
    url: &str,
    headers: &[(String, String)],
    body: &serde_json::Value,
) -> Result<(), HttpError> {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    http::client()?.post(url, &all, body.to_string())?.found().map(drop)
}

/// A model with the files that its tensors name.
///
/// - `fetch`: the file of a name, from where the model is; none where there is no such file.
fn with_data(
    model: Vec<u8>,
    mut fetch: impl FnMut(&str) -> Result<Option<Vec<u8>>, SourceError>,
) -> Result<ModelFiles, SourceError> {
    let wanted = mlo_model::data_files(&model)?;
    let mut files = ModelFiles::from(model);
    for file in wanted {
        // What is missing is said when the model is looked at as a whole.
        let Some(bytes) = fetch(&file.name)? else { continue };
        files.push(file.name, bytes)?;
    }
    Ok(files)
}

/// The name of a file beside another one, from the folder that both are in.
fn beside(path: &str, name: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

/// `sha256:` and 64 digits.
fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

/// The only name that ends in `.onnx`.
fn only_onnx<'n>(names: impl Iterator<Item = &'n str>, place: &str) -> Result<&'n str, SourceError> {
    let is_onnx = |name: &&str| name.to_ascii_lowercase().ends_with(".onnx");
    let found: Vec<&str> = names.filter(is_onnx).collect();
    match found.as_slice() {
        [only] => Ok(only),
        several => Err(SourceError::Answer {
            place: place.to_owned(),
            problem: format!("it holds {} `.onnx` files, and one is needed", several.len()),
        }),
    }
}

/// Escapes what may not stand in a part of a path as it is.
fn escaped(text: &str, keep_slashes: bool) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (keep_slashes && byte == b'/');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
