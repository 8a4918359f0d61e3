//! The settings of a `backend` block: by name, from the block and from the command line.

use super::Backend;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::config::StatePlace;
use crate::lang::eval::{AttributeSchema, BlockSchema, decode};
use crate::lang::load;
use crate::lang::syntax::ast::Body;
use crate::lang::value::{Type, Value};
use crate::plan::Constant;
use mlo_state::s3::{AssumeRole, BucketSettings};
use std::collections::BTreeMap;
use std::path::Path;

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    /// A flag of Terraform's that has nothing to do here.
    Idle,
    /// Not set in a configuration, for this reason.
    Refused(&'static str),
}

const CREDENTIALS: &str = "credentials do not belong into a configuration: give `profile`, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where a role is at hand";
const LOCK: &str = "take it out: the lock lies beside the state in the bucket";

/// Settings of `backend "local"`.
const LOCAL: &[(&str, Kind)] = &[("path", Kind::Text)];

/// Settings of `backend "s3"`, as Terraform has them; those after a dot are in an object.
const S3: &[(&str, Kind)] = &[
    ("bucket", Kind::Text),
    ("key", Kind::Text),
    ("region", Kind::Text),
    ("endpoints.s3", Kind::Text),
    ("endpoint", Kind::Text),
    ("profile", Kind::Text),
    ("assume_role.role_arn", Kind::Text),
    ("assume_role.external_id", Kind::Text),
    ("assume_role.session_name", Kind::Text),
    ("use_path_style", Kind::Flag),
    ("force_path_style", Kind::Flag),
    ("encrypt", Kind::Flag),
    ("kms_key_id", Kind::Text),
    ("expected_bucket_owner", Kind::Text),
    ("skip_s3_checksum", Kind::Flag),
    ("use_lockfile", Kind::Idle),
    ("skip_credentials_validation", Kind::Idle),
    ("skip_metadata_api_check", Kind::Idle),
    ("skip_region_validation", Kind::Idle),
    ("skip_requesting_account_id", Kind::Idle),
    ("access_key", Kind::Refused(CREDENTIALS)),
    ("secret_key", Kind::Refused(CREDENTIALS)),
    ("token", Kind::Refused(CREDENTIALS)),
    ("dynamodb_table", Kind::Refused(LOCK)),
    ("dynamodb_endpoint", Kind::Refused(LOCK)),
    ("workspace_key_prefix", Kind::Refused("take it out: each environment has its state below `key`")),
];

/// How the keys of Terraform's workspaces begin, unless it is said.
const WORKSPACES: &str = "env:";

/// A setting of the command line, or of a file that is named there.
pub(super) struct Given {
    name: String,
    value: String,
    /// Where it was given, in words.
    at: String,
}

/// Settings by name.
pub(super) struct Settings {
    /// The block, if there is one, and its header.
    block: Option<(Body, Span)>,
    found: BTreeMap<&'static str, String>,
}

/// What `--backend-config` gives: `name=value`, or a file of such lines.
pub(super) fn given(options: &[String]) -> Result<Vec<Given>, Diagnostics> {
    let mut all = Vec::new();
    for option in options {
        match option.split_once('=') {
            Some((name, value)) => all.push(Given {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
                at: format!("`--backend-config {}`", name.trim()),
            }),
            None => all.extend(of_file(Path::new(option))?),
        }
    }
    Ok(all)
}

fn of_file(file: &Path) -> Result<Vec<Given>, Diagnostics> {
    let shown = file.display().to_string();
    let mut sources = SourceMap::new();
    let wrong = |messages: Diagnostics| {
        let first = messages.into_iter().next().map(|message| message.summary).unwrap_or_default();
        Diagnostics::from(
            Diagnostic::error(code::state::BACKEND, format!("`--backend-config {shown}`: {first}"))
                .help("give `name=value`, or a file of lines `name = \"value\"`"),
        )
    };
    let body = load::read_body(file, &shown, &mut sources).map_err(wrong)?;
    let mut schema = BlockSchema::new();
    for attribute in body.attributes() {
        schema = schema.attribute(&attribute.name.name, AttributeSchema::optional(Type::Any));
    }
    let value = decode(&body, &schema, &Constant).map_err(wrong)?;
    let mut all = Vec::new();
    flatten("", &value, &mut all);
    let at = format!("`--backend-config {shown}`");
    Ok(all.into_iter().map(|(name, value)| Given { name, value, at: at.clone() }).collect())
}

