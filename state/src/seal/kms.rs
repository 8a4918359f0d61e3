//! A key of AWS KMS: it never leaves the service, which wraps data keys with it and unwraps them.
//!
//! In: a data key, or what the service made of one. Out: the other. Never: a call without the encryption context that binds
//! what is wrapped to this program; a data key unwrapped by another key than the configured one, whatever a header says; a
//! credential in a message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mlo_aws::{Access, Account, CallError, Service};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Random;
use super::header::Scope;
use super::key::{DataKey, Key, KeyError, KeyName, Wrapped, decode, encode, filled};

/// What every call says beside the data key; what the data key is for comes after it, each name behind `mlo-`. The service's
/// log shows it, and a policy of the key can ask for it.
const CONTEXT: (&str, &str) = ("mlo", "data key");

/// Bytes of a question: a data key, a context, the name of a key.
const QUESTION_BYTES: usize = 4096;

/// Data keys that are kept once they were unwrapped: a state is read more than once in a run.
const KEPT_MAX: usize = 256;

/// Which key it is, and who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsSettings {
    /// Its id, its ARN, or an alias: `alias/state`.
    pub key_id: String,
    /// Who asks, and in which region; by default that of the key's ARN.
    pub access: Access,
    /// The URL of a service that speaks as KMS does.
    pub endpoint: Option<String>,
}

/// A key of AWS KMS.
pub struct KmsKey {
    label: Arc<str>,
    settings: KmsSettings,
    /// Id and secret of a key, if they are not those that AWS's tools would take.
    keys: Option<(String, String)>,
    /// Who asks, once somebody did.
    account: Mutex<Option<Arc<Account>>>,
    /// What was unwrapped already.
    unwrapped: Mutex<Unwrapped>,
}

/// Data keys by what they were wrapped as, and for what.
type Unwrapped = BTreeMap<(String, Scope), Zeroizing<[u8; 32]>>;

/// What the service is asked.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'a> {
    key_id: &'a str,
    encryption_context: BTreeMap<String, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
}

/// What it answers. A data key in it is wiped by who takes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    key_id: String,
    plaintext: String,
    ciphertext_blob: String,
}

impl KmsKey {
    /// The key that the configuration calls `label`. Credentials come from where AWS's tools take them.
    pub fn new(label: impl Into<Arc<str>>, settings: KmsSettings) -> Self {
        let (account, unwrapped) = (Mutex::default(), Mutex::default());
        Self { label: label.into(), settings, keys: None, account, unwrapped }
    }

    /// The same with credentials of its own: how tests come to a server of theirs.
    #[must_use]
    pub fn with_keys(self, id: &str, secret: &str) -> Self {
        Self { keys: Some((id.to_owned(), secret.to_owned())), ..self }
    }

