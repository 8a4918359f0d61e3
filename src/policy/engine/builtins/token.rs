//! JSON Web Tokens: taken apart, and checked against a secret that both sides have. Signatures of keys are not checked
//! here.

use super::{Answer, Wrong, string};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use regorus::Value;

/// A token of three parts.
struct Token<'t> {
    header: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
    /// Header and payload as they were signed.
    signed: &'t str,
}

impl<'t> Token<'t> {
    fn of(text: &'t str) -> Result<Self, Wrong> {
        let not_one = || Wrong::new("encoded JWT must have 3 sections");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(not_one)?;
        let (header, payload) = signed.split_once('.').ok_or_else(not_one)?;
        if payload.contains('.') {
            return Err(not_one());
        }
        Ok(Self { header, payload, signature: bytes(signature)?, signed })
    }
}

fn bytes(part: &str) -> Result<Vec<u8>, Wrong> {
    let part = part.trim_end_matches('=');
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| Wrong::new("a part of the JWT is not base64url"))
}

fn object(part: &str) -> Answer {
    let bytes = bytes(part)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Wrong::new("a part of the JWT is not UTF-8"))?;
    match Value::from_json_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Wrong::new("a part of the JWT is not a JSON object")),
    }
}

/// `[header, payload, signature]`, the signature as hexadecimal digits.
pub(super) fn decode(values: &[Value]) -> Answer {
    let token = Token::of(string(values, 0)?)?;
    let header = object(token.header)?;
    let is_encrypted = header.as_object().is_ok_and(|header| header.contains_key(&Value::from("enc")));
    if is_encrypted {
        return Err(Wrong::new("JWT is a JWE object, which is not supported"));
    }
    let signature = Value::from(HEXLOWER.encode(&token.signature));
    Ok(Value::from(vec![header, object(token.payload)?, signature]))
}

/// One function for each digest: whether a token was signed with a secret.
macro_rules! checks {
    ($($name:ident: $digest:ty;)+) => {
        $(pub(super) fn $name(values: &[Value]) -> Answer {
            let token = Token::of(string(values, 0)?)?;
            let secret = string(values, 1)?.as_bytes();
            let mut code = Hmac::<$digest>::new_from_slice(secret).map_err(Wrong::new)?;
            code.update(token.signed.as_bytes());
            Ok(Value::from(code.verify_slice(&token.signature).is_ok()))
        })+
    };
}

checks! {
    verify_hs256: sha2::Sha256;
    verify_hs384: sha2::Sha384;
    verify_hs512: sha2::Sha512;
}
