//! Credentials in addresses: found, and taken out.

use crate::diag::MASK;

/// Parts of the names of parameters whose values are credentials.
const SECRET_NAMES: [&str; 8] =
    ["token", "secret", "password", "passwd", "signature", "credential", "apikey", "access_key"];
/// Such names as they are.
const SECRET_WORDS: [&str; 6] = ["sig", "key", "auth", "pass", "sshkey", "api_key"];
/// Shorter ones are not looked for in texts.
const SECRET_BYTES_MIN: usize = 3;

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.contains(&name.as_str())
        || SECRET_NAMES.iter().any(|part| name.contains(part))
        || name.starts_with("x-amz-")
}

/// The user part of an address: where it begins, and where its `@` is.
fn userinfo(url: &str) -> Option<(usize, usize)> {
    let start = url.find("://")? + 3;
    let rest = url.get(start..)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end)?.rfind('@').map(|at| (start, start + at))
}

/// Credentials in an address, as they stand in it, and decoded.
pub fn secrets(url: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(user) = userinfo(url).and_then(|(start, end)| url.get(start..end)) {
        match user.split_once(':') {
            Some((name, password)) => {
                found.push(password.to_owned());
                // Some services take the token for the name.
                let no_password = password.len() < SECRET_BYTES_MIN || password.starts_with("x-");
                if no_password && !url.contains("ssh://") {
                    found.push(name.to_owned());
                }
            }
            None if !url.contains("ssh://") => found.push(user.to_owned()),
            None => {}
        }
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (name, value) in query.split('&').filter_map(|parameter| parameter.split_once('=')) {
        if is_secret(name) {
            found.push(value.to_owned());
        }
    }
    let decoded: Vec<_> = found.iter().map(|secret| decoded(secret)).collect();
    found.extend(decoded);
    found.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.dedup();
    found
}

/// An address without credentials: no user for HTTP, no password for SSH, no values of parameters that are secret.
pub fn stripped(url: &str) -> String {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let mut text = match userinfo(path) {
        Some((start, end)) => {
            let user = path.get(start..end).unwrap_or_default();
            let kept = user.split(':').next().filter(|_| path.contains("ssh://"));
            let kept = kept.map(|name| format!("{name}@")).unwrap_or_default();
            [path.get(..start).unwrap_or_default(), &kept, path.get(end + 1..).unwrap_or_default()].concat()
        }
        None => path.to_owned(),
    };
    if let Some(query) = query {
        let shown = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}=…"),
            _ => parameter.to_owned(),
        });
        text = format!("{text}?{}", shown.collect::<Vec<_>>().join("&"));
    }
    text
}

/// A text of others without the credentials of an address.
pub fn scrubbed(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
}

/// A text with its `%41` as characters; as it is if that is no text.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = text
            .get(at + 1..at + 3)
            .filter(|digits| *byte == b'%' && digits.bytes().all(|it| it.is_ascii_hexdigit()));
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(decoded.unwrap_or(*byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_credentials() {
        for (url, shown, found) in [
            ("https://host/a.git", "https://host/a.git", &[][..]),
            ("https://user:hunter2@host/a", "https://host/a", &["hunter2"]),
            ("https://ghp_token@host/a", "https://host/a", &["ghp_token"]),
            ("https://ghp_token:x-oauth-basic@host/a", "https://host/a", &["x-oauth-basic", "ghp_token"]),
            ("https://u:p%40ss%2F@host/a", "https://host/a", &["p%40ss%2F", "p@ss/"]),
            ("ssh://git@host/a", "ssh://git@host/a", &[]),
            ("ssh://git:hunter2@host/a", "ssh://git@host/a", &["hunter2"]),
            ("git@host:a/b.git", "git@host:a/b.git", &[]),
            ("https://h/a?ref=v1&access_token=abc123", "https://h/a?ref=v1&access_token=…", &["abc123"]),
            ("https://h/a?X-Amz-Signature=abc123&b", "https://h/a?X-Amz-Signature=…&b", &["abc123"]),
            ("https://h/a@b?c@d", "https://h/a@b?c@d", &[]),
        ] {
            assert_eq!(stripped(url), shown, "{url}");
            assert_eq!(secrets(url), found, "{url}");
        }
        assert_eq!(scrubbed("fatal: hunter2!", &["hunter2".to_owned()]), "fatal: (sensitive value)!");
    }
}
