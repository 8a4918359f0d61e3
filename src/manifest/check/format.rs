//! Whether a string has the form that its field takes, and what would mend it.

use super::date;
use crate::manifest::schema::Format;

/// What is wrong with a string, beside that it is not of its form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What to do, where one can tell.
    pub(super) help: Option<String>,
}

impl Wrong {
    fn help(help: impl Into<String>) -> Self {
        Self { help: Some(help.into()) }
    }
}

/// Length of names and label values in bytes at most (RFC 1123, Kubernetes).
const LABEL_BYTES_MAX: usize = 63;
/// Length of an address in bytes at most: what S3 and browsers take.
const URI_BYTES_MAX: usize = 2_048;
/// Schemes of addresses.
const SCHEMES: &[&str] = &["s3", "file", "models", "oci", "https"];

/// Checks `text` against `format`.
pub(super) fn check(format: Format, text: &str) -> Result<(), Wrong> {
    let fits = match format {
        Format::Free => true,
        Format::Filled => !text.trim().is_empty(),
        Format::DnsLabel => return dns_label(text),
        Format::LabelValue => text.is_empty() || is_label(text),
        Format::SemVer => return semver(text),
        Format::Uri => return uri(text),
        Format::Sha256 => return sha256(text),
        Format::Date => return day(text),
        Format::DateOrTime => return day(text).or_else(|wrong| if time(text) { Ok(()) } else { Err(wrong) }),
        Format::Duration => return duration(text),
        Format::Cron => super::cron::is_cron(text),
        Format::HttpPath => text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()),
        Format::RelativePath => return relative_path(text),
    };
    if fits { Ok(()) } else { Err(Wrong::default()) }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= LABEL_BYTES_MAX
        && !text.is_empty()
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn dns_label(text: &str) -> Result<(), Wrong> {
    if is_dns_label(text) {
        return Ok(());
    }
    if !text.is_ascii() {
        return Err(Wrong::default());
    }
    let mut mended: String = text
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(LABEL_BYTES_MAX)
        .collect();
    mended = mended.trim_matches('-').to_owned();
    Err(if is_dns_label(&mended) { Wrong::help(format!("for example `{mended}`")) } else { Wrong::default() })
}

/// A Kubernetes label's value, or the name of its key: not empty.
pub(super) fn is_label(text: &str) -> bool {
    let at_ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LABEL_BYTES_MAX
        && text.starts_with(at_ends)
        && text.ends_with(at_ends)
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The key of a label or annotation: a name, with a DNS name and a slash before it or not.
pub(super) fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_label(key),
        Some((prefix, name)) => prefix.len() <= 253 && prefix.split('.').all(is_dns_label) && is_label(name),
    }
}

/// Source: <https://semver.org/spec/v2.0.0.html>, items 2, 9 and 10.
fn is_semver(text: &str) -> bool {
    let (rest, build) = split_some(text, '+');
    let (core, pre) = split_some(rest, '-');
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let pre_word = |part: &str| word(part) && (!part.bytes().all(|b| b.is_ascii_digit()) || number(part));
    text.len() <= 128
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_word))
        && build.is_none_or(|build| build.split('.').all(word))
}

