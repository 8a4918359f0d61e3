//! A report in the `JUnit` form, which every pipeline reads, in Terraform's shape.

use crate::diag::Severity;
use crate::test::Status;
use std::fmt::Write;

/// One file of tests.
pub(in crate::cli) struct Suite {
    /// Its name.
    pub(in crate::cli) name: String,
    /// Its runs.
    pub(in crate::cli) cases: Vec<Case>,
}

/// One run.
pub(in crate::cli) struct Case {
    /// Its name.
    pub(in crate::cli) name: String,
    /// How it came out.
    pub(in crate::cli) status: Status,
    /// Assertions that do not hold, and all of them.
    pub(in crate::cli) assertions: (usize, usize),
    /// What was said: how bad it is, in one line, and all of it.
    pub(in crate::cli) messages: Vec<(Severity, String, String)>,
    /// Why it was not begun: in a word, and in a sentence.
    pub(in crate::cli) skipped: Option<[String; 2]>,
    /// When it began, as RFC 3339.
    pub(in crate::cli) begun: Option<String>,
    /// How long it took.
    pub(in crate::cli) seconds: Option<f64>,
}

/// The whole document.
pub(in crate::cli) fn report(suites: &[Suite]) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for suite in suites {
        let count = |status| suite.cases.iter().filter(|case| case.status == status).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" skipped=\"{}\" failures=\"{}\" errors=\"{}\">",
            attribute(&suite.name),
            suite.cases.len(),
            count(Status::Skip),
            count(Status::Fail),
            count(Status::Error)
        );
        suite.cases.iter().for_each(|case| write_case(case, &suite.name, &mut out));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_case(case: &Case, suite: &str, out: &mut String) {
    let _ =
        write!(out, "    <testcase name=\"{}\" classname=\"{}\"", attribute(&case.name), attribute(suite));
    if let Some(seconds) = case.seconds {
        let _ = write!(out, " time=\"{seconds:.6}\"");
    }
    if let Some(begun) = &case.begun {
        let _ = write!(out, " timestamp=\"{}\"", attribute(begun));
    }
    out.push_str(">\n");
    let text = |wanted: Severity| {
        let texts = case.messages.iter().filter(|(severity, ..)| *severity == wanted);
        texts.fold(String::new(), |all, (.., text)| all + "\n" + text)
    };
    let mut element = |name: &str, message: Option<&str>, text: &str| {
        let message = message.map(|message| format!(" message=\"{}\"", attribute(message)));
        let _ = writeln!(out, "      <{name}{}>{}</{name}>", message.unwrap_or_default(), cdata(text));
    };
    let errors = text(Severity::Error);
    match (case.status, &case.skipped) {
        (Status::Pass, _) => {}
        (Status::Skip, Some([word, why])) => element("skipped", Some(word), why),
        (Status::Skip, None) => element("skipped", None, ""),
        (Status::Fail, _) => element("failure", Some(&headline(case)), &errors),
        (Status::Error, _) => element("error", Some(&headline(case)), &errors),
    }
    let warnings = text(Severity::Warning);
    if !warnings.is_empty() {
        element("system-err", None, &warnings);
    }
    out.push_str("    </testcase>\n");
}

/// What went wrong, in one line.
fn headline(case: &Case) -> String {
    let first = case.messages.iter().find(|(severity, ..)| *severity == Severity::Error);
    let first = first.map_or("", |(_, summary, _)| summary.as_str());
    match case.assertions {
        (failed, all) if case.status == Status::Fail && failed > 0 => {
            let among = if failed > 1 { ", including" } else { "" };
            format!("{failed} of {all} assertions failed{among}: {first}")
        }
        _ => first.to_owned(),
    }
}

/// Whether XML 1.0 can hold a character at all.
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text between double quotes.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            character if is_xml(character) => out.push(character),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Text as it is; what would end it is divided.
fn cdata(text: &str) -> String {
    let text: String = text.chars().map(|it| if is_xml(it) { it } else { '\u{fffd}' }).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_message_says_the_report_is_xml() {
        for (text, as_attribute, as_text) in [
            ("a", "a", "<![CDATA[a]]>"),
            ("<a b=\"c\">&", "&lt;a b=&quot;c&quot;&gt;&amp;", "<![CDATA[<a b=\"c\">&]]>"),
            ("a]]>b", "a]]&gt;b", "<![CDATA[a]]]]><![CDATA[>b]]>"),
            ("a\u{1b}[31m\u{0}", "a\u{fffd}[31m\u{fffd}", "<![CDATA[a\u{fffd}[31m\u{fffd}]]>"),
            ("a\nb", "a&#10;b", "<![CDATA[a\nb]]>"),
        ] {
            assert_eq!((attribute(text).as_str(), cdata(text).as_str()), (as_attribute, as_text), "{text:?}");
        }
    }
}
