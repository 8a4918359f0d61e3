//! Who may ask what: keys that callers show.
//!
//! In: the headers of a request. Out: whether the key is the right one. Never: a comparison that takes longer the more
//! of a guess is right, or a key in a text.

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ADMIN_TOKEN: HeaderName = HeaderName::from_static("x-admin-token");

/// A key, kept as its digest.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key of this text; `None` for an empty one, which would let everybody in.
    pub(crate) fn new(text: Option<&str>) -> Option<Self> {
        text.filter(|text| !text.is_empty()).map(|text| Self(digest(text.as_bytes())))
    }

    /// Whether a caller showed it, in `X-API-Key` or as a bearer.
    pub(crate) fn is_shown_as_api_key(&self, headers: &HeaderMap) -> bool {
        self.is_shown(headers, &API_KEY)
    }

    /// Whether a caller showed it, in `X-Admin-Token` or as a bearer.
    pub(crate) fn is_shown_as_admin_token(&self, headers: &HeaderMap) -> bool {
        self.is_shown(headers, &ADMIN_TOKEN)
    }

    fn is_shown(&self, headers: &HeaderMap, name: &HeaderName) -> bool {
        let own = headers.get(name).map(hyper::header::HeaderValue::as_bytes);
        let bearer = headers.get(AUTHORIZATION).map(hyper::header::HeaderValue::as_bytes).and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        // Both are always looked at, so that the time does not tell which was there.
        [own, bearer].into_iter().fold(false, |shown, key| shown | key.is_some_and(|key| self.is(key)))
    }

    /// Compares digests, all bytes of them: what time it takes depends on nothing that a caller can steer.
    fn is(&self, shown: &[u8]) -> bool {
        let difference = self.0.iter().zip(digest(shown)).fold(0, |all, (own, shown)| all | (own ^ shown));
        std::hint::black_box(difference) == 0
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn shows(name: &'static str, value: &str) -> (bool, bool) {
        let key = Key::new(Some("secret")).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        (key.is_shown_as_api_key(&headers), key.is_shown_as_admin_token(&headers))
    }

    #[test]
    fn a_key_is_shown_in_its_header_or_as_a_bearer() {
        let rows = [
            ("x-api-key", "secret", (true, false)),
            ("x-admin-token", "secret", (false, true)),
            ("authorization", "Bearer secret", (true, true)),
            ("authorization", "bearer secret", (true, true)),
            ("authorization", "Basic secret", (false, false)),
            ("authorization", "secret", (false, false)),
            ("x-api-key", "secre", (false, false)),
            ("x-api-key", "secrets", (false, false)),
            ("x-api-key", "", (false, false)),
            ("cookie", "secret", (false, false)),
        ];
        for (name, value, expected) in rows {
            assert_eq!(shows(name, value), expected, "{name}: {value}");
        }
        assert!(Key::new(Some("")).is_none() && Key::new(None).is_none());
    }
}