/// The texts and flags in a value, by their paths.
fn flatten(path: &str, value: &Value, all: &mut Vec<(String, String)>) {
    if let Some(entries) = value.as_entries() {
        for (name, value) in entries {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            flatten(&path, value, all);
        }
    } else if let Some(text) = value.as_str() {
        all.push((path.to_owned(), text.to_owned()));
    } else if let Some(flag) = value.as_bool() {
        all.push((path.to_owned(), flag.to_string()));
    } else if !value.is_null() {
        // Neither is what any setting is: it is refused by its name.
        all.push((path.to_owned(), String::new()));
    }
}

impl Settings {
    /// The settings of a block, with those of the command line over them.
    ///
    /// # Errors
    /// All that are unknown, refused, or not of their kind.
    pub(super) fn read(block: &StatePlace, given: Vec<Given>) -> Result<Self, Diagnostics> {
        let kind = block.kind.name.as_ref();
        let known = match kind {
            "local" => LOCAL,
            "s3" => S3,
            _ => {
                let summary = format!("there is no backend `{kind}`");
                let error = Diagnostic::error(code::state::BACKEND, summary).at(block.kind.span, "unknown");
                let error = error.did_you_mean(kind, ["local", "s3"]);
                return Err(error.help("state is kept in a folder (`local`) or in a bucket (`s3`)").into());
            }
        };
        let value = decode(&block.body, &schema(known), &Constant)?;
        let mut settings = Self { block: Some((block.body.clone(), block.span)), found: BTreeMap::new() };
        let mut messages = Diagnostics::new();
        let mut all = Vec::new();
        flatten("", &value, &mut all);
        for (name, value) in all {
            if let Err(error) = settings.add(known, &name, value) {
                let refused =
                    known.iter().any(|(known, kind)| *known == name && matches!(kind, Kind::Refused(_)));
                // The line of a credential is not shown.
                let placed =
                    if refused { error.at(block.span, "in this block") } else { settings.at(&name, *error) };
                messages.push(placed);
            }
        }
        for Given { name, value, at } in given {
            if let Err(error) = settings.add(known, &name, value) {
                messages.push(error.detail(format!("It is given by {at}.")));
            }
        }
        if messages.has_errors() { Err(messages) } else { Ok(settings) }
    }

    /// The settings of `s3` that are written behind the `?` of a place.
    pub(super) fn of_query(pairs: Vec<(String, String)>) -> Result<Self, Box<Diagnostic>> {
        let mut settings = Self { block: None, found: BTreeMap::new() };
        for (name, value) in pairs {
            settings.add(S3, &name, value)?;
        }
        Ok(settings)
    }

    /// The settings of Terraform's `s3` where it is only read from, and how the keys of workspaces begin.
    pub(super) fn of_value(config: &Value) -> Result<(Self, String), Diagnostics> {
        let (mut settings, mut messages) = (Self { block: None, found: BTreeMap::new() }, Diagnostics::new());
        let (mut all, mut prefix) = (Vec::new(), WORKSPACES.to_owned());
        flatten("", config, &mut all);
        for (name, value) in all {
            match name.as_str() {
                "workspace_key_prefix" => prefix = value,
                // Who only reads takes no lock.
                "dynamodb_table" | "dynamodb_endpoint" => {}
                _ => settings.add(S3, &name, value).err().into_iter().for_each(|error| messages.push(*error)),
            }
        }
        messages.into_result((settings, prefix)).map(|(found, _)| found)
    }

