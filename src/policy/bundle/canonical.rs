//! How OPA writes a structured file before it digests it: keys in order, no white space, numbers as they were written.
//!
//! Goes in: the text of `data.json`, `data.yaml` or `.manifest`. Comes out: bytes that are the same whatever the layout was.
//! Never happens: a number that is read and written again, for `1.0` is not `1` in a digest.

use super::data;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Names of files that are digested by what they say. (`data.yml` is not among them.)
const STRUCTURED: [&str; 4] = ["data.json", "data.yaml", "signatures.json", ".manifest"];

/// The bytes that OPA digests for a file; a reason if it cannot be read.
pub(super) fn digested(name: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let base = name.rsplit('/').next().unwrap_or(name);
    if !STRUCTURED.contains(&base) {
        return Ok(bytes.to_vec());
    }
    let mut out = Vec::with_capacity(bytes.len());
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        Scanner { rest: text }.value(&mut out);
        return Ok(out);
    }
    let value = data::read(name, text).map_err(|error| error.to_string())?;
    write(&value, &mut out);
    Ok(out)
}

/// Goes over JSON that is known to be well formed, and not too deep.
struct Scanner<'t> {
    rest: &'t str,
}

impl Scanner<'_> {
    fn value(&mut self, out: &mut Vec<u8>) {
        self.blank();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(out),
            Some(b'[') => {
                out.push(b'[');
                self.skip(1);
                let mut first = true;
                while !self.ends(']') {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    self.value(out);
                }
                out.push(b']');
            }
            Some(b'"') => string(&self.string(), out),
            // `true`, `null`, a number: as it stands.
            _ => {
                let is_end = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
                let end = self.rest.find(is_end).unwrap_or(self.rest.len());
                out.extend_from_slice(self.rest.get(..end).unwrap_or_default().as_bytes());
                self.skip(end.max(1));
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>) {
        self.skip(1);
        let mut entries: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        while !self.ends('}') {
            self.blank();
            let key = self.string();
            self.blank();
            // The colon.
            self.skip(1);
            let mut value = Vec::new();
            self.value(&mut value);
            // Of a key that is there twice the last counts.
            entries.insert(key, value);
        }
        out.push(b'{');
        for (at, (key, value)) in entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            string(key, out);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
    }

    /// Whether a list or map ends here; goes past a comma, or past the end.
    fn ends(&mut self, bracket: char) -> bool {
        self.blank();
        let ends = self.rest.starts_with(bracket) || self.rest.is_empty();
        if ends || self.rest.starts_with(',') {
            self.skip(1);
        }
        ends
    }

    /// The text of the string that begins here.
    fn string(&mut self) -> String {
        let mut escaped = false;
        let inside = self.rest.char_indices().skip(1);
        let end = inside.into_iter().find_map(|(at, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes.then_some(at + 1)
        });
        let (quoted, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        serde_json::from_str(quoted).unwrap_or_default()
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// A string as Go writes it into JSON that is not for HTML.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// What was read of YAML.
fn write(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Json::Number(number) => {
            let text = match (number.as_i64(), number.as_f64()) {
                (None, Some(double)) => double_text(double),
                _ => number.to_string(),
            };
            out.extend_from_slice(text.as_bytes());
        }
        Json::String(text) => string(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Json::Object(entries) => {
            let sorted: BTreeMap<&String, &Json> = entries.iter().collect();
            out.push(b'{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
    }
}

/// A number as Go writes it into JSON: with an exponent only where it is very large or very small.
fn double_text(double: f64) -> String {
    let size = double.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{double:e}");
        return match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
            _ => text,
        };
    }
    format!("{double}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, content: &str) -> String {
        String::from_utf8(digested(name, content.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn json_is_digested_by_what_it_says_with_its_numbers_as_they_stand() {
        for (content, expected) in [
            ("{}", "{}"),
            (
                " { \"b\" : [ 1.0 , 1e3,-0 ] ,\n\"a\": {\"x\":null,\"A\":true} } ",
                "{\"a\":{\"A\":true,\"x\":null},\"b\":[1.0,1e3,-0]}",
            ),
            ("{\"a\": 1, \"a\": 2}", "{\"a\":2}"),
            (r#"{"k": "a\/b\u00e9\u0001<&>\u2028\"\\"}"#, "{\"k\":\"a/b\u{e9}\\u0001<&>\\u2028\\\"\\\\\"}"),
            ("{\"a\": [[], {}, \"\", \"]}\"]}", "{\"a\":[[],{},\"\",\"]}\"]}"),
        ] {
            assert_eq!(text("x/data.json", content), expected, "{content}");
        }
        assert_eq!(text("a.rego", " {} "), " {} ", "as it is");
        assert_eq!(text("data.yml", "a: 1"), "a: 1", "as it is");
    }

    #[test]
    fn yaml_is_digested_as_the_json_that_go_makes_of_it() {
        for (content, expected) in [
            ("b: [1.0, 0.85, 1e3, 12]\na: yes it is\n", "{\"a\":\"yes it is\",\"b\":[1,0.85,1000,12]}"),
            ("a: 1e21\nb: 1e-7\nc: 123456789.5\n", "{\"a\":1e+21,\"b\":1e-7,\"c\":123456789.5}"),
            ("", "{}"),
        ] {
            assert_eq!(text("data.yaml", content), expected, "{content}");
        }
        assert!(digested("data.yaml", b"a: [").is_err());
        assert!(digested("data.json", &[0xff]).is_err());
    }
}
