//! Rust source as the checks read it: text in; code without comments, strings and tests, its paths and its functions out.
//!
//! This is a scanner, not a compiler: it knows where comments, strings and items end, and what a path looks like. What
//! macros expand to is not seen.

/// One Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// The file with comments, and what strings hold, blanked; every byte and line stays in its place.
    pub(crate) code: String,
    /// `code` with the items under `#[cfg(test)]` blanked as well.
    pub(crate) product: String,
    /// Lines of the file less those of the items under `#[cfg(test)]`.
    pub(crate) product_lines: usize,
}

/// A path that the code names, such as `crate::lang::value::Value`, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// A function with a body, from the line of `fn` to that of its last brace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_strings(text);
        let (product, test_lines) = without_tests(&code);
        let product_lines = text.lines().count() - test_lines;
        Self { path: path.to_owned(), text: text.to_owned(), code, product, product_lines }
    }

    /// Every path of two or more names in the product's code, and every `use` of a single name. Paths that begin with
    /// `super` or `self` are resolved to `crate`; each path of a group is one mention.
    pub(crate) fn mentions(&self) -> Vec<Mention> {
        let tokens = tokens(&self.product);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let begins = tokens[at].is_name() && (at == 0 || tokens[at - 1].text != "::");
            let used = at > 0 && tokens[at - 1].text == "use";
            let goes_on = tokens.get(at + 1).is_some_and(|next| next.text == "::");
            if begins && (used || goes_on) {
                at = tree(&tokens, at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        let module = self.module();
        found
            .into_iter()
            .map(|mention| Mention { path: resolved(mention.path, &module), ..mention })
            .collect()
    }

    /// The functions of the product's code.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let tokens = tokens(&self.product);
        let named =
            tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].is_name());
        named
            .filter_map(|(at, pair)| {
                let open = body(&tokens, at + 2)?;
                let close = closing(&tokens, open)?;
                let line = pair[0].line;
                Some(Function { name: pair[1].text.to_owned(), line, lines: tokens[close].line - line + 1 })
            })
            .collect()
    }

    /// Whether the whole file is of tests, which may use what they like.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Whether the code, tests included, has a `mod name`.
    pub(crate) fn declares(&self, name: &str) -> bool {
        tokens(&self.code).windows(2).any(|pair| pair[0].text == "mod" && pair[1].text == name)
    }

    /// The modules around the file: `["lang", "value"]` of `src/lang/value/mod.rs` and of `src/lang/value.rs`.
    fn module(&self) -> Vec<String> {
        let inside = self.path.rsplit_once("src/").map_or(self.path.as_str(), |(_, inside)| inside);
        let stem = inside.strip_suffix(".rs").unwrap_or(inside);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        if matches!(stem, "lib" | "main") { Vec::new() } else { stem.split('/').map(str::to_owned).collect() }
    }
}

/// `crate::…` for a path that begins with `self` or `super`, in `module`.
fn resolved(path: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|name| *name == "super").count();
    let stays = usize::from(ups == 0 && path.first().is_some_and(|name| name == "self"));
    if ups + stays == 0 {
        return path;
    }
    let around = &module[..module.len().saturating_sub(ups)];
    let rest = &path[ups + stays..];
    std::iter::once("crate".to_owned()).chain(around.iter().cloned()).chain(rest.iter().cloned()).collect()
}

/// Reads the path or tree of a `use` at `at`, adds its paths to `found`, and gives the place after it.
fn tree(tokens: &[Token<'_>], at: usize, prefix: &[String], found: &mut Vec<Mention>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = at;
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        if token.text == "{" && !path.is_empty() {
            return group(tokens, at + 1, &path, found);
        }
        if !token.is_name() && token.text != "*" {
            break;
        }
        path.push(token.text.to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
    }
    found.push(Mention { line, path });
    at
}

fn group(tokens: &[Token<'_>], at: usize, prefix: &[String], found: &mut Vec<Mention>) -> usize {
    let mut at = at;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            // A comma, or the new name of `as`.
            "," | "as" | "_" => at += 1,
            _ if at > 0 && tokens[at - 1].text == "as" => at += 1,
            _ => at = tree(tokens, at, prefix, found).max(at + 1),
        }
    }
    at
}

/// The `{` that opens the body of the function whose name ends before `at`; none for one that is only declared.
fn body(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "{" if depth == 0 => return Some(index),
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The `}` of the `{` at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return Some(index),
            "}" => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A name, `::`, or one other character.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
    /// Where it begins, in bytes.
    start: usize,
}

impl Token<'_> {
    fn is_name(self) -> bool {
        self.text.starts_with(is_name_start)
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut line, mut rest) = (1, code);
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (text, after) = rest.split_at(length);
        if !first.is_whitespace() {
            found.push(Token { text, line, start: code.len() - rest.len() });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    found
}

