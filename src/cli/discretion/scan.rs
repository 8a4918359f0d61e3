//! Secrets that are known by how they look: credentials in addresses, tokens of services, private keys.
//!
//! Goes in: any text that is about to be shown. Comes out: the same with a mask for each. Never happens: time that grows
//! faster than the text.

use crate::diag::MASK;
use crate::fetch;
use aho_corasick::{AhoCorasick, MatchKind};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// What a text that begins like this may be.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// What it stands in is an address.
    Address,
    /// So many letters, digits, `_` and `-` follow, and are secret with what they follow.
    Token(usize),
    /// Three parts with dots between them.
    Jwt,
    /// So many characters of a token follow, and are secret.
    Bearer(usize),
    /// A key in armour follows.
    Key,
}

/// Beginnings and what follows them.
const LOOKS: [(&str, Look); 23] = [
    ("://", Look::Address),
    (":\\/\\/", Look::Address),
    ("ghp_", Look::Token(30)),
    ("gho_", Look::Token(30)),
    ("ghu_", Look::Token(30)),
    ("ghs_", Look::Token(30)),
    ("ghr_", Look::Token(30)),
    ("github_pat_", Look::Token(30)),
    ("glpat-", Look::Token(20)),
    ("xoxb-", Look::Token(20)),
    ("xoxp-", Look::Token(20)),
    ("xoxa-", Look::Token(20)),
    ("xoxr-", Look::Token(20)),
    ("xoxs-", Look::Token(20)),
    ("AKIA", Look::Token(16)),
    ("ASIA", Look::Token(16)),
    ("hf_", Look::Token(30)),
    ("hvs.", Look::Token(20)),
    ("sk-", Look::Token(30)),
    ("eyJ", Look::Jwt),
    ("bearer ", Look::Bearer(16)),
    ("authorization: basic ", Look::Bearer(8)),
    ("-----BEGIN ", Look::Key),
];
/// Addresses in addresses that are looked into.
const PASSES_MAX: usize = 32;
/// Bytes of a key's first line at most.
const KEY_LINE_MAX: usize = 64;

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let beginnings = LOOKS.iter().map(|(beginning, _)| beginning);
    let builder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(beginnings);
    builder.expect("some short patterns are not too many")
});

/// The text with a mask for each secret that looks like one.
pub(in crate::cli) fn masked(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for _ in 0..PASSES_MAX {
        let Some(next) = pass(&shown) else { break };
        shown = Cow::Owned(next);
    }
    shown
}

