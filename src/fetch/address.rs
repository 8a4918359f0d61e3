//! What a `source` says, in Terraform's syntax: a package, and a folder in it.
//!
//! Goes in: text. Comes out: an address of a kind that can be fetched, or why there is none. Never happens: IO.

use super::Purpose;
use super::error::FetchError;
use super::secret;

/// Bytes of a source at most.
const SOURCE_BYTES_MAX: usize = 4096;

/// A package and a folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Where the package is.
    pub(super) package: Package,
    /// The folder after `//`, without a leading or closing `/`; empty for the package's own.
    pub(super) folder: String,
}

/// Where a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Package {
    /// A repository.
    Git(Git),
    /// A file over HTTP, or what an HTTP server names in its place.
    Http(Http),
    /// An artifact of an OCI registry.
    Oci(Oci),
    /// A module of a module registry.
    Registry(Registry),
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Git {
    /// Its address as `git` takes it, credentials included.
    pub(super) url: String,
    /// `?ref=`: a branch, a tag or a commit.
    pub(super) reference: Option<String>,
}

/// A file over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Http {
    /// Its address, credentials included, without the parameters that are ours.
    pub(super) url: String,
    /// What it is by its name or by `?archive=`; nothing if the server is to be asked where the module is.
    pub(super) format: Option<Format>,
    /// `?checksum=sha256:…`: 64 hexadecimal digits.
    pub(super) checksum: Option<String>,
}

/// An artifact of an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Oci {
    /// Host, and port if there is one.
    pub(super) host: String,
    /// `a/b`
    pub(super) repository: String,
    /// A tag, or `sha256:…`.
    pub(super) reference: String,
}

/// A module of a module registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registry {
    /// Host, and port if there is one.
    pub(super) host: String,
    /// `namespace/name/provider`
    pub(super) name: String,
}

/// How files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `.tar.gz`, `.tgz`
    TarGz,
    /// `.zip`
    Zip,
}

/// Where modules without a host are.
const DEFAULT_REGISTRY: &str = "registry.terraform.io";
/// The end of a file's name, what it is called in `?archive=`, and the format, if it is one of ours.
const FORMATS: [(&str, &str, Option<Format>); 7] = [
    (".tar.gz", "tar.gz", Some(Format::TarGz)),
    (".tgz", "tgz", Some(Format::TarGz)),
    (".zip", "zip", Some(Format::Zip)),
    (".tar.bz2", "tar.bz2", None),
    (".tbz2", "tbz2", None),
    (".tar.xz", "tar.xz", None),
    (".txz", "txz", None),
];

impl Format {
    /// The format of a file of this name.
    pub(super) fn of_name(name: &str) -> Result<Option<Self>, FetchError> {
        match FORMATS.iter().find(|(end, ..)| name.len() > end.len() && name.ends_with(end)) {
            None => Ok(None),
            Some((.., Some(format))) => Ok(Some(*format)),
            Some((end, ..)) => Err(FetchError::Address(format!(
                "`{end}` archives are not read: pack it as `.tar.gz` or `.zip`"
            ))),
        }
    }

    /// `?archive=`; nothing if it is `false`.
    fn of_parameter(value: &str) -> Result<Option<Self>, FetchError> {
        if value == "false" {
            return Ok(None);
        }
        match FORMATS.iter().find(|(_, name, _)| *name == value) {
            Some((.., Some(format))) => Ok(Some(*format)),
            _ => Err(FetchError::Address(format!("`archive={value}` is not known: `tar.gz` and `zip` are"))),
        }
    }
}

