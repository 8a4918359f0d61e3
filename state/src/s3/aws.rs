//! A bucket behind AWS's SDK: the only place of this package that names it.
//!
//! In: where the bucket is and who asks. Out: what the service answered, as a [`Refusal`] where it refused. Never: a
//! call that the SDK tries again by itself; a key, a token or a signed header in an error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{
    ConfigBag, Intercept, RequestChecksumCalculation, ResponseChecksumValidation, RuntimeComponents,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use bytes::Bytes;
use mlo_aws::{Access, chain};

pub use mlo_aws::AssumeRole;

use super::bucket::{Bucket, Found, Only, Page, Refusal};
use crate::store::{BoxFuture, CredentialsFault};

/// Where a bucket is, who asks, and how objects are kept: as Terraform's `backend "s3"` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// Its name.
    pub bucket: String,
    /// Its region; by default that of the profile or of the environment.
    pub region: Option<String>,
    /// The URL of a service that speaks as S3 does.
    pub endpoint: Option<String>,
    /// A profile of the shared configuration of AWS.
    pub profile: Option<String>,
    /// A role that is assumed for each call.
    pub assume_role: Option<AssumeRole>,
    /// The bucket's name is put in the path of URLs, not in their host.
    pub use_path_style: bool,
    /// Objects are encrypted with a key of the service.
    pub encrypt: bool,
    /// Objects are encrypted with this key of KMS.
    pub kms_key_id: Option<String>,
    /// The account that the bucket must be of: calls to another's are refused.
    pub expected_bucket_owner: Option<String>,
    /// No checksum is sent with objects, for services that know none. The state has its own.
    pub skip_s3_checksum: bool,
}

/// A bucket of AWS, or of a service that speaks as S3 does. It is connected to when it is first asked.
pub struct AwsBucket {
    settings: BucketSettings,
    /// Id and secret of a key, if they are not those that AWS's tools would take.
    keys: Option<(String, String)>,
    client: futures_util::lock::Mutex<Option<Client>>,
}

impl AwsBucket {
    /// The bucket with these settings. Credentials come from where AWS's tools take them.
    pub fn new(settings: BucketSettings) -> Self {
        Self { settings, keys: None, client: futures_util::lock::Mutex::new(None) }
    }

    /// The same with a key of its own: how tests come to a server of theirs.
    #[must_use]
    pub fn with_keys(self, id: &str, secret: &str) -> Self {
        Self { keys: Some((id.to_owned(), secret.to_owned())), ..self }
    }

    async fn client(&self) -> Client {
        let mut client = self.client.lock().await;
        if let Some(client) = &*client {
            return client.clone();
        }
        client.insert(connect(&self.settings, self.keys.as_ref()).await).clone()
    }

    fn owner(&self) -> Option<String> {
        self.settings.expected_bucket_owner.clone()
    }

    fn encrypted(&self, put: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        match (&self.settings.kms_key_id, self.settings.encrypt) {
            (Some(key), _) => put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key),
            (None, true) => put.server_side_encryption(ServerSideEncryption::Aes256),
            (None, false) => put,
        }
    }
}

impl std::fmt::Debug for AwsBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsBucket").field("settings", &self.settings).finish_non_exhaustive()
    }
}

async fn connect(settings: &BucketSettings, keys: Option<&(String, String)>) -> Client {
    let BucketSettings { region, profile, assume_role, endpoint, .. } = settings.clone();
    let access = Access { region, profile, assume_role };
    let config = access.configure(keys, endpoint.is_some()).await;
    let mut config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(settings.use_path_style)
        // What is damaged where it lies would be no answer at all: it is told by the state's own digests, and repaired.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    if settings.skip_s3_checksum {
        config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    }
    Client::from_conf(config.build())
}

/// Notes what time the service says it is.
#[derive(Clone, Debug, Default)]
struct ServiceTime(Arc<Mutex<Option<DateTime>>>);

