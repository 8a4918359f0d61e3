//! One key, of a block or of the environment.

use super::{IDENTITY, IDENTITY_FILE, PASSPHRASE};
use crate::diag::{Diagnostic, Diagnostics, Span, because, code};
use crate::lang::config::{EncryptionKey, Module};
use crate::lang::load::{self, Given};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::Value;
use mlo_state::seal::{
    Access, AgeKey, AssumeRole, DataKey, Identity, Key, KeyError, KeyName, KmsKey, KmsSettings,
    PassphraseKey, Random, Recipient, Scope, Wrapped, is_endpoint,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Shortest passphrase, in characters: fewer can be guessed whatever a guess costs.
const PASSPHRASE_CHARS_MIN: usize = 16;
/// Largest file of identities, in bytes.
const IDENTITIES_BYTES_MAX: u64 = 64 * 1024;
/// What is kept ready for it: reading probes with some bytes more.
const IDENTITIES_CAPACITY: usize = 65 * 1024;
/// The name of a key that the environment gives.
const OF_ENVIRONMENT: &str = "environment";

/// Makes keys of blocks.
pub(super) struct Maker<'m> {
    pub(super) module: &'m Module,
    pub(super) given: &'m Given,
}

impl Maker<'_> {
    pub(super) fn key(&self, block: &EncryptionKey) -> Result<Arc<dyn Key>, Diagnostics> {
        match kind_of(block) {
            "age" => self.age(block),
            "aws_kms" => self.aws_kms(block),
            _ => self.passphrase(block),
        }
    }

    fn passphrase(&self, block: &EncryptionKey) -> Result<Arc<dyn Key>, Diagnostics> {
        let label = block.name.name.clone();
        let passphrase = match self.text(block, "passphrase")? {
            Some((text, span)) => {
                check_passphrase(&text).map_err(|said| said.map(|error| error.at(span, "too short")))?;
                text
            }
            None => passphrase_for(&label)?.ok_or_else(|| {
                let summary = format!("key `passphrase.{label}` has no passphrase");
                let error = Diagnostic::error(code::state::BAD_KEY, summary).at(block.span, "");
                error.help(format!("set `{PASSPHRASE}`, or give `passphrase = var.…`"))
            })?,
        };
        Ok(Arc::new(PassphraseKey::new(label, passphrase)))
    }

    fn aws_kms(&self, block: &EncryptionKey) -> Result<Arc<dyn Key>, Diagnostics> {
        let label = block.name.name.clone();
        let text = |argument| {
            let found = self.text(block, argument)?.map(|(text, span)| (text.to_string(), span));
            Ok::<_, Diagnostics>(found.filter(|(text, _)| !text.is_empty()))
        };
        let (key_id, _) = text("kms_key_id")?.ok_or_else(|| {
            let summary = format!("key `aws_kms.{label}` does not say which key of KMS it is");
            let error = Diagnostic::error(code::state::BAD_KEY, summary).at(block.span, "no `kms_key_id`");
            error.help("give its id, its ARN, or an alias: `kms_key_id = \"alias/state\"`")
        })?;
        let endpoint = text("endpoint")?;
        if let Some((_, span)) = endpoint.as_ref().filter(|(url, _)| !is_endpoint(url)) {
            let summary =
                "`endpoint` of a key is an encrypted URL without credentials: keys go there in clear";
            let error = Diagnostic::error(code::state::BAD_KEY, summary).at(*span, "not one");
            let help = "write one such as `https://kms.example.org`; `http://` is for this machine alone, as in `http://127.0.0.1:4566`";
            return Err(error.help(help).into());
        }
        let own = |argument| Ok::<_, Diagnostics>(text(argument)?.map(|(text, _)| text));
        let assume_role = own("role_arn")?.map(|role_arn| AssumeRole { role_arn, ..AssumeRole::default() });
        let access = Access { region: own("region")?, profile: own("profile")?, assume_role };
        let endpoint = endpoint.map(|(url, _)| url);
        Ok(Arc::new(KmsKey::new(label, KmsSettings { key_id, access, endpoint })))
    }

    fn age(&self, block: &EncryptionKey) -> Result<Arc<dyn Key>, Diagnostics> {
        let label = block.name.name.clone();
        let identities = match self.text(block, "identities")? {
            Some((text, span)) => {
                let placed = |error: Diagnostic| error.at(span, "not identities of age");
                identities(&text).map_err(|said| said.map(placed))?
            }
            None => identities_of_environment()?.unwrap_or_default(),
        };
        Ok(Arc::new(AgeKey::new(label, self.recipients(block)?, identities)))
    }

    fn recipients(&self, block: &EncryptionKey) -> Result<Vec<Recipient>, Diagnostics> {
        let Some(expr) = block.arguments.get("recipients") else { return Ok(Vec::new()) };
        let value = self.value(expr)?;
        let recipient = |item: &Value| item.as_str().and_then(|text| text.parse::<Recipient>().ok());
        let all: Option<Vec<_>> =
            value.as_items().map(|items| items.iter().map(recipient).collect()).unwrap_or_default();
        all.filter(|all| !all.is_empty()).ok_or_else(|| {
            let error = Diagnostic::error(code::state::BAD_KEY, "not recipients of age").at(expr.span, "");
            error.help("write a list of public keys as `age-keygen` prints them: `[\"age1…\"]`").into()
        })
    }

    fn text(
        &self,
        block: &EncryptionKey,
        argument: &str,
    ) -> Result<Option<(Zeroizing<String>, Span)>, Diagnostics> {
        let Some(expr) = block.arguments.get(argument) else { return Ok(None) };
        let value = self.value(expr)?;
        if value.is_null() {
            return Ok(None);
        }
        let text = value.as_str().map(|text| (Zeroizing::new(text.to_owned()), expr.span));
        text.map(Some).ok_or_else(|| {
            let summary = format!("`{argument}` of a key is a text");
            Diagnostic::error(code::state::BAD_KEY, summary).at(expr.span, "none").into()
        })
    }

    fn value(&self, expr: &Expr) -> Result<Value, Diagnostics> {
        load::known_value(self.module, expr, self.given)
    }
}