impl Address {
    /// Reads a source.
    pub(super) fn parse(source: &str) -> Result<Self, FetchError> {
        let bad = |why: &str| Err(FetchError::Address(why.to_owned()));
        if source.len() > SOURCE_BYTES_MAX {
            return bad("it is too long");
        }
        if source.is_empty() || source.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return bad("it has white space in it, or nothing at all");
        }
        if source.starts_with('-') {
            return bad("it begins with `-`");
        }
        if let Some((forced, rest)) = source.split_once("::") {
            return match forced {
                "git" => git(rest),
                "http" | "https" if rest.starts_with("http") => http(rest),
                _ => Err(FetchError::Address(format!(
                    "`{forced}::` is not supported: `git::` and `https://` are"
                ))),
            };
        }
        if source.starts_with("oci://") {
            return oci(source);
        }
        if source.starts_with("https://") || source.starts_with("http://") {
            return http(source);
        }
        if let Some((scheme, _)) = source.split_once("://") {
            return Err(FetchError::Address(match scheme {
                "ssh" | "git" | "file" => format!("for a repository, write `git::{scheme}://…`"),
                _ => format!("`{scheme}://` is not supported"),
            }));
        }
        if is_scp(source) {
            return git(source);
        }
        if let Some(address) = registry(source)? {
            return Ok(address);
        }
        match source.split('/').next() {
            Some(host @ ("github.com" | "bitbucket.org")) => shorthand(host, source),
            _ => bad("it is neither a folder (`./…`), nor an address that is known"),
        }
    }

    /// The address as it is meant. Servers of bundles give archives under any name, and registries of modules have no bundles.
    pub(super) fn meant_for(mut self, purpose: Purpose) -> Result<Self, FetchError> {
        if purpose == Purpose::Module {
            return Ok(self);
        }
        match &mut self.package {
            Package::Registry(_) => {
                let why = "it is neither a folder, an archive, nor an address that is known";
                return Err(FetchError::Address(why.to_owned()));
            }
            Package::Http(http) => http.format = http.format.or(Some(Format::TarGz)),
            Package::Git(_) | Package::Oci(_) => {}
        }
        Ok(self)
    }

    /// The package in words, without credentials: its key in the lock file.
    pub(super) fn key(&self) -> String {
        match &self.package {
            Package::Git(git) => {
                let reference = git.reference.as_ref().map(|name| format!("?ref={name}")).unwrap_or_default();
                format!("git::{}{reference}", secret::stripped(&git.url))
            }
            Package::Http(http) => secret::stripped(&http.url),
            Package::Oci(oci) => {
                let mark = if oci.reference.contains(':') { '@' } else { ':' };
                format!("oci://{}/{}{mark}{}", oci.host, oci.repository, oci.reference)
            }
            Package::Registry(registry) if registry.host == DEFAULT_REGISTRY => registry.name.clone(),
            Package::Registry(registry) => format!("{}/{}", registry.host, registry.name),
        }
    }

    /// The package as the files in it are shown: short, and without credentials.
    pub(super) fn shown(&self, version: Option<&str>) -> String {
        let key = self.key();
        let short = key.strip_prefix("git::").unwrap_or(&key);
        let short = short.strip_prefix("https://").unwrap_or(short);
        let (path, query) = short.split_once('?').unwrap_or((short, ""));
        let reference = query.strip_prefix("ref=").or(version);
        let path = path.strip_suffix(".git").unwrap_or(path);
        match reference {
            Some(reference) => format!("{path}@{reference}"),
            None => path.to_owned(),
        }
    }
}

/// `user@host:path`
fn is_scp(source: &str) -> bool {
    let Some((user, rest)) = source.split_once('@') else { return false };
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    word(user)
        && !user.starts_with('-')
        && rest
            .split_once(':')
            .is_some_and(|(host, path)| word(host) && !host.starts_with('-') && !path.is_empty())
}

/// Names and values after `?`, as they are written.
type Parameters<'s> = Vec<(&'s str, &'s str)>;

/// A source without its folder, the folder, and its parameters. The folder stands after the first `//` that is not the
/// one of the scheme.
fn split(source: &str) -> Result<(String, String, Parameters<'_>), FetchError> {
    let (path, query) = source.split_once('?').unwrap_or((source, ""));
    let after_scheme = path.find("://").map_or(0, |at| at + 3);
    let rest = path.get(after_scheme..).unwrap_or_default();
    let (package, inside) = match rest.find("//") {
        Some(at) => (path.get(..after_scheme + at), rest.get(at + 2..)),
        None => (Some(path), None),
    };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    Ok((package.unwrap_or_default().to_owned(), folder(inside.unwrap_or_default())?, parameters.collect()))
}