/// The same, but for what stands inside of what is masked already; nothing if nothing is masked.
fn pass(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut at = 0;
    for found in FINDER.find_iter(text).filter(|found| !found.is_empty()) {
        let Some((beginning, look)) = LOOKS.get(found.pattern().as_usize()) else { continue };
        let range = found.range();
        if let (Look::Address, Some((place, url, secrets))) = (look, address(text, &range))
            && place.start >= at
        {
            out.push_str(text.get(at..place.start).unwrap_or(""));
            out.push_str(&fetch::scrubbed(url, &secrets));
            at = place.end;
            continue;
        }
        let is_exact = text.get(range.clone()) == Some(*beginning);
        let secret = match look {
            Look::Token(min) if is_exact => token(text, &range, *min),
            Look::Jwt if is_exact => jwt(text, &range),
            Look::Key if is_exact => key(text, &range),
            Look::Bearer(min) => long(text, range.end, *min, is_token68),
            Look::Address | Look::Token(_) | Look::Jwt | Look::Key => None,
        };
        let Some(secret) = secret.filter(|secret| secret.start >= at) else { continue };
        out.push_str(text.get(at..secret.start).unwrap_or(""));
        out.push_str(MASK);
        at = secret.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    (at > 0).then_some(out)
}

/// How many bytes from a place on are such characters.
fn run(text: &str, from: usize, is_part: impl Fn(char) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or("");
    rest.find(|character| !is_part(character)).unwrap_or(rest.len())
}

/// Such characters from a place on, if they are many enough.
fn long(text: &str, from: usize, min: usize, is_part: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let length = run(text, from, is_part);
    (length >= min).then(|| from..from + length)
}

/// The address around its `://`, which may be spelled as in JSON, and the secrets in it.
fn address<'t>(text: &'t str, colon: &Range<usize>) -> Option<(Range<usize>, &'t str, Vec<String>)> {
    let is_scheme =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.');
    let before = text.get(..colon.start)?;
    let start = before
        .rfind(|character| !is_scheme(character))
        .map_or(0, |at| at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let is_part = |character: char| {
        !character.is_whitespace() && !matches!(character, '"' | '\'' | '<' | '>' | '\\' | '`' | '(' | ')')
    };
    let end = colon.end + run(text, colon.end, is_part);
    let url = text.get(start..end)?;
    let secrets = fetch::secrets(&url.replace(":\\/\\/", "://"));
    (fetch::scrubbed(url, &secrets) != url).then_some((start..end, url, secrets))
}

fn is_inside_word(text: &str, start: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    before.is_some_and(|before| before.is_ascii_alphanumeric() || before == '_')
}

fn token(text: &str, beginning: &Range<usize>, min: usize) -> Option<Range<usize>> {
    if is_inside_word(text, beginning.start) {
        return None;
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let length = run(text, beginning.end, is_part);
    // Words with hyphens between them are no token.
    let body = text.get(beginning.end..beginning.end + length)?;
    let is_random = body.chars().any(|character| character.is_ascii_digit());
    (length >= min && is_random).then_some(beginning.start..beginning.end + length)
}

fn jwt(text: &str, beginning: &Range<usize>) -> Option<Range<usize>> {
    if is_inside_word(text, beginning.start) {
        return None;
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let length = run(text, beginning.start, is_part);
    let whole = text.get(beginning.start..beginning.start + length)?;
    let parts: Vec<_> = whole.split('.').take(3).collect();
    let is_jwt = parts.len() == 3 && parts.iter().all(|part| part.len() >= 10);
    is_jwt.then(|| beginning.start..beginning.start + length)
}

/// What stands between the first line of a private key and its last.
fn key(text: &str, beginning: &Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(beginning.end..)?;
    let first_line = rest.get(..rest.floor_char_boundary(KEY_LINE_MAX))?;
    let title = first_line.find("-----")?;
    if !first_line.get(..title)?.ends_with("PRIVATE KEY") {
        return None;
    }
    let start = beginning.end + title + 5;
    let length = text.get(start..)?.find("-----END").unwrap_or(text.len() - start);
    Some(start..start + length)
}

fn is_token68(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '~' | '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_like_a_secret_is_masked_and_nothing_else() {
        for (text, expected) in [
            ("https://user:pa:ss@w0rd@host/x?a=b", "https://user:(sensitive value)@host/x?a=b"),
            ("\"postgres:\\/\\/u:pass@h\\/d\"", "\"postgres:\\/\\/u:(sensitive value)@h\\/d\""),
            ("https://0123456789abcdef0123@github.com", "https://(sensitive value)@github.com"),
            ("ssh://git@host and git::https://a.b//c?ref=1 and s3://b/k@v", ""),
            ("https://host:80/a@b (see https://host/?page=2)", ""),
            (
                "https://h/?next=https://u:pass@h2&token=abc",
                "https://h/?next=https://u:(sensitive value)@h2&token=(sensitive value)",
            ),
            ("t = \"ghp_0123456789abcdefghijABCDEFGHIJ012345\"", "t = \"(sensitive value)\""),
            ("key AKIAIOSFODNN7EXAMPLE.", "key (sensitive value)."),
            ("risk-based-approach-to-everything-else-1 sk-learn task-1", ""),
            ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl b", "a (sensitive value) b"),
            ("Authorization: Bearer abcdefghijklmnop==, x", "Authorization: Bearer (sensitive value), x"),
            ("the bearer of bad news", ""),
            (
                "https://b.s3.aws/k?X-Amz-Signature=abc&y=1",
                "https://b.s3.aws/k?X-Amz-Signature=(sensitive value)&y=1",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----(sensitive value)-----END RSA PRIVATE KEY-----",
            ),
            ("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", ""),
            ("https://h/?token=(sensitive value)&a=1 https://u:(sensitive value)@h", ""),
        ] {
            assert_eq!(masked(text), if expected.is_empty() { text } else { expected });
        }
    }

    proptest! {
        #[test]
        fn a_masked_text_stays_as_it_is(text in "(://|:|@|ghp_|eyJ|\\.|-----BEGIN |PRIVATE KEY-----|\\?token=|[a-z0-9é]{1,12}|[ \"/&?\n]){0,24}") {
            let once = masked(&text).into_owned();
            prop_assert_eq!(masked(&once), once.as_str());
        }
    }
}
