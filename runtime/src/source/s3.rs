//! Objects in S3, asked for with signatures of version 4.
//!
//! Credentials are those of the environment, or those that an EKS service account is given for its token.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mlo_model::ModelFiles;
use sha2::{Digest as _, Sha256};

use super::http::{self, Client};
use super::{Fetched, SourceError, Sources, beside, escaped, only_onnx, with_data};
use crate::clock;
use crate::surroundings::Credentials;

/// The digest of a body that is not there.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Keys of a listing that are looked through: what S3 gives at once.
const KEYS_MAX: usize = 1000;

/// What signs.
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

pub(super) fn fetch(uri: &str, sources: &Sources<'_>) -> Result<Fetched, SourceError> {
    let problem = "`s3://bucket/key` is needed";
    let place = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let (bucket, key) = place
        .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
        .ok_or_else(|| SourceError::Uri { uri: uri.to_owned(), problem })?;
    let credentials = sources.credentials;
    let client = http::client()?;
    let keys = keys(credentials, &client)?;
    let store = Store { client, keys, credentials, bucket };
    if key.to_ascii_lowercase().ends_with(".onnx") {
        return Ok(Fetched { files: store.model(key)?, version: None });
    }
    let prefix = format!("{}/", key.trim_end_matches('/'));
    let query = format!("list-type=2&max-keys={KEYS_MAX}&prefix={}", escaped(&prefix, false));
    let listing = String::from_utf8_lossy(&store.get("", &query)?.found()?).into_owned();
    let names: Vec<String> = elements(&listing, "Key").map(unescaped).collect();
    let only = only_onnx(names.iter().map(String::as_str), uri)?;
    Ok(Fetched { files: store.model(only)?, version: None })
}

/// What stands in each element of this name.
fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = &'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts: Vec<&str> = xml
        .split(open.as_str())
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(close.as_str())?.0))
        .collect();
    parts.into_iter()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// The keys of the environment, else those of the pod's service account.
fn keys(credentials: &Credentials, client: &Client) -> Result<Keys, SourceError> {
    if let (Some(id), Some(secret)) = (&credentials.aws_key_id, &credentials.aws_secret) {
        return Ok(Keys { id: id.clone(), secret: secret.clone(), token: credentials.aws_token.clone() });
    }
    let missing = || SourceError::Setting {
        scheme: "s3:",
        setting: "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE",
    };
    let (Some(role), Some(file)) = (&credentials.aws_role, &credentials.aws_identity_file) else {
        return Err(missing());
    };
    let token = std::fs::read_to_string(file).map_err(|_| missing())?;
    let region = region(credentials);
    let form = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=mlo-runtime&RoleArn={}&WebIdentityToken={}",
        escaped(role, false),
        escaped(token.trim(), false)
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = client.post(&format!("https://sts.{region}.amazonaws.com/"), &headers, form)?;
    let answer = String::from_utf8_lossy(&answer.found()?).into_owned();
    let value = |name: &str| {
        elements(&answer, name).next().map(unescaped).ok_or_else(|| SourceError::Answer {
            place: "the security token service".to_owned(),
            problem: format!("its answer has no {name}"),
        })
    };
    Ok(Keys {
        id: value("AccessKeyId")?,
        secret: value("SecretAccessKey")?,
        token: Some(value("SessionToken")?),
    })
}

fn region(credentials: &Credentials) -> &str {
    credentials.aws_region.as_deref().unwrap_or("us-east-1")
}

struct Store<'s> {
    client: Client,
    keys: Keys,
    credentials: &'s Credentials,
    bucket: &'s str,
}

impl Store<'_> {
    /// A model with the objects beside it that its tensors name.
    fn model(&self, key: &str) -> Result<ModelFiles, SourceError> {
        with_data(self.get(key, "")?.found()?, |name| {
            let answer = self.get(&beside(key, name), "")?;
            if answer.status == 404 { Ok(None) } else { Ok(Some(answer.found()?)) }
        })
    }

    /// Gets an object, or a listing by `query`, whose parts are in order and escaped.
    fn get(&self, key: &str, query: &str) -> Result<http::Answer, SourceError> {
        let region = region(self.credentials);
        // The path names the bucket: every store understands that, whatever its name.
        let base = match &self.credentials.aws_endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://s3.{region}.amazonaws.com"),
        };
        let path = format!("/{}/{}", self.bucket, escaped(key, true));
        let host = base.split_once("://").map_or("", |(_, host)| host).to_owned();
        let time = format!("{}", clock::now().strftime("%Y%m%dT%H%M%SZ"));
        let mut headers = vec![
            ("host".to_owned(), host),
            ("x-amz-content-sha256".to_owned(), EMPTY.to_owned()),
            ("x-amz-date".to_owned(), time.clone()),
        ];
        if let Some(token) = &self.keys.token {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        let authorization = authorization(&self.keys, region, &time, &path, query, &headers);
        headers.push(("authorization".to_owned(), authorization));
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let question = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(self.client.get(&format!("{base}{path}{question}"), &headers)?)
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

/// The value of `Authorization`. Names of `headers` are in order and small.
fn authorization(
    keys: &Keys,
    region: &str,
    time: &str,
    path: &str,
    query: &str,
    headers: &[(String, String)],
) -> String {
    let date = time.get(..8).unwrap_or(time);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = names.join(";");
    let lines: String = headers.iter().flat_map(|(name, value)| [name, ":", value, "\n"]).collect();
    let request = format!("GET\n{path}\n{query}\n{lines}\n{signed}\n{EMPTY}");
    let scope = format!("{date}/{region}/s3/aws4_request");
    let digest = HEXLOWER.encode(&Sha256::digest(request));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    let key = hmac(format!("AWS4{}", keys.secret).as_bytes(), date);
    let key = [region, "s3", "aws4_request"].into_iter().fold(key, |key, part| hmac(&key, part));
    let signature = HEXLOWER.encode(&hmac(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={signed},Signature={signature}", keys.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_taken_apart() {
        let xml = "<R><Contents><Key>a/x&amp;y.onnx</Key></Contents><Contents><Key>a/b</Key></Contents></R>";
        let keys: Vec<String> = elements(xml, "Key").map(unescaped).collect();
        assert_eq!(keys, ["a/x&y.onnx", "a/b"]);
    }

    #[test]
    fn the_example_of_the_documentation_has_its_signature() {
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, "GET Bucket (List Objects)".
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            header("host", "examplebucket.s3.amazonaws.com"),
            header("x-amz-content-sha256", EMPTY),
            header("x-amz-date", "20130524T000000Z"),
        ];
        let value =
            authorization(&keys, "us-east-1", "20130524T000000Z", "/", "max-keys=2&prefix=J", &headers);
        let signature = "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(value.ends_with(signature), "{value}");
    }
}