impl Intercept for ServiceTime {
    fn name(&self) -> &'static str {
        "ServiceTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_s3::error::BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

impl ServiceTime {
    /// How long ago something was, by the service's time.
    fn since(&self, then: Option<&DateTime>) -> Option<Duration> {
        let now = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = now?.secs() - then?.secs();
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    }
}

impl Bucket for AwsBucket {
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>> {
        Box::pin(async move {
            let time = ServiceTime::default();
            let get = self.client().await.get_object().bucket(&self.settings.bucket).key(key);
            let get = get.set_expected_bucket_owner(self.owner());
            let got = match get.customize().interceptor(time.clone()).send().await {
                Ok(got) => got,
                Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                    return Ok(None);
                }
                Err(error) => return Err(refusal(&error)),
            };
            let too_large = |bytes: u64| bytes > bytes_max;
            if got.content_length().and_then(|bytes| u64::try_from(bytes).ok()).is_some_and(too_large) {
                return Err(Refusal::TooLarge);
            }
            let age = time.since(got.last_modified());
            let tag = got.e_tag().unwrap_or_default().to_owned();
            let body = got.body.collect().await.map_err(|error| Refusal::Unknown(chain(&error)))?;
            let body = body.into_bytes();
            if too_large(body.len() as u64) {
                Err(Refusal::TooLarge)
            } else {
                Ok(Some(Found { body, tag, age }))
            }
        })
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>> {
        Box::pin(async move {
            let put = self.client().await.put_object().bucket(&self.settings.bucket).key(key);
            let put = self.encrypted(put).set_expected_bucket_owner(self.owner());
            let put = match only {
                Only::New => put.if_none_match("*"),
                Only::Replacing(tag) => put.if_match(tag),
            };
            let done = put.body(ByteStream::from(body)).send().await.map_err(|error| refusal(&error))?;
            let tag = done.e_tag().map(str::to_owned);
            tag.ok_or_else(|| Refusal::Failed("the service gave the object no tag".to_owned()))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: &'a str) -> BoxFuture<'a, Result<Page, Refusal>> {
        Box::pin(async move {
            let list = self.client().await.list_objects_v2().bucket(&self.settings.bucket).prefix(prefix);
            let list = list.set_expected_bucket_owner(self.owner());
            let list = if after.is_empty() { list } else { list.start_after(after) };
            let listed = list.send().await.map_err(|error| refusal(&error))?;
            let keys = listed.contents().iter().filter_map(|object| object.key().map(str::to_owned));
            Ok(Page { keys: keys.collect(), more: listed.is_truncated().unwrap_or_default() })
        })
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(());
            }
            let failed = |error: aws_sdk_s3::error::BuildError| Refusal::Failed(error.to_string());
            let objects: Result<Vec<_>, _> =
                keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
            let delete = Delete::builder().set_objects(Some(objects.map_err(failed)?)).quiet(true);
            let call = self.client().await.delete_objects().bucket(&self.settings.bucket);
            let call = call.set_expected_bucket_owner(self.owner()).delete(delete.build().map_err(failed)?);
            let deleted = call.send().await.map_err(|error| refusal(&error))?;
            let Some(first) = deleted.errors().first() else { return Ok(()) };
            Err(Refusal::Failed(first.message().unwrap_or("an object cannot be removed").to_owned()))
        })
    }

    fn describe(&self) -> String {
        format!("s3://{}", self.settings.bucket)
    }
}

/// What an error of the SDK means for who called.
fn refusal<E>(error: &SdkError<E>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        let text = chain(error);
        return match error {
            // It never left: another attempt would be the same.
            SdkError::ConstructionFailure(_) => Refusal::Failed(text),
            SdkError::DispatchFailure(failure) if failure.is_user() => Refusal::Failed(text),
            SdkError::DispatchFailure(_) if text.contains("credentials") => {
                let is_over = text.contains("expired") || text.contains("Expired");
                let fault = if is_over { CredentialsFault::Expired } else { CredentialsFault::Missing };
                Refusal::Credentials(fault, text)
            }
            _ => Refusal::Unknown(text),
        };
    };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or_default());
    let text = format!("{} ({status} {code})", answer.err().message().unwrap_or("the service refused"));
    match (status, code) {
        (_, "RequestTimeTooSkewed") => {
            Refusal::Failed("the clock of this machine is wrong by more than 15 minutes".to_owned())
        }
        (412, _) | (404, "NoSuchKey") => Refusal::Unmet,
        (409, _) => Refusal::Conflict,
        (404, _) => Refusal::Failed(format!("there is no such bucket, or no such service ({status} {code})")),
        (301 | 307 | 308, _) | (400, "AuthorizationHeaderMalformed") => {
            Refusal::Failed(format!("the bucket is in another region: set `region` ({status} {code})"))
        }
        (_, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired") => {
            Refusal::Credentials(CredentialsFault::Expired, text)
        }
        (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "InvalidClientTokenId")
        | (401, _) => Refusal::Credentials(CredentialsFault::Unknown, text),
        (403, _) => Refusal::Denied(text),
        (429 | 500.., _) => Refusal::Unknown(text),
        _ => Refusal::Failed(text),
    }
}
