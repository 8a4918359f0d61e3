//! A key of AWS KMS: it never leaves the service, which wraps data keys with it and unwraps them.
//!
//! In: a data key, or what the service made of one. Out: the other. Never: a call without the encryption context that binds
//! what is wrapped to this program; a data key unwrapped by another key than the configured one, whatever a header says; a
//! credential in a message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mlo_aws::{Access, Account, CallError, Service};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Random;
use super::key::{DataKey, Key, KeyError, KeyName, Wrapped, decode, encode};

/// What every call says beside the data key. The service's log shows it, and a policy of the key can ask for it.
const CONTEXT: (&str, &str) = ("mlo", "data key");

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
    /// Data keys by what they were wrapped as.
    unwrapped: Mutex<BTreeMap<String, Zeroizing<[u8; 32]>>>,
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
    fn call(&self, action: &'static str, body: &Value) -> Result<Value, KeyError> {
        let unusable = |said: String| KeyError::Unusable { said };
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| unusable(format!("KMS cannot be asked: {error}")))?;
                runtime.block_on(self.ask(action, body)).map_err(|error| self.failed(action, error))
            });
            thread.join().unwrap_or_else(|_| Err(unusable("KMS cannot be asked".to_owned())))
        })
    }

    async fn ask(&self, action: &str, body: &Value) -> Result<Value, CallError> {
        let account = self.account().await;
        let service = Service::new(&account, ("kms", "KMS"), self.settings.endpoint.as_deref())?;
        service.json(&format!("TrentService.{action}"), body).await
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
            CallError::NoCredentials { .. } | CallError::Unmade { .. } | CallError::Unanswered { .. } => {
                format!("KMS cannot be asked: {error}")
            }
            CallError::Refused { code, message, status } => match code.as_str() {
                "IncorrectKeyException" | "InvalidCiphertextException" => {
                    return KeyError::Refused { said: format!("the key {key} of KMS did not wrap it") };
                }
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

/// A text of an answer.
fn text<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer.get(name)?.as_str()
}

impl Key for KmsKey {
    fn name(&self) -> KeyName {
        KeyName { kind: "aws_kms", label: self.label.clone() }
    }

    fn wrap(&self, data_key: &DataKey, _: &Random) -> Result<Wrapped, KeyError> {
        let mut clear = encode(data_key.bytes());
        let body = json!({ "KeyId": self.settings.key_id, "EncryptionContext": { CONTEXT.0: CONTEXT.1 }, "Plaintext": clear });
        zeroize::Zeroize::zeroize(&mut clear);
        let answer = self.call("Encrypt", &body)?;
        match (text(&answer, "KeyId"), text(&answer, "CiphertextBlob")) {
            (Some(arn), Some(blob)) => {
                Ok(Wrapped::AwsKms { key_arn: arn.to_owned(), data_key: blob.to_owned() })
            }
            _ => Err(KeyError::Unusable { said: "KMS answered with nothing".to_owned() }),
        }
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<DataKey, KeyError> {
        let Wrapped::AwsKms { data_key, .. } = wrapped else { return Err(KeyError::Another) };
        let kept = || self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = kept().get(data_key).and_then(|bytes| DataKey::from_bytes(&**bytes)) {
            return Ok(key);
        }
        let damaged = || KeyError::Refused { said: "what its header holds is no data key".to_owned() };
        decode(data_key).ok_or_else(damaged)?;
        // The configured key, not the one that the header names: whoever writes headers has keys of his own.
        let body = json!({ "KeyId": self.settings.key_id, "EncryptionContext": { CONTEXT.0: CONTEXT.1 }, "CiphertextBlob": data_key });
        let answer = self.call("Decrypt", &body)?;
        let clear = text(&answer, "Plaintext").and_then(decode).map(Zeroizing::new);
        let key = clear.and_then(|clear| DataKey::from_bytes(&clear)).ok_or_else(damaged)?;
        let mut kept = kept();
        if kept.len() < KEPT_MAX {
            kept.insert(data_key.clone(), Zeroizing::new(*key.bytes()));
        }
        Ok(key)
    }
}
