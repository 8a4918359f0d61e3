//! Where a cluster is and who asks: the configuration of the provider, and what it leaves to the machine.
//!
//! In this order: `host`; the files of `config_path`; those of `KUBECONFIG`; `~/.kube/config`; the Pod that mlo runs in.
//! Nothing is asked here: whoever asks first finds out whether the cluster answers.

use super::exec::Exec;
use crate::diag::code::provider::{ARGUMENT, UNREADABLE};
use crate::lang::eval::{AttributeSchema, BlockSchema, NestedBlock};
use crate::lang::value::{Path, Type, Value};
use crate::provider::object::{attribute, text};
use crate::provider::{ProviderError, Surroundings};
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

/// Time to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The namespace of objects that name none, where nothing else does.
const NAMESPACE: &str = "default";
/// Where a Pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(super) fn schema() -> BlockSchema {
    let text = |what: &str| AttributeSchema::optional(Type::String).describe(what);
    let exec = BlockSchema::new()
        .attribute(
            "api_version",
            AttributeSchema::required(Type::String)
                .describe("`client.authentication.k8s.io/v1`, or `/v1beta1`"),
        )
        .attribute(
            "command",
            AttributeSchema::required(Type::String).describe("The program that prints a credential"),
        )
        .attribute("args", AttributeSchema::optional(Type::list(Type::String)).describe("Its arguments"))
        .attribute(
            "env",
            AttributeSchema::optional(Type::map(Type::String))
                .describe("Variables of its environment, beside those of mlo"),
        );
    BlockSchema::new()
        .attribute("host", text("Address of the API server: `https://…`"))
        .attribute("token", text("Bearer token").sensitive())
        .attribute("username", text("User of basic authentication"))
        .attribute("password", text("Password of basic authentication").sensitive())
        .attribute("cluster_ca_certificate", text("Certificates, as PEM, that the API server's own must come from"))
        .attribute("client_certificate", text("Certificate of a client, as PEM"))
        .attribute("client_key", text("Key of that certificate, as PEM").sensitive())
        .attribute("insecure", AttributeSchema::optional(Type::Bool).describe("Whether any certificate of the API server is believed"))
        .attribute("tls_server_name", text("Name that the API server's certificate must have, if not that of `host`"))
        .attribute("proxy_url", text("Proxy on the way to the API server: `http://…`"))
        .attribute("config_path", text("Path of a kubeconfig, or several as in `KUBECONFIG`; relative to the project's folder. `~/` is the home folder"))
        .attribute("config_context", text("Context of the kubeconfig; its current one if not given"))
        .attribute("config_context_cluster", text("Cluster of the kubeconfig in place of the context's"))
        .attribute("config_context_auth_info", text("User of the kubeconfig in place of the context's"))
        .attribute("namespace", text("Namespace of objects that name none; the context's, or `default`, if not given"))
        .block("exec", NestedBlock::single(exec))
}

/// Where a cluster is and who asks.
pub(super) struct Place {
    pub(super) config: Config,
    /// What prints the credential, if something does.
    pub(super) exec: Option<Exec>,
    /// The namespace of objects that name none.
    pub(super) namespace: String,
}

/// What a configuration leads to; nothing if neither it nor the machine says where a cluster is.
///
/// # Errors
/// If an argument cannot be used, or a file not be read.
pub(super) async fn place(
    config: &Value,
    surroundings: &Surroundings,
) -> Result<Option<Place>, ProviderError> {
    let Some((mut base, named)) = base(config, surroundings).await? else { return Ok(None) };
    lay_over(config, &mut base)?;
    base.connect_timeout = Some(CONNECT_WITHIN);
    // Each attempt is the engine's, and has a time of its own.
    base.default_retry = false;
    let of_block = Exec::of_block(&attribute(config, "exec"));
    let of_file = base.auth_info.exec.take().map(Exec::of_kubeconfig).transpose()?;
    let exec = of_block.or(of_file);
    if let Some(provider) = &base.auth_info.auth_provider {
        let summary = format!(
            "the kubeconfig asks for the built-in credentials of {:?}, which are gone from Kubernetes",
            provider.name
        );
        return Err(ProviderError::permanent(summary)
            .code(&ARGUMENT)
            .help("write the kubeconfig anew with the cloud's own tool: it will name an exec plugin"));
    }
    let namespace = text(config, "namespace").map(str::to_owned).or(named);
    let namespace = namespace.unwrap_or_else(|| NAMESPACE.to_owned());
    Ok(Some(Place { config: base, exec, namespace }))
}

/// What the arguments are laid over, and the namespace that it names.
async fn base(
    config: &Value,
    surroundings: &Surroundings,
) -> Result<Option<(Config, Option<String>)>, ProviderError> {
    if let Some(host) = text(config, "host") {
        return Ok(Some((Config::new(uri("host", host)?), None)));
    }
    let files = files(config, surroundings);
    if !files.is_empty() {
        return of_files(config, &files).await.map(Some);
    }
    let of_pod =
        ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].map(|name| (surroundings.environment)(name));
    match of_pod {
        [Some(host), Some(port)] => in_pod(&host, &port, FilePath::new(ACCOUNT)).map(Some),
        _ => Ok(None),
    }
}

fn uri(argument: &'static str, text: &str) -> Result<hyper::Uri, ProviderError> {
    let parsed = text.parse::<hyper::Uri>().ok().filter(|uri| uri.host().is_some());
    let known = parsed.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    known.ok_or_else(|| {
        ProviderError::permanent(format!("`{argument}` is no address: {text:?}"))
            .code(&ARGUMENT)
            .help("write it with its scheme: \"https://10.0.0.1:6443\"")
            .at(Path::root().name(argument))
    })
}