/// A folder inside a package, checked.
fn folder(text: &str) -> Result<String, FetchError> {
    let mut parts = Vec::new();
    for part in text.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." || part.contains('\\') {
            return Err(FetchError::Address(format!("folder `{text}` leads out of the package")));
        }
        parts.push(part);
    }
    Ok(parts.join("/"))
}

/// `org/repo` of a known host, perhaps with a folder after it.
fn shorthand(host: &str, source: &str) -> Result<Address, FetchError> {
    let (path, query) = source.split_once('?').unwrap_or((source, ""));
    let (path, after) = path.split_once("//").unwrap_or((path, ""));
    let mut parts = path.split('/').skip(1);
    let (Some(owner), Some(name)) = (parts.next(), parts.next().filter(|name| !name.is_empty())) else {
        return Err(FetchError::Address(format!(
            "`{host}` needs an owner and a repository after it: `{host}/owner/name`"
        )));
    };
    let name = name.strip_suffix(".git").unwrap_or(name);
    let inside = parts.chain([after]).collect::<Vec<_>>().join("/");
    git(&format!("https://{host}/{owner}/{name}.git//{inside}?{query}"))
}

fn git(source: &str) -> Result<Address, FetchError> {
    let bad = |why: String| Err(FetchError::Address(why));
    let known = source.split('/').next().filter(|host| matches!(*host, "github.com" | "bitbucket.org"));
    if let Some(host) = known {
        return shorthand(host, source);
    }
    let (url, folder, parameters) = split(source)?;
    let mut reference = None;
    for (name, value) in parameters {
        let value = secret::decoded(value);
        match name {
            "ref" => {
                let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
                if value.is_empty() || value.starts_with('-') || value.contains("..") || value.contains(odd) {
                    return bad(format!("`ref={value}` is not the name of a branch, tag or commit"));
                }
                reference = Some(value);
            }
            // No more than one commit is ever fetched, if the server can do that.
            "depth" if value.parse::<u32>().is_ok_and(|depth| depth > 0) => {}
            "depth" => return bad(format!("`depth={value}` is not a number from 1 on")),
            "sshkey" => return bad("`sshkey` is not taken: use an SSH agent or `GIT_SSH_COMMAND`".to_owned()),
            _ => return bad(format!("parameter `{name}` is not known: `ref` and `depth` are")),
        }
    }
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("https" | "ssh" | "file") => {}
        Some("http") if host_of(&url).is_some_and(is_loopback) => {}
        Some("http") => return bad("repositories are not fetched over plain HTTP: use `https://`".to_owned()),
        Some(other) => {
            return bad(format!("`git::{other}://` is not supported: `https`, `ssh` and `file` are"));
        }
        None if is_scp(&url) => {}
        None => {
            return bad(
                "after `git::` comes an address such as `https://host/path.git` or `git@host:path.git`"
                    .to_owned(),
            );
        }
    }
    if scheme.is_some_and(|scheme| scheme != "file") && host_of(&url).is_none_or(|host| host.starts_with('-'))
    {
        return bad("it has no host".to_owned());
    }
    Ok(Address { package: Package::Git(Git { url, reference }), folder })
}

fn http(source: &str) -> Result<Address, FetchError> {
    let (path, folder, parameters) = split(source)?;
    let mut format = None;
    let mut named = false;
    let mut checksum = None;
    let mut others = Vec::new();
    for (name, value) in parameters {
        match name {
            "archive" => (format, named) = (Format::of_parameter(value)?, true),
            "checksum" => checksum = Some(sha256(value)?),
            _ => others.push(if value.is_empty() { name.to_owned() } else { format!("{name}={value}") }),
        }
    }
    let host = host_of(&path);
    let Some(host) = host else { return Err(FetchError::Address("it has no host".to_owned())) };
    if !named {
        format = Format::of_name(&path)?;
    }
    if path.starts_with("http://") && !is_loopback(host) && checksum.is_none() {
        return Err(FetchError::Address(
            "plain HTTP is only read with a `?checksum=sha256:…`: use `https://`".to_owned(),
        ));
    }
    let url = if others.is_empty() { path } else { format!("{path}?{}", others.join("&")) };
    Ok(Address { package: Package::Http(Http { url, format, checksum }), folder })
}

