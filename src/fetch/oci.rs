//! Packages in OCI registries: modules in the form that `OpenTofu` gives them; bundles of policies as `oras` and `conftest`
//! push them.
//!
//! Goes in: host, repository, and a tag or digest. Comes out: the digest of the manifest, and the files in it. Never
//! happens: a byte that is not the digest's, plain HTTP to another machine.

use super::Purpose;
use super::address::{Format, Oci, base_of};
use super::archive::{self, PACKED_BYTES_MAX};
use super::error::FetchError;
use super::http::{Answer, Ask, Http, shown, words};
use super::tree::{Gathering, Tree};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The kind of artifact that a package of modules is.
const ARTIFACT: &str = "application/vnd.opentofu.modulepkg";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Kinds of layers, and how each is packed.
const LAYERS: [(&str, Format); 4] = [
    ("archive/zip", Format::Zip),
    ("archive/tar+gzip", Format::TarGz),
    ("application/vnd.oci.image.layer.v1.tar+gzip", Format::TarGz),
    ("application/gzip", Format::TarGz),
];
/// Kinds of layers that are each one file of a policy, as `conftest push` makes them.
const FILES: [&str; 2] = [
    "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego",
    "application/vnd.cncf.openpolicyagent.data.layer.v1+json",
];
/// What says the name of the file that a layer is.
const TITLE: &str = "org.opencontainers.image.title";
/// Layers of a bundle of policies. Each is asked for by itself.
const LAYERS_MAX: usize = 200;
/// Bytes of a manifest, as registries limit it.
const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Bytes of an answer with a token.
const TOKEN_BYTES_MAX: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// Of an index.
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Some services call it by one name, some by the other, some by both.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The part of Docker's configuration that is read.
#[derive(Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Default, Deserialize)]
struct DockerAuth {
    #[serde(default)]
    auth: String,
}

/// `Basic …` for a host from the text of Docker's `config.json`.
pub(super) fn docker_basic(config: &[u8], host: &str) -> Option<String> {
    let config: DockerConfig = serde_json::from_slice(config).ok()?;
    let names =
        [host.to_owned(), format!("https://{host}"), format!("https://{host}/v2/"), format!("http://{host}")];
    let auth = names.iter().find_map(|name| config.auths.get(name)).filter(|auth| !auth.auth.is_empty())?;
    Some(format!("Basic {}", auth.auth))
}

/// A repository of a registry, and what lets us in.
struct Repository<'h> {
    http: &'h Http,
    oci: &'h Oci,
    basic: Option<String>,
    /// What the registry asked for, once it did.
    authorization: Option<String>,
}

/// Fetches the manifest, at `locked` if that is given, and the files that it names.
pub(super) async fn fetch(
    http: &Http,
    (oci, purpose): (&Oci, Purpose),
    locked: Option<&str>,
    basic: Option<String>,
) -> Result<(String, Tree), FetchError> {
    let mut repository = Repository { http, oci, basic, authorization: None };
    let (mut digest, mut manifest) = repository.manifest(locked.unwrap_or(&oci.reference)).await?;
    if !manifest.manifests.is_empty() {
        let one = chosen(&manifest, purpose)?;
        (digest, manifest) = repository.manifest(&one).await?;
    }
    if purpose == Purpose::Module && manifest.artifact_type.as_deref() != Some(ARTIFACT) {
        return Err(wrong(&format!("it is no artifact of type `{ARTIFACT}`")));
    }
    let is_file = |layer: &Descriptor| FILES.contains(&layer.media_type.as_str());
    if purpose == Purpose::Policy && !manifest.layers.is_empty() && manifest.layers.iter().all(is_file) {
        return Ok((digest, repository.files(&manifest.layers).await?));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(wrong("it has not just one layer"));
    };
    let format = LAYERS.iter().find(|(kind, _)| *kind == layer.media_type).map(|(_, format)| *format);
    let format = format.ok_or_else(|| wrong("its layer is neither `archive/zip` nor a gzipped tar"))?;
    let bytes = repository.layer(layer).await?;
    Ok((digest, archive::unpack(&bytes, format, purpose)?))
}

/// The digest of the artifact of an index that is wanted.
fn chosen(index: &Manifest, purpose: Purpose) -> Result<String, FetchError> {
    let ours = |it: &&Descriptor| it.artifact_type.as_deref() == Some(ARTIFACT);
    match (purpose, index.manifests.as_slice()) {
        (Purpose::Module, all) => all
            .iter()
            .find(ours)
            .map(|one| one.digest.clone())
            .ok_or_else(|| wrong("its index has no package of modules")),
        (Purpose::Policy, [one]) => Ok(one.digest.clone()),
        (Purpose::Policy, _) => Err(wrong("its index has more than one artifact: name one by its digest")),
    }
}

