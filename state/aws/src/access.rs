//! Who asks: credentials and regions, from where AWS's tools take them.
//!
//! In: what a configuration says of it. Out: the SDK's configuration; credentials, asked for again before they end. Never: a
//! credential shown.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use futures_util::lock::Mutex;

use crate::service::CallError;

/// How long credentials must last that a call begins with.
const LAST: Duration = Duration::from_mins(5);
/// How long those may take who are asked for credentials: with a call's attempts that is less than the lease of a lock.
const ASK: Duration = Duration::from_secs(20);
/// The region that is signed with where a service is not AWS's, and no region is given.
const SOME_REGION: &str = "us-east-1";

/// Who asks, as a configuration has it. What is not given is what AWS's tools would take: environment, profile, role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The region.
    pub region: Option<String>,
    /// A profile of the shared configuration of AWS.
    pub profile: Option<String>,
    /// A role that is assumed.
    pub assume_role: Option<AssumeRole>,
}

/// A role to be assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// Its name: `arn:aws:iam::…:role/…`.
    pub role_arn: String,
    /// What the owner of the role wants to hear.
    pub external_id: Option<String>,
    /// How the session is called; `mlo` by default.
    pub session_name: Option<String>,
}

impl Access {
    /// The SDK's configuration. `keys` are id and secret of a key, where they are not looked for: how tests come to a server of
    /// theirs. A service that is `elsewhere` than at AWS needs no region, and is signed with one.
    pub async fn configure(&self, keys: Option<&(String, String)>, elsewhere: bool) -> SdkConfig {
        let mut loader = self.loader();
        if let Some((id, secret)) = keys {
            loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "given"));
        }
        let mut base = loader.load().await;
        if base.region().is_none() && elsewhere {
            base = base.into_builder().region(Region::new(SOME_REGION)).build();
        }
        match &self.assume_role {
            Some(role) => assumed(&base, role).await,
            None => base,
        }
    }

    fn loader(&self) -> ConfigLoader {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            // One place tries again, and knows what a write that may have taken effect means.
            .retry_config(RetryConfig::disabled())
            .app_name(AppName::new("mlo").expect("the name has letters only"));
        if let Some(region) = &self.region {
            config = config.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            config = config.profile_name(profile);
        }
        config
    }
}

async fn assumed(base: &SdkConfig, role: &AssumeRole) -> SdkConfig {
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(role.session_name.as_deref().unwrap_or("mlo"))
        .configure(base);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    base.to_builder().credentials_provider(provider).build()
}

/// Who asks, with the credentials that were given last.
#[derive(Debug)]
pub struct Account {
    pub(crate) config: SdkConfig,
    credentials: Mutex<Option<Credentials>>,
}

impl Account {
    /// Of a configuration of the SDK.
    pub fn new(config: SdkConfig) -> Self {
        Self { config, credentials: Mutex::new(None) }
    }

    /// Credentials that last for a call.
    pub(crate) async fn credentials(&self) -> Result<Credentials, CallError> {
        let mut kept = self.credentials.lock().await;
        let now = self.config.time_source().map(|source| source.now());
        let lasts = |credentials: &Credentials| {
            credentials.expiry().is_none_or(|end| now.is_some_and(|now| now + LAST < end))
        };
        if let Some(credentials) = kept.as_ref().filter(|credentials| lasts(credentials)) {
            return Ok(credentials.clone());
        }
        let provider = self.config.credentials_provider();
        let provider =
            provider.ok_or_else(|| CallError::NoCredentials { said: "none is configured".into() })?;
        let given = tokio::time::timeout(ASK, provider.provide_credentials()).await;
        let said = format!("those who were asked did not answer within {} s", ASK.as_secs());
        let given = given.map_err(|_| CallError::NoCredentials { said })?;
        let given = given.map_err(|error| CallError::NoCredentials { said: chain(&error) })?;
        Ok(kept.insert(given).clone())
    }
}

/// An error with what caused it, as one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::credential_fn::provide_credentials_fn;

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_for_credentials_and_does_not_answer_is_given_up() {
        let silent = provide_credentials_fn(std::future::pending);
        let config =
            SdkConfig::builder().credentials_provider(SharedCredentialsProvider::new(silent)).build();
        let error = Account::new(config).credentials().await.unwrap_err().to_string();
        assert_eq!(error, "there are no credentials of AWS: those who were asked did not answer within 20 s");
    }
}