/// The kubeconfigs that there are.
fn files(config: &Value, surroundings: &Surroundings) -> Vec<PathBuf> {
    let home = (surroundings.environment)("HOME").or_else(|| (surroundings.environment)("USERPROFILE"));
    let split = |list: &str| {
        std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>()
    };
    let at_home = |path: PathBuf| match (path.strip_prefix("~"), &home) {
        (Ok(rest), Some(home)) => FilePath::new(home).join(rest),
        _ => surroundings.project.join(path),
    };
    if let Some(given) = text(config, "config_path") {
        return split(given).into_iter().map(at_home).collect();
    }
    let of_environment = (surroundings.environment)("KUBECONFIG").filter(|list| !list.is_empty());
    let candidates = match (of_environment, &home) {
        (Some(list), _) => split(&list),
        (None, Some(home)) => vec![FilePath::new(home).join(".kube").join("config")],
        (None, None) => Vec::new(),
    };
    // As kubectl does: of what is not asked for by an argument, what is not there is passed over.
    candidates.into_iter().filter(|path| path.exists()).collect()
}

async fn of_files(config: &Value, files: &[PathBuf]) -> Result<(Config, Option<String>), ProviderError> {
    let mut merged: Option<Kubeconfig> = None;
    for path in files {
        let wrong = |error: &kube::config::KubeconfigError| {
            let summary = format!("the kubeconfig {} cannot be used", path.display());
            ProviderError::permanent(summary)
                .code(&UNREADABLE)
                .detail(chain(error))
                .at(Path::root().name("config_path"))
        };
        let read = Kubeconfig::read_from(path).map_err(|error| wrong(&error))?;
        merged = Some(match merged {
            Some(earlier) => earlier.merge(read).map_err(|error| wrong(&error))?,
            None => read,
        });
    }
    let given = |name| text(config, name).map(str::to_owned);
    let options = KubeConfigOptions {
        context: given("config_context"),
        cluster: given("config_context_cluster"),
        user: given("config_context_auth_info"),
    };
    let merged = merged.unwrap_or_default();
    let contexts: Vec<_> = merged.contexts.iter().map(|context| format!("`{}`", context.name)).collect();
    let chosen = options.context.clone().or_else(|| merged.current_context.clone());
    let context = merged.contexts.iter().find(|context| Some(&context.name) == chosen.as_ref());
    let namespace = context.and_then(|named| named.context.as_ref()?.namespace.clone());
    let config = Config::from_custom_kubeconfig(merged, &options).await.map_err(|error| {
        let shown: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        let error =
            ProviderError::permanent(format!("the kubeconfig {} leads to no cluster", shown.join(", ")))
                .detail(chain(&error));
        error
            .code(&ARGUMENT)
            .help(format!("its contexts are: {}", contexts.join(", ")))
            .at(Path::root().name("config_context"))
    })?;
    Ok((config, namespace))
}

/// The configuration of a program that runs in a Pod.
fn in_pod(host: &str, port: &str, account: &FilePath) -> Result<(Config, Option<String>), ProviderError> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut config = Config::new(uri("host", &format!("https://{host}:{port}"))?);
    let path = |name: &str| account.join(name).display().to_string();
    let read = |name: &str| {
        fs::read_to_string(account.join(name)).map_err(|error| {
            let summary = format!("{} cannot be read, which says who this Pod is", path(name));
            ProviderError::permanent(summary).code(&UNREADABLE).detail(error.to_string())
        })
    };
    config.root_cert = Some(certificates("cluster_ca_certificate", &read("ca.crt")?)?);
    config.auth_info = AuthInfo { token_file: Some(path("token")), ..AuthInfo::default() };
    Ok((config, read("namespace").ok().map(|name| name.trim().to_owned())))
}

/// Arguments win over what the machine says.
fn lay_over(config: &Value, base: &mut Config) -> Result<(), ProviderError> {
    let encoded = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    if let Some(pem) = text(config, "cluster_ca_certificate") {
        base.root_cert = Some(certificates("cluster_ca_certificate", pem)?);
    }
    if let Some(insecure) = attribute(config, "insecure").as_bool() {
        base.accept_invalid_certs = insecure;
    }
    if let Some(name) = text(config, "tls_server_name") {
        base.tls_server_name = Some(name.to_owned());
    }
    if let Some(url) = text(config, "proxy_url") {
        base.proxy_url = Some(uri("proxy_url", url)?);
    }
    let who = &mut base.auth_info;
    let gives_who =
        ["token", "username", "client_certificate"].iter().any(|name| text(config, name).is_some());
    if gives_who {
        *who = AuthInfo::default();
    }
    if let Some(token) = text(config, "token") {
        who.token = Some(token.to_owned().into());
    }
    if let Some((name, password)) = text(config, "username").zip(text(config, "password")) {
        who.username = Some(name.to_owned());
        who.password = Some(password.to_owned().into());
    }
    if let Some((certificate, key)) = text(config, "client_certificate").zip(text(config, "client_key")) {
        certificates("client_certificate", certificate)?;
        who.client_certificate_data = Some(encoded(certificate));
        who.client_key_data = Some(encoded(key).into());
    }
    Ok(())
}

/// The certificates of a PEM text, in DER.
fn certificates(argument: &'static str, pem: &str) -> Result<Vec<Vec<u8>>, ProviderError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = parsed.ok().filter(|found| !found.is_empty());
    let found = found.ok_or_else(|| {
        let help = "it begins with `-----BEGIN CERTIFICATE-----`; of what is in base64 around that, take `base64decode(…)`";
        ProviderError::permanent(format!("`{argument}` holds no certificate in PEM")).code(&ARGUMENT).help(help).at(Path::root().name(argument))
    })?;
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// An error with what caused it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