    /// Makes a call. Who seals is not asynchronous, and may be within a runtime already: it waits on a thread of its own.
    fn call(&self, action: &'static str, question: &Question<'_>) -> Result<Answer, KeyError> {
        let unusable = |said: String| KeyError::Unusable { said };
        let mut body = Zeroizing::new(Vec::with_capacity(QUESTION_BYTES));
        serde_json::to_writer(&mut *body, question).expect("texts can be written");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| unusable(format!("KMS cannot be asked: {error}")))?;
                runtime.block_on(self.ask(action, &body)).map_err(|error| self.failed(action, error))
            });
            let answer = thread.join().unwrap_or_else(|_| Err(unusable("KMS cannot be asked".to_owned())))?;
            serde_json::from_slice(&answer).map_err(|_| unusable("KMS answered with nothing".to_owned()))
        })
    }

    async fn ask(&self, action: &str, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let account = self.account().await;
        let service = Service::new(&account, ("kms", "KMS"), self.settings.endpoint.as_deref())?;
        service.json(&format!("TrentService.{action}"), body).await
    }

    /// A question about something that is wrapped for a scope.
    fn question<'a>(&'a self, scope: &'a Scope) -> Question<'a> {
        let scope = scope.pairs().map(|(name, value)| (format!("mlo-{name}"), value));
        let encryption_context = scope.chain([(CONTEXT.0.to_owned(), CONTEXT.1)]).collect();
        let key_id = &self.settings.key_id;
        Question { key_id, encryption_context, plaintext: None, ciphertext_blob: None }
    }

    /// Whether the configuration names what leads to a key at present, and not the key itself.
    fn is_alias(&self) -> bool {
        self.settings.key_id.contains("alias/")
    }

    /// Whether the key with this ARN is the one that is configured. Where an alias leads, the service says.
    fn is_this(&self, arn: &str) -> bool {
        let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        self.is_alias() || id(arn) == id(&self.settings.key_id)
    }

    /// That another key wrapped a data key.
    fn another(&self, arn: &str) -> KeyError {
        let key = &self.settings.key_id;
        let is_arn =
            arn.starts_with("arn:") && arn.len() < 200 && arn.bytes().all(|byte| byte.is_ascii_graphic());
        let said = if self.is_alias() && is_arn {
            format!(
                "the key that {key} leads to now did not wrap it: its header names {arn}; if you know that one, configure it as a second key"
            )
        } else {
            format!("the key {key} of KMS did not wrap it, or for something else")
        };
        KeyError::Refused { said }
    }

    async fn account(&self) -> Arc<Account> {
        let known = || self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known().clone() {
            return account;
        }
        let KmsSettings { key_id, access, endpoint } = &self.settings;
        let of_arn = || key_id.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
        let access = Access { region: access.region.clone().or_else(of_arn), ..access.clone() };
        let config = access.configure(self.keys.as_ref(), endpoint.is_some()).await;
        let account = Arc::new(Account::new(config));
        known().insert(account).clone()
    }

    /// What is said of a call that failed. `action` is what a policy calls it.
    fn failed(&self, action: &str, error: CallError) -> KeyError {
        let key = &self.settings.key_id;
        let said = match error {
            CallError::NoRegion => format!("the region of the key {key} is not known: set `region`"),
            CallError::NoCredentials { .. }
            | CallError::Unmade { .. }
            | CallError::Unencrypted { .. }
            | CallError::Unanswered { .. } => format!("KMS cannot be asked: {error}"),
            CallError::Refused { code, message, status } => match code.as_str() {
                "IncorrectKeyException" | "InvalidCiphertextException" => return self.another(""),
                "AccessDeniedException" => {
                    format!("`kms:{action}` is not allowed on the key {key}: {message}")
                }
                "DisabledException" => format!("the key {key} is disabled in KMS"),
                "KMSInvalidStateException" => format!("the key {key} cannot be used as it is: {message}"),
                "NotFoundException" => format!(
                    "there is no key {key} in this region of this account: look at `kms_key_id` and `region`"
                ),
                "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidSignatureException" => {
                    format!("KMS does not take the credentials ({code}): {message}")
                }
                _ => format!("KMS refused: {message} ({status} {code})"),
            },
        };
        KeyError::Unusable { said }
    }
}

impl Key for KmsKey {
    fn name(&self) -> KeyName {
        KeyName { kind: "aws_kms", label: self.label.clone() }
    }

    fn wrap(&self, data_key: &DataKey, scope: &Scope, _: &Random) -> Result<Wrapped, KeyError> {
        let clear = Zeroizing::new(encode(data_key.bytes()));
        let question = Question { plaintext: Some(&clear), ..self.question(scope) };
        let Answer { key_id: key_arn, ciphertext_blob: data_key, .. } = self.call("Encrypt", &question)?;
        if key_arn.is_empty() || data_key.is_empty() {
            return Err(KeyError::Unusable { said: "KMS answered with nothing".to_owned() });
        }
        if !self.is_this(&key_arn) {
            let said = format!("KMS used another key than {}: {key_arn}", self.settings.key_id);
            return Err(KeyError::Unusable { said });
        }
        Ok(Wrapped::AwsKms { key_arn, data_key })
    }

    fn unwrap(&self, wrapped: &Wrapped, scope: &Scope) -> Result<DataKey, KeyError> {
        let Wrapped::AwsKms { data_key, key_arn } = wrapped else { return Err(KeyError::Another) };
        let kept = || self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (data_key.clone(), scope.clone());
        if let Some(key) = kept().get(&place).and_then(|bytes| DataKey::from_bytes(&**bytes)) {
            return Ok(key);
        }
        let damaged = || KeyError::Refused { said: "what its header holds is no data key".to_owned() };
        decode(data_key).ok_or_else(damaged)?;
        // The configured key, not the one that the header names: whoever writes headers has keys of his own.
        let question = Question { ciphertext_blob: Some(data_key), ..self.question(scope) };
        let answer = self.call("Decrypt", &question).map_err(|error| match error {
            KeyError::Refused { .. } => self.another(key_arn),
            error => error,
        })?;
        let clear = decode(&Zeroizing::new(answer.plaintext)).map(Zeroizing::new);
        let key = clear.and_then(|clear| DataKey::from_bytes(&clear)).ok_or_else(damaged)?;
        let mut kept = kept();
        if kept.len() < KEPT_MAX {
            kept.extend(filled(key.bytes()).map(|bytes| (place, bytes)));
        }
        Ok(key)
    }
}
