//! The arguments of a service, checked.

use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::{Path as ValuePath, Type, Value, to_json};
use crate::provider::ProviderError;
use crate::provider::object::{attribute, text};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a service listens if nothing else is said: this machine alone can reach it.
pub(super) const HOST: &str = "127.0.0.1";
/// How long a server may take to be ready if nothing else is said: loading a model of a gigabyte takes some seconds.
pub(super) const READY_TIMEOUT: &str = "60s";
/// The longest that a server may take to be ready. Longer is a mistake in the unit.
const READY_TIMEOUT_MAX: Duration = Duration::from_hours(1);
/// Characters of a name, version, framework or label at most: what the server takes.
const NAME_CHARS_MAX: usize = 253;

/// What to serve, and how. Only arguments; nothing that the server decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) name: String,
    /// Absolute.
    pub(super) model: PathBuf,
    /// `sha256:` and 64 digits; what the server must report.
    pub(super) digest: Option<String>,
    pub(super) version: Option<String>,
    pub(super) framework: Option<String>,
    pub(super) labels: Vec<String>,
    /// A JSON object of numbers.
    pub(super) metrics: Option<String>,
    pub(super) host: IpAddr,
    /// Nothing if any will do.
    pub(super) port: Option<u16>,
    pub(super) ready_timeout: Duration,
    pub(super) environment: BTreeMap<String, String>,
    /// Absolute.
    pub(super) onnxruntime: Option<PathBuf>,
    /// Values that must not be shown, where the log is quoted.
    pub(super) secrets: Vec<String>,
}

impl Spec {
    /// The arguments of an object; what is null or unknown counts as not given, but for what is required.
    ///
    /// # Errors
    /// If an argument is missing or not usable; names it.
    pub(super) fn of(object: &Value, project: &Path) -> Result<Self, ProviderError> {
        check(object)?;
        let required = |name| {
            text(object, name).ok_or_else(|| {
                ProviderError::permanent(format!("`{name}` is not known")).at(ValuePath::root().name(name))
            })
        };
        let owned = |name| text(object, name).map(str::to_owned);
        let metrics = attribute(object, "metrics");
        let metrics = (!metrics.is_null()).then(|| to_json(&metrics, &Type::map(Type::Number)));
        Ok(Self {
            name: required("name")?.to_owned(),
            model: project.join(required("model")?),
            digest: owned("digest"),
            version: owned("model_version"),
            framework: owned("framework"),
            labels: labels(object).map(str::to_owned).collect(),
            metrics: metrics.and_then(Result::ok).map(|json| json.to_string()),
            host: text(object, "host").and_then(host).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: attribute(object, "port").as_number().and_then(port),
            ready_timeout: text(object, "ready_timeout")
                .or(Some(READY_TIMEOUT))
                .and_then(duration)
                .unwrap_or(READY_TIMEOUT_MAX),
            environment: environment(object)
                .map(|(name, value)| (name.to_owned(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            onnxruntime: text(object, "onnxruntime").map(|path| project.join(path)),
            secrets: secrets(object),
        })
    }

    /// How messages name it: `iris 1.0.0`.
    pub(super) fn title(&self) -> String {
        self.version.as_ref().map_or_else(|| self.name.clone(), |version| format!("{} {version}", self.name))
    }
}

fn labels(object: &Value) -> impl Iterator<Item = &str> {
    let labels = object.get("labels").and_then(Value::as_items).unwrap_or_default();
    labels.iter().filter_map(Value::as_str)
}

fn figures(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.get("metrics").and_then(Value::as_entries);
    entries.into_iter().flatten().map(|(name, figure)| (name.as_ref(), figure))
}

fn environment(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = object.get("environment").and_then(Value::as_entries);
    entries.into_iter().flatten().map(|(name, value)| (name.as_ref(), value))
}

fn secrets(object: &Value) -> Vec<String> {
    let whole = object.get("environment").is_some_and(|map| map.marks().is_sensitive());
    environment(object)
        .filter(|(_, value)| whole || value.marks().is_sensitive())
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect()
}

/// What can be said of the arguments before anything is read; unknown ones pass.
///
/// # Errors
/// If one is not usable; names it and says what would be.
pub(super) fn check(object: &Value) -> Result<(), ProviderError> {
    for name in ["name", "model", "model_version", "framework", "onnxruntime"] {
        if let Some(given) = text(object, name) {
            check_text(name, given)?;
        }
    }
    for label in labels(object) {
        check_text("labels", label)?;
    }
    check_parsed(object, "digest", digest, "write `sha256:` and 64 hexadecimal digits in lower case")?;
    check_parsed(object, "host", host, "write an IP address, such as 127.0.0.1 or 0.0.0.0")?;
    check_parsed(object, "ready_timeout", duration, "write a duration from 1s to 1h, such as 90s or 5m")?;
    if let Some(number) = attribute(object, "port").as_number()
        && port(number).is_none()
    {
        let error = wrong("port", &format!("{number} is not a port"));
        return Err(error.help("write a whole number from 1 to 65535, or leave it out for one that is free"));
    }
    if let Some((name, _)) = figures(object).find(|(_, figure)| figure.is_null()) {
        return Err(wrong("metrics", &format!("{name:?} is null")).help("leave out what was not measured"));
    }
    for (name, value) in environment(object) {
        let named = !name.is_empty() && !name.contains(['=', '\0']);
        if !named || value.as_str().is_some_and(|value| value.contains('\0')) || value.is_null() {
            let error =
                wrong("environment", &format!("{name:?} is not a variable that a program can be given"));
            return Err(error.help("a name has no `=`, a value is not null, and neither holds a NUL"));
        }
    }
    Ok(())
}

fn check_text(name: &str, given: &str) -> Result<(), ProviderError> {
    let path = matches!(name, "model" | "onnxruntime");
    if given.is_empty() {
        Err(wrong(name, "an empty text is not usable"))
    } else if given.contains('\0') || !path && given.chars().any(char::is_control) {
        Err(wrong(name, &format!("{given:?} holds a control character")))
    } else if !path && given.chars().count() > NAME_CHARS_MAX {
        Err(wrong(name, &format!("it has more than {NAME_CHARS_MAX} characters")))
    } else {
        Ok(())
    }
}

fn check_parsed<T>(
    object: &Value,
    name: &str,
    parse: fn(&str) -> Option<T>,
    help: &str,
) -> Result<(), ProviderError> {
    match text(object, name) {
        Some(given) if parse(given).is_none() => {
            Err(wrong(name, &format!("{given:?} is not usable")).help(help))
        }
        _ => Ok(()),
    }
}

fn wrong(name: &str, what: &str) -> ProviderError {
    ProviderError::permanent(format!("`{name}`: {what}")).code(&ARGUMENT).at(ValuePath::root().name(name))
}

/// An IP address, or `localhost`.
pub(super) fn host(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
}

/// A port that can be asked for.
pub(super) fn port(number: &crate::lang::value::Number) -> Option<u16> {
    number.as_i64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

fn digest(text: &str) -> Option<()> {
    let digits = text.strip_prefix("sha256:")?;
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == 64 && digits.bytes().all(hexadecimal)).then_some(())
}

/// A duration from one second to [`READY_TIMEOUT_MAX`], such as `90s` or `1m 30s`.
fn duration(text: &str) -> Option<Duration> {
    let duration = Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok()?;
    (Duration::from_secs(1)..=READY_TIMEOUT_MAX).contains(&duration).then_some(duration)
}
