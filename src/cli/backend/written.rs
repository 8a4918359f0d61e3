//! A place as one text: a folder, or `s3://bucket/key?region=…`. What is written is read back as the same place.

use super::Backend;
use super::settings::Settings;
use crate::diag::{Diagnostic, code};
use mlo_state::s3::{AssumeRole, BucketSettings};
use std::fmt::{self, Display, Formatter, Write as _};
use std::path::Path;

const S3: &str = "s3://";

impl Display for Backend {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (bucket, key) = match self {
            Self::Local(folder) => return write!(f, "{}", folder.display()),
            Self::S3 { bucket, key } => (bucket, key),
        };
        let BucketSettings {
            bucket,
            region,
            endpoint,
            profile,
            assume_role,
            use_path_style,
            encrypt,
            kms_key_id,
            expected_bucket_owner,
            skip_s3_checksum,
        } = bucket.as_ref();
        let role = assume_role.clone().unwrap_or_default();
        let AssumeRole { role_arn, external_id, session_name } = role;
        let flag = |set: &bool| set.then(|| "true".to_owned());
        let texts = [
            ("region", region.clone()),
            ("endpoints.s3", endpoint.clone()),
            ("profile", profile.clone()),
            ("assume_role.role_arn", Some(role_arn).filter(|arn| !arn.is_empty())),
            ("assume_role.external_id", external_id),
            ("assume_role.session_name", session_name),
            ("use_path_style", flag(use_path_style)),
            ("encrypt", flag(encrypt)),
            ("kms_key_id", kms_key_id.clone()),
            ("expected_bucket_owner", expected_bucket_owner.clone()),
            ("skip_s3_checksum", flag(skip_s3_checksum)),
        ];
        write!(f, "{S3}{bucket}/{}", quoted(key))?;
        let mut before = '?';
        for (name, value) in texts {
            let Some(value) = value else { continue };
            write!(f, "{before}{name}={}", quoted(&value))?;
            before = '&';
        }
        Ok(())
    }
}

impl Backend {
    /// A place as it is written; a folder is seen from `here`.
    ///
    /// # Errors
    /// If it is none.
    pub(in crate::cli) fn read(text: &str, here: &Path) -> Result<Self, Box<Diagnostic>> {
        let Some(rest) = text.strip_prefix(S3) else {
            if text.is_empty() || text.contains("://") {
                return Err(wrong(text));
            }
            return Ok(Self::Local(here.join(text)));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, key) = path.split_once('/').ok_or_else(|| wrong(text))?;
        let mut pairs = vec![("bucket".to_owned(), bucket.to_owned()), ("key".to_owned(), plain(key))];
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong(text))?;
            pairs.push((name.to_owned(), plain(value)));
        }
        let settings = Settings::of_query(pairs)?;
        settings
            .bucket()
            .map_err(|messages| messages.into_iter().next().map_or_else(|| wrong(text), Box::new))
    }
}

fn wrong(text: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error(code::state::BACKEND, format!("`{text}` is no place of a state"));
    Box::new(
        error.help(
            "name a folder, or `s3://bucket/key?region=…` with the settings of a `backend \"s3\"` block",
        ),
    )
}

/// A text in which nothing ends it before its end, in a URL and in a shell.
fn quoted(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// What [`quoted`] was made of.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let here = Path::new("/project");
        for (text, written) in [
            ("states", "/project/states"),
            ("/elsewhere", "/elsewhere"),
            ("s3://models/prod", "s3://models/prod"),
            (
                "s3://models/team/a?use_path_style=true&endpoints.s3=http://127.0.0.1:1&region=eu-west-1",
                "s3://models/team/a?region=eu-west-1&endpoints.s3=http://127.0.0.1:1&use_path_style=true",
            ),
            (
                "s3://m/k?assume_role.role_arn=arn:aws:iam::1:role/x&kms_key_id=a%26b%20c&encrypt=true",
                "s3://m/k?assume_role.role_arn=arn:aws:iam::1:role/x&encrypt=true&kms_key_id=a%26b%20c",
            ),
        ] {
            let place = Backend::read(text, here).unwrap();
            assert_eq!(place.to_string(), written);
            assert_eq!(Backend::read(written, here).unwrap(), place);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (text, said) in [
            ("", "no place"),
            ("gs://bucket/key", "no place"),
            ("s3://bucket", "no place"),
            ("s3://bucket/a//b", "no key"),
            ("s3://bucket/../b", "no key"),
            ("s3://bucket/key?regoin=x", "no setting `regoin`"),
            ("s3://bucket/key?secret_key=x", "`secret_key` is not set here"),
            ("s3://bucket/key?endpoints.s3=host", "is no URL"),
            ("s3://bucket/key?endpoints.s3=https://user:hunter2@host", "holds a user's name or password"),
            ("s3://bucket/key?endpoints.s3=user:hunter2@host", "holds a user's name or password"),
        ] {
            let error = Backend::read(text, Path::new("/")).unwrap_err().summary;
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