/// The digits of `sha256:…`.
fn sha256(text: &str) -> Result<String, FetchError> {
    let digits = text.strip_prefix("sha256:").map(str::to_ascii_lowercase);
    let whole = |digits: &String| digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits
        .filter(whole)
        .ok_or_else(|| FetchError::Address("a checksum is `sha256:` and 64 hexadecimal digits".to_owned()))
}

fn oci(source: &str) -> Result<Address, FetchError> {
    let bad = |why: String| Err(FetchError::Address(why));
    let (path, folder, parameters) = split(source)?;
    let path = path.strip_prefix("oci://").unwrap_or(&path);
    let Some((host, rest)) = path.split_once('/') else {
        return bad("an OCI address is `oci://host/repository:tag`".to_owned());
    };
    let (repository, mut reference) = match rest.split_once('@') {
        Some((repository, digest)) => (repository, Some(digest.to_owned())),
        None => match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, None),
        },
    };
    for (name, value) in parameters {
        match name {
            "tag" | "digest" if reference.is_none() => reference = Some(secret::decoded(value)),
            "tag" | "digest" => return bad("it has more than one tag or digest".to_owned()),
            _ => return bad(format!("parameter `{name}` is not known: `tag` and `digest` are")),
        }
    }
    let reference = reference.unwrap_or_else(|| "latest".to_owned());
    if reference.contains(':') {
        sha256(&reference)?;
    }
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_tag = !reference.is_empty() && reference.len() <= 128 && reference.chars().all(tag);
    if !(is_tag || reference.starts_with("sha256:")) {
        return bad(format!("`{reference}` is neither a tag nor a digest"));
    }
    let part = |part: &str| !part.is_empty() && part.chars().all(lower) && !part.starts_with('.');
    if !repository.split('/').all(part) {
        return bad(format!(
            "`{repository}` is not the name of a repository: small letters, digits, `.`, `_`, `-`, `/`"
        ));
    }
    if !is_host(host) {
        return bad(format!("`{host}` is not a host"));
    }
    let reference = if reference.contains(':') { reference.to_ascii_lowercase() } else { reference };
    let oci = Oci { host: host.to_owned(), repository: repository.to_owned(), reference };
    Ok(Address { package: Package::Oci(oci), folder })
}

/// `[host/]namespace/name/provider[//folder]`
fn registry(source: &str) -> Result<Option<Address>, FetchError> {
    if source.contains('?') {
        return Ok(None);
    }
    let (name, inside) = source.split_once("//").unwrap_or((source, ""));
    let parts: Vec<_> = name.split('/').collect();
    let (host, parts) = match parts.as_slice() {
        [host, rest @ ..] if parts.len() == 4 && (host.contains(['.', ':']) || *host == "localhost") => {
            (*host, rest)
        }
        rest if parts.len() == 3 => (DEFAULT_REGISTRY, rest),
        _ => return Ok(None),
    };
    let word = |text: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        inner && text.len() <= 64 && edge(text.chars().next()) && edge(text.chars().next_back())
    };
    if matches!(host, "github.com" | "bitbucket.org")
        || !is_host(host)
        || !parts.iter().all(|part| word(part))
    {
        return Ok(None);
    }
    let package = Package::Registry(Registry { host: host.to_owned(), name: parts.join("/") });
    Ok(Some(Address { package, folder: folder(inside)? }))
}

fn is_host(host: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    !host.is_empty() && host.chars().all(name) && !host.starts_with('-')
}

/// The host of an address, without user and port.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => host.split(':').next()?,
    };
    Some(host).filter(|host| !host.is_empty())
}

/// Whether a host is this machine, by its name.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `https://host`, or `http://` for this machine.
pub(super) fn base_of(host: &str) -> String {
    let scheme = if host_of(host).is_some_and(is_loopback) { "http" } else { "https" };
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests;