/// The kind of a block's key, as headers have it.
fn kind_of(block: &EncryptionKey) -> &'static str {
    let known = ["age", "aws_kms"].into_iter().find(|kind| *kind == block.kind.name.as_ref());
    known.unwrap_or("passphrase")
}

fn check_passphrase(text: &str) -> Result<(), Diagnostics> {
    if text.chars().count() >= PASSPHRASE_CHARS_MIN {
        return Ok(());
    }
    let summary = format!("a passphrase has at least {PASSPHRASE_CHARS_MIN} characters");
    let error = Diagnostic::error(code::state::BAD_KEY, summary);
    Err(error.help("take several words, or `openssl rand -base64 24`").into())
}

/// A variable that is set, without a copy that would stay.
fn variable(name: &str) -> Result<Option<Zeroizing<String>>, Diagnostics> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(|text| Some(Zeroizing::new(text))).map_err(|bytes| {
        drop(Zeroizing::new(bytes.into_encoded_bytes()));
        let error = Diagnostic::error(code::state::BAD_KEY, format!("`{name}` is no text in UTF-8"));
        error.help("give one that every machine reads in the same way").into()
    })
}

/// The passphrase of a key, by its own variable or by the one for all.
fn passphrase_for(label: &str) -> Result<Option<Zeroizing<String>>, Diagnostics> {
    let own = format!("{PASSPHRASE}_{}", label.replace('-', "_").to_uppercase());
    for name in [own.as_str(), PASSPHRASE] {
        if let Some(text) = variable(name)? {
            let named = |error: Diagnostic| error.detail(format!("It is the one in `{name}`."));
            return check_passphrase(&text).map_err(|said| said.map(named)).map(|()| Some(text));
        }
    }
    Ok(None)
}

fn identities(text: &str) -> Result<Vec<Identity>, Diagnostics> {
    Identity::all(text).filter(|all| !all.is_empty()).ok_or_else(|| {
        let error = Diagnostic::error(code::state::BAD_KEY, "these are no identities of age");
        error.help("give what `age-keygen` prints: lines that begin with `AGE-SECRET-KEY-1`").into()
    })
}

/// Those that stand somewhere outside of the configuration.
fn placed(text: &str, place: &str) -> Result<Vec<Identity>, Diagnostics> {
    let named = |error: Diagnostic| error.detail(format!("They are those in `{place}`."));
    identities(text).map_err(|said| said.map(named))
}

fn identities_of_environment() -> Result<Option<Vec<Identity>>, Diagnostics> {
    if let Some(text) = variable(IDENTITY)? {
        return placed(&text, IDENTITY).map(Some);
    }
    let Some(path) = variable(IDENTITY_FILE)? else { return Ok(None) };
    let read = std::fs::File::open(path.as_str()).and_then(|file| {
        // As long as it can become: one that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(IDENTITIES_CAPACITY));
        std::io::Read::read_to_string(&mut std::io::Read::take(file, IDENTITIES_BYTES_MAX), &mut text)?;
        Ok(text)
    });
    let text = read.map_err(|error| {
        let summary = format!("`{}` cannot be read: {}", path.as_str(), because(&error));
        Diagnostic::error(code::state::BAD_KEY, summary).detail(format!("`{IDENTITY_FILE}` names it."))
    })?;
    placed(&text, &path).map(Some)
}

/// Keys of the environment, for a configuration that has none.
pub(super) fn from_environment() -> Result<Vec<Arc<dyn Key>>, Diagnostics> {
    let mut keys: Vec<Arc<dyn Key>> = Vec::new();
    if let Some(passphrase) = passphrase_for(OF_ENVIRONMENT)? {
        keys.push(Arc::new(PassphraseKey::new(OF_ENVIRONMENT, passphrase)));
    }
    if let Some(identities) = identities_of_environment()? {
        let recipients = identities.iter().map(Identity::recipient).collect();
        keys.push(Arc::new(AgeKey::new(OF_ENVIRONMENT, recipients, identities)));
    }
    Ok(keys)
}

/// A key that says when it is needed what it lacks.
struct Missing {
    name: KeyName,
    said: String,
}

/// The key of a block that cannot be made.
pub(super) fn missing(block: &EncryptionKey, said: &Diagnostics) -> Arc<dyn Key> {
    let kind = kind_of(block);
    let first = said.iter().next().map(|message| message.summary.clone());
    let said = first.unwrap_or_else(|| "it is not given".to_owned());
    Arc::new(Missing { name: KeyName { kind, label: block.name.name.clone() }, said })
}

impl Key for Missing {
    fn name(&self) -> KeyName {
        self.name.clone()
    }

    fn wrap(&self, _: &DataKey, _: &Scope, _: &Random) -> Result<Wrapped, KeyError> {
        Err(KeyError::Unusable { said: self.said.clone() })
    }

    fn is_secret(&self) -> bool {
        self.name.kind != "age"
    }

    fn unwrap(&self, wrapped: &Wrapped, _: &Scope) -> Result<DataKey, KeyError> {
        if wrapped.kind() == self.name.kind {
            Err(KeyError::Unusable { said: self.said.clone() })
        } else {
            Err(KeyError::Another)
        }
    }
}