fn wrong(why: &str) -> FetchError {
    FetchError::Package(why.to_owned())
}

impl Repository<'_> {
    /// A manifest or index, and its digest.
    async fn manifest(&mut self, reference: &str) -> Result<(String, Manifest), FetchError> {
        let accept = format!("{MANIFEST}, {INDEX}");
        let bytes = if reference.contains(':') {
            self.checked("manifests", reference, Some(&accept), MANIFEST_BYTES_MAX).await?
        } else {
            let answer = self.get("manifests", reference, Some(&accept), MANIFEST_BYTES_MAX).await?;
            answer.found("there is no such artifact")?
        };
        let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes)));
        let manifest = serde_json::from_slice(&bytes).map_err(|_| wrong("its manifest is not understood"))?;
        Ok((digest, manifest))
    }

    /// The bytes of a layer.
    async fn layer(&mut self, layer: &Descriptor) -> Result<Vec<u8>, FetchError> {
        if layer.size > PACKED_BYTES_MAX as u64 {
            return Err(wrong(&format!("its layer is larger than {} MiB", PACKED_BYTES_MAX >> 20)));
        }
        self.checked("blobs", &layer.digest, None, PACKED_BYTES_MAX).await
    }

    /// Layers that are each a file.
    async fn files(&mut self, layers: &[Descriptor]) -> Result<Tree, FetchError> {
        if layers.len() > LAYERS_MAX {
            return Err(wrong(&format!("it has more than {LAYERS_MAX} layers")));
        }
        let mut gathering = Gathering::default();
        for layer in layers {
            let name = layer.annotations.get(TITLE).ok_or_else(|| wrong("a layer of it has no name"))?;
            let bytes = self.layer(layer).await?;
            gathering.file(name, bytes)?;
        }
        gathering.finish()
    }

    /// What a digest names, checked.
    async fn checked(
        &mut self,
        kind: &str,
        digest: &str,
        accept: Option<&str>,
        bytes_max: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let digits = digest
            .strip_prefix("sha256:")
            .filter(|digits| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(|| wrong("its manifest has a digest that is not SHA-256"))?;
        let bytes = self.get(kind, digest, accept, bytes_max).await?.found("a part of it is missing")?;
        if HEXLOWER.encode(&Sha256::digest(&bytes)) != digits {
            return Err(wrong(&format!("what came for `{digest}` has another digest")));
        }
        Ok(bytes)
    }

    /// Asks the registry, with what lets us in if it wants that.
    async fn get(
        &mut self,
        kind: &str,
        reference: &str,
        accept: Option<&str>,
        bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        let url = format!("{}/v2/{}/{kind}/{reference}", base_of(&self.oci.host), self.oci.repository);
        let known = self.authorization.clone();
        let ask = Ask { url: &url, accept, authorization: known.as_deref(), bytes_max };
        let answer = self.http.get(ask).await?;
        if answer.status != 401 || known.is_some() {
            return Ok(answer);
        }
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        let Some(wanted) = self.answer_to(&challenge).await? else { return Ok(answer) };
        let ask = Ask { authorization: Some(&wanted), ..ask };
        let answer = self.http.get(ask).await;
        self.authorization = Some(wanted);
        answer
    }

    /// What the registry wants to see: a token that another service gives, or user and password.
    async fn answer_to(&self, challenge: &str) -> Result<Option<String>, FetchError> {
        let Some(parameters) = challenge.strip_prefix("Bearer ") else { return Ok(self.basic.clone()) };
        let parameter = |name: &str| {
            let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
            parameters.get(start..)?.split('"').next()
        };
        let realm = parameter("realm").unwrap_or_default();
        self.http.may_follow(&base_of(&self.oci.host), realm)?;
        let service = parameter("service").map(|service| format!("service={service}&")).unwrap_or_default();
        let url = format!("{realm}?{service}scope=repository:{}:pull", self.oci.repository);
        let ask =
            Ask { url: &url, accept: None, authorization: self.basic.as_deref(), bytes_max: TOKEN_BYTES_MAX };
        let answer = self.http.get(ask).await?;
        if answer.status != 200 {
            return Err(FetchError::Remote(format!("{} answers {}", shown(realm), words(answer.status))));
        }
        let token: Option<Token> = serde_json::from_slice(&answer.body).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token
            .ok_or_else(|| FetchError::Remote(format!("what {} answers is not understood", shown(realm))))?;
        Ok(Some(format!("Bearer {token}")))
    }
}