/// Blanks each item that only tests have, its attribute too, and counts their lines.
fn without_tests(code: &str) -> (String, usize) {
    let tokens = tokens(code);
    let (mut blanked, mut lines, mut done) = (code.to_owned(), 0, 0);
    for at in 0..tokens.len() {
        let start = tokens[at].start;
        let Some(after) = for_tests(&tokens, at).filter(|_| start >= done) else { continue };
        let end = match body(&tokens, after) {
            Some(open) => closing(&tokens, open),
            None => {
                tokens.iter().skip(after).position(|token| token.text == ";").map(|offset| after + offset)
            }
        };
        done = end.and_then(|end| tokens.get(end)).map_or(code.len(), |token| token.start + 1);
        blanked.replace_range(start..done, &blank(&code[start..done]));
        lines += code[start..done].matches('\n').count() + 1;
    }
    (blanked, lines)
}

/// The place after `#[cfg(test)]` or `#[cfg(all(test, …))]`, if one begins at `at`.
fn for_tests(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    const MARKS: [&[&str]; 2] =
        [&["#", "[", "cfg", "(", "test", ")"], &["#", "[", "cfg", "(", "all", "(", "test", ","]];
    let begins =
        |mark: &[&str]| tokens[at..].iter().map(|token| token.text).take(mark.len()).eq(mark.iter().copied());
    let end = || tokens[at..].iter().position(|token| token.text == "]");
    MARKS.iter().any(|mark| begins(mark)).then(end)?.map(|end| at + end + 1)
}

/// As many spaces as there are bytes, and the line ends.
fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// Blanks comments and the insides of strings and characters.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = code.chars().next_back();
        let (length, kept) = match literal_or_comment(rest, before) {
            Some(length) => (length, blank(&rest[..length])),
            None => (first.len_utf8(), first.to_string()),
        };
        code.push_str(&kept);
        rest = &rest[length..];
    }
    code
}

/// The bytes of the comment, string or character that `rest` begins with.
fn literal_or_comment(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(string(rest));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    // `r"…"`, `br#"…"#`, `cr"…"`: not the end of a name, such as `for"`.
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix)).filter(|_| !in_name)?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let inside = raw[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(rest.len(), |at| rest.len() - inside.len() + at + end.len()))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters; `'a` in `&'a str` is not.
fn character(rest: &str) -> Option<usize> {
    let inside = &rest[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let escaped = escape.chars().next()?.len_utf8();
        return escape[escaped..].find('\'').map(|at| 1 + 1 + escaped + at + 1);
    }
    let first = inside.chars().next()?.len_utf8();
    inside[first..].starts_with('\'').then_some(1 + first + 1)
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn paths(path: &str, text: &str) -> Vec<String> {
        Source::new(path, text).mentions().into_iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let rows = [
            ("a // crate::b\nc", "a            \nc"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("crate::b \" c") g"#, "f(               ) g"),
            (r##"f(r#"a " b"#) g"##, "f(          ) g"),
            ("x<'a>('b', '\\'', '\\u{1F}')", "x<'a>(   ,     ,         )"),
            ("for\"a\"", "for   "),
        ];
        for (text, expected) in rows {
            assert_eq!(Source::new("a.rs", text).code, expected, "{text}");
        }
    }

    #[test]
    fn items_under_cfg_test_are_not_the_product() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { x(); }\n}\n#[cfg(all(test, unix))]\nuse c::D;\nfn e() {}\n#[cfg(all(unix))]\nfn f() {}";
        let source = Source::new("a.rs", text);
        let product: Vec<_> = source.product.split_whitespace().collect();
        assert_eq!(product.join(" "), "fn a() {} fn e() {} #[cfg(all(unix))] fn f() {}");
        assert_eq!(source.product_lines, 4);
    }

    #[test]
    fn every_path_of_a_group_is_a_mention() {
        let text = "use crate::{diag::Span, lang::{self, value::Value as V}};\nuse regorus;\nlet a = std::env::var(b::C::d::<e::F>());";
        assert_eq!(
            paths("src/plan/mod.rs", text),
            [
                "crate::diag::Span",
                "crate::lang::self",
                "crate::lang::value::Value",
                "regorus",
                "std::env::var",
                "b::C::d",
                "e::F"
            ]
        );
    }

    #[test]
    fn super_and_self_lead_to_where_they_lead() {
        let text = "use super::diff::Change;\nuse super::super::cli::View;\nuse self::file::Saved;";
        assert_eq!(
            paths("src/plan/text.rs", text),
            ["crate::plan::diff::Change", "crate::cli::View", "crate::plan::text::file::Saved"]
        );
        assert_eq!(paths("src/plan/mod.rs", "use super::cli::View;"), ["crate::cli::View"]);
        assert_eq!(paths("src/lib.rs", "use self::cli::View;"), ["crate::cli::View"]);
    }

    #[test]
    fn a_function_is_as_long_as_its_lines() {
        let text =
            "trait T { fn declared(&self) -> [u8; 2]; }\nfn long(\n    a: u8,\n) -> u8 {\n    { a }\n}\n";
        let functions = Source::new("a.rs", text).functions();
        let read: Vec<_> = functions.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(read, [("long", 2, 5)]);
    }
}