fn split_some(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn semver(text: &str) -> Result<(), Wrong> {
    if is_semver(text) {
        return Ok(());
    }
    let bare = text.trim().trim_start_matches(['v', 'V']);
    let candidates = [bare.to_owned(), format!("{bare}.0"), format!("{bare}.0.0")];
    let mended = candidates.into_iter().find(|candidate| is_semver(candidate));
    Err(mended.map_or_else(Wrong::default, |mended| Wrong::help(format!("write `\"{mended}\"`"))))
}

fn uri(text: &str) -> Result<(), Wrong> {
    if text.is_empty() || text.len() > URI_BYTES_MAX || text.contains(char::is_control) || text.trim() != text
    {
        return Err(Wrong::default());
    }
    // A single letter before the colon is a Windows drive.
    let scheme = text.split_once(':').filter(|(scheme, _)| {
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let Some((scheme, rest)) = scheme else { return Ok(()) };
    let lower = scheme.to_ascii_lowercase();
    if lower == "http" {
        return Err(Wrong::help("use `https://`: over `http` anyone on the way can change the model"));
    }
    if !SCHEMES.contains(&lower.as_str()) {
        return Err(crate::diag::nearest(&lower, SCHEMES.iter().copied())
            .map_or_else(Wrong::default, |near| Wrong::help(format!("did you mean `{near}:`?"))));
    }
    if scheme != lower {
        return Err(Wrong::help(format!("write the scheme in small letters: `{lower}:`")));
    }
    after_scheme(&lower, rest)
}

fn after_scheme(scheme: &str, rest: &str) -> Result<(), Wrong> {
    let host =
        |rest: &str| rest.strip_prefix("//").and_then(|rest| rest.split('/').next().map(str::to_owned));
    match scheme {
        "file" if rest.trim_matches('/').is_empty() => Err(Wrong::help("write a path after `file:`")),
        "s3" if host(rest).is_none_or(|bucket| bucket.is_empty()) => {
            Err(Wrong::help("write `s3://bucket/prefix`"))
        }
        "https" | "oci" if host(rest).is_some_and(|host| host.contains('@')) && scheme == "https" => {
            Err(Wrong::help("take the user name and password out of the address"))
        }
        "https" if host(rest).is_none_or(|host| host.is_empty()) => {
            Err(Wrong::help("write `https://host/path`"))
        }
        "oci" => match rest.split_once('@') {
            _ if !rest.starts_with("//") || rest.starts_with("///") => {
                Err(Wrong::help("write `oci://registry/repository@sha256:…`"))
            }
            Some((_, digest)) if sha256(digest).is_ok() && digest.starts_with("sha256:") => Ok(()),
            _ => Err(Wrong::help(
                "name the artifact by its digest, `oci://registry/repository@sha256:…`; a tag can move",
            )),
        },
        "models" => {
            let parts: Vec<_> = rest.trim_start_matches('/').split('/').collect();
            let named = rest.starts_with('/') && !rest.starts_with("//");
            match parts.as_slice() {
                [name, version] if named && !name.is_empty() && !version.is_empty() => Ok(()),
                _ => Err(Wrong::help("write `models:/name/version-or-alias`")),
            }
        }
        _ => Ok(()),
    }
}

fn sha256(text: &str) -> Result<(), Wrong> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let hexadecimal = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match (hexadecimal, digits.bytes().any(|b| b.is_ascii_uppercase())) {
        (true, false) => Ok(()),
        (true, true) => Err(Wrong::help("write it in small letters")),
        (false, _) => Err(Wrong::help(format!(
            "this has {} characters instead of 64 hexadecimal digits",
            digits.chars().count()
        ))
        .unless(digits.len() == 64)),
    }
}

impl Wrong {
    fn unless(self, not: bool) -> Self {
        if not { Self::default() } else { self }
    }
}

fn day(text: &str) -> Result<(), Wrong> {
    match date::parse(text) {
        Ok(()) => Ok(()),
        Err(date::Problem::Form) => Err(Wrong::default()),
        Err(date::Problem::Month) => Err(Wrong::help("months are `01` to `12`")),
        Err(date::Problem::Day { days }) => Err(Wrong::help(format!("that month has {days} days"))),
    }
}

fn time(text: &str) -> bool {
    let Some((day, _)) = text.split_once(['T', 't', ' ']) else { return false };
    date::parse(day).is_ok() && text.parse::<jiff::Timestamp>().is_ok()
}

fn duration(text: &str) -> Result<(), Wrong> {
    match super::amount::milliseconds(text) {
        Some(0.0) => Err(Wrong::help("it must be more than nothing")),
        Some(_) => Ok(()),
        None if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => {
            Err(Wrong::help(format!("add a unit: `{text}s` for seconds, `{text}m` for minutes")))
        }
        None => Err(Wrong::default()),
    }
}

fn relative_path(text: &str) -> Result<(), Wrong> {
    let path = text.split('#').next().unwrap_or(text);
    if path.is_empty() || text.contains(char::is_control) {
        return Err(Wrong::default());
    }
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\']) || drive {
        return Err(Wrong::help("write it relative to the project"));
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return Err(Wrong::help("it cannot leave the project by `..`"));
    }
    Ok(())
}
