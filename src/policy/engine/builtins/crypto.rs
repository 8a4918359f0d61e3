//! Digests, as hexadecimal digits.

use super::{Answer, Wrong, string};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use regorus::Value;
use sha2::Digest as _;

pub(super) fn md5(values: &[Value]) -> Answer {
    Ok(hex(&md5::Md5::digest(string(values, 0)?)))
}

pub(super) fn sha1(values: &[Value]) -> Answer {
    Ok(hex(&sha1::Sha1::digest(string(values, 0)?)))
}

pub(super) fn sha256(values: &[Value]) -> Answer {
    Ok(hex(&sha2::Sha256::digest(string(values, 0)?)))
}

fn hex(bytes: &[u8]) -> Value {
    Value::from(HEXLOWER.encode(bytes))
}

/// One function for each digest: the code of a text with a key.
macro_rules! codes {
    ($($name:ident: $digest:ty;)+) => {
        $(pub(super) fn $name(values: &[Value]) -> Answer {
            let (text, key) = (string(values, 0)?, string(values, 1)?);
            let mut code = Hmac::<$digest>::new_from_slice(key.as_bytes()).map_err(Wrong::new)?;
            code.update(text.as_bytes());
            Ok(hex(&code.finalize().into_bytes()))
        })+
    };
}

codes! {
    hmac_md5: md5::Md5;
    hmac_sha1: sha1::Sha1;
    hmac_sha256: sha2::Sha256;
    hmac_sha512: sha2::Sha512;
}

/// Whether two codes are the same. How long it takes tells nothing of them: both are in the policy's inputs.
pub(super) fn hmac_equal(values: &[Value]) -> Answer {
    Ok(Value::from(string(values, 0)? == string(values, 1)?))
}