    fn add(
        &mut self,
        known: &[(&'static str, Kind)],
        name: &str,
        value: String,
    ) -> Result<(), Box<Diagnostic>> {
        let wrong = |summary: String| Diagnostic::error(code::state::BACKEND, summary);
        let Some((name, kind)) = known.iter().find(|(known, _)| *known == name) else {
            let error = wrong(format!("this backend has no setting `{name}`"));
            return Err(Box::new(error.did_you_mean(name, known.iter().map(|(known, _)| *known))));
        };
        match kind {
            Kind::Refused(why) => {
                return Err(Box::new(wrong(format!("`{name}` is not set here")).help(*why)));
            }
            Kind::Flag | Kind::Idle if !matches!(value.as_str(), "true" | "false") => {
                return Err(Box::new(wrong(format!("`{name}` must be `true` or `false`"))));
            }
            Kind::Text if value.is_empty() || value.chars().any(char::is_control) => {
                return Err(Box::new(wrong(format!("`{name}` must be a text"))));
            }
            Kind::Text | Kind::Flag | Kind::Idle => {}
        }
        self.found.insert(name, value);
        Ok(())
    }

    /// An error at the place of a setting in the block.
    fn at(&self, name: &str, error: Diagnostic) -> Diagnostic {
        let top = name.split('.').next().unwrap_or(name);
        let Some((body, header)) = &self.block else { return error };
        let found = body.attributes().find(|attribute| attribute.name.name.as_ref() == top);
        error.at(found.map_or(*header, |attribute| attribute.value.span), "")
    }

    /// An error about a setting.
    pub(super) fn wrong(&self, name: &str, summary: &str) -> Diagnostic {
        self.at(name, Diagnostic::error(code::state::BACKEND, summary))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.found.get(name).map(String::as_str)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The bucket and the key that the settings name.
    pub(super) fn bucket(&self) -> Result<Backend, Diagnostics> {
        let mut messages = Diagnostics::new();
        for name in ["bucket", "key"] {
            if self.text(name).is_none() {
                let error = self.wrong(name, &format!("backend `s3` has no `{name}`"));
                messages.push(
                    error.help(format!("write it into the block, or give `--backend-config {name}=…`")),
                );
            }
        }
        let endpoint = self.owned("endpoints.s3").or_else(|| self.owned("endpoint"));
        let name = if self.found.contains_key("endpoints.s3") { "endpoints.s3" } else { "endpoint" };
        if endpoint.as_deref().is_some_and(has_credentials) {
            // What it says is not repeated, and the place is written down where others read it.
            let summary = format!("`{name}` holds a user's name or password");
            let error = Diagnostic::error(code::state::BACKEND, summary);
            messages.push(error.help(
                "leave out what stands before the `@`: credentials come from the environment or from a profile",
            ));
        } else if let Some(url) =
            endpoint.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            messages.push(
                self.wrong(name, &format!("`{url}` is no URL: it begins with `https://` or `http://`")),
            );
        }
        if let Some(key) = self.text("key").filter(|key| !is_key(key)) {
            messages.push(
                self.wrong("key", &format!("`{key}` is no key: it is made of names between single `/`")),
            );
        }
        if messages.has_errors() {
            return Err(messages);
        }
        let assume_role = self.owned("assume_role.role_arn").map(|role_arn| AssumeRole {
            role_arn,
            external_id: self.owned("assume_role.external_id"),
            session_name: self.owned("assume_role.session_name"),
        });
        let bucket = BucketSettings {
            bucket: self.owned("bucket").unwrap_or_default(),
            region: self.owned("region"),
            endpoint,
            profile: self.owned("profile"),
            assume_role,
            use_path_style: self.flag("use_path_style") || self.flag("force_path_style"),
            encrypt: self.flag("encrypt"),
            kms_key_id: self.owned("kms_key_id"),
            expected_bucket_owner: self.owned("expected_bucket_owner"),
            skip_s3_checksum: self.flag("skip_s3_checksum"),
        };
        Ok(Backend::S3 { bucket: Box::new(bucket), key: self.owned("key").unwrap_or_default() })
    }
}

/// Whether a URL has a user's name or password in it.
fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@')
}

/// Whether objects can lie below a key: no empty part, none that a path would swallow.
fn is_key(key: &str) -> bool {
    key.len() <= 512 && key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn schema(known: &[(&'static str, Kind)]) -> BlockSchema {
    known.iter().fold(BlockSchema::new(), |schema, (name, _)| {
        let top = name.split('.').next().unwrap_or(name);
        schema.attribute(top, AttributeSchema::optional(Type::Any))
    })
}
