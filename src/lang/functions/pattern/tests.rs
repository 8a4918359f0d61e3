use super::*;
use crate::lang::eval::Meter;

/// What `regexall` finds, as JSON; or why it does not.
fn found(pattern: &str, searched: &str) -> String {
    let args = vec![Value::from(pattern), Value::from(searched)];
    match super::super::find("regexall").unwrap().call(args, &Meter::default()) {
        Ok(value) => super::super::json::encode(&value).unwrap(),
        Err(error) => error.to_string(),
    }
}

/// The answers are Terraform's (1.11.4), the words of the errors ours.
#[test]
fn patterns_are_gos() {
    for (pattern, searched, expected) in [
        (r"\d+", "a1٣22", r#"["1","22"]"#),
        (r"\w+", "aé_1", r#"["a","_1"]"#),
        (r"\s", "a\u{b}b\tc\u{a0}", r#"["\t"]"#),
        (r"\bx", "éx x", r#"["x","x"]"#),
        (r"x\B.", "xy x", r#"["xy"]"#),
        (r"[[:alpha:]]+", "ab1é", r#"["ab"]"#),
        (r"[[:^digit:]]+", "ab12", r#"["ab"]"#),
        (r"[a&&b]+", "a&b", r#"["a\u0026b"]"#),
        (r"[]a]+", "x]a", r#"["]a"]"#),
        (r"[^]a]+", "x]a", r#"["x"]"#),
        (r"[a-]+", "-a-", r#"["-a-"]"#),
        (r"[\d.-]+", "v1.2-3", r#"["1.2-3"]"#),
        (r"[[a]+", "[a", r#"["[a"]"#),
        (r"\Qa.b\E+", "a.bb", r#"["a.bb"]"#),
        (r"a{,2}", "a{,2}aa", r#"["a{,2}"]"#),
        (r"a{2}", "aaaa", r#"["aa","aa"]"#),
        (r"(?i)straße", "STRASSE Straße", r#"["Straße"]"#),
        (r"(?s)a.b", "a\nb", r#"["a\nb"]"#),
        (r"(?m)^.", "ab\ncd", r#"["a","c"]"#),
        (r"(?U)a+", "aaa", r#"["a","a","a"]"#),
        (r"a*", "baac", r#"["","aa",""]"#),
        (r"\x41\x{42}\103", "ABC", r#"["ABC"]"#),
        (r"\pL+|\p{Greek}", "aβ1", r#"["aβ"]"#),
        (r"\p{^Greek}", "aβ", r#"["a"]"#),
        (r"(a)|(b)", "b", r#"[[null,"b"]]"#),
        (r"(?P<1>a)", "a", r#"[{"1":"a"}]"#),
        (r"(?<n>a)", "a", r#"[{"n":"a"}]"#),
        (r"a**", "a", "it is not a regular expression: a repetition is repeated: `*`"),
        (r"*a", "a", "it is not a regular expression: there is nothing to repeat before: `*`"),
        (r"a{1001}", "a", "it is not a regular expression: a repetition has limits that cannot be: `{1001}`"),
        (r"a{2,1}", "a", "it is not a regular expression: a repetition has limits that cannot be: `{2,1}`"),
        (
            r"(?=a)",
            "a",
            "it is not a regular expression: a group begins with flags or a lookaround that RE2 does not have: `(?=`",
        ),
        (r"(a)\1", "aa", r"it is not a regular expression: RE2 does not have this escape: `\1`"),
        (r"\Z", "a", r"it is not a regular expression: RE2 does not have this escape: `\Z`"),
        (r"[b-a]", "a", "it is not a regular expression: a range ends before it begins: `b-a`"),
        ("[a", "a", "it is not a regular expression: a `[` is not closed: `[a`"),
        ("(a", "a", "it is not a regular expression: a `(` is not closed"),
        ("a)", "a", "it is not a regular expression: a `)` closes nothing"),
        ("\\", "a", "it is not a regular expression: a `\\` ends the pattern"),
        ("(?P<a>.)(?P<a>.)", "ab", r#"[{"a":"b"}]"#),
        ("(?P<n>a)|(?P<n>b)", "a", r#"[{"n":null}]"#),
        ("(?P<a>.)(.)", "ab", "either all groups of a regular expression have names, or none"),
        (
            r"\p{Nothing}",
            "a",
            "it is not a regular expression: it names a class of characters that does not exist",
        ),
    ] {
        assert_eq!(found(pattern, searched), expected, "{pattern}");
    }
}

#[test]
fn what_replaces_a_match_is_expanded_as_go_does() {
    let replaced = |searched: &str, pattern: &str, by: &str| {
        let args = vec![searched.into(), pattern.into(), by.into()];
        let value = super::super::find("replace").unwrap().call(args, &Meter::default()).unwrap();
        value.as_str().unwrap().to_owned()
    };
    for (searched, pattern, by, expected) in [
        ("abc", "/b/", "<$0>", "a<b>c"),
        ("abc", "/(b)/", "$1x", "ac"),
        ("abc", "/(b)/", "${1}x", "abxc"),
        ("abc", "/(?P<n>b)(c)/", "$2$n", "acb"),
        ("abc", "/b/", "$$1", "a$1c"),
        ("abc", "/b/", "$", "a$c"),
        ("abc", "/b/", "${", "a${c"),
        ("abc", "/b/", "$9", "ac"),
        ("abc", "/x*/", "-", "-a-b-c-"),
        ("a/b", "/", "-", "a-b"),
        ("abc", "//", "-", "-a-b-c-"),
    ] {
        assert_eq!(replaced(searched, pattern, by), expected, "{pattern} {by}");
    }
}

#[test]
fn searches_that_look_at_a_long_text_again_and_again_end() {
    let meter = Meter::default();
    meter.steps(crate::lang::eval::STEPS_MAX - 10_000).unwrap();
    let args = vec![Value::from(".*[^A-Z]|[A-Z]"), Value::string("A".repeat(20_000))];
    let error = super::super::find("regexall").unwrap().call(args, &meter).unwrap_err();
    assert_eq!(error.to_string(), "it takes more than 10000000 steps");
    assert_eq!(found(&r"(\pL{1000}){1000}".repeat(2), "a"), "the regular expression is too large");
}

mod properties {
    use super::super::go;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// What is translated is a pattern of the crate, but for names of classes.
        #[test]
        fn a_translation_compiles(pattern in r"([a-c().*+?|^$\[\]\\dwsbQEpx{}0-9,:<>P&~-]|\\[dwsbn.]|\[[a-c-]+\]){0,12}") {
            if let Ok(translated) = go::translate(&pattern) {
                let built = regex::Regex::new(&translated.pattern);
                prop_assert!(built.is_ok() || translated.pattern.contains(r"\p"), "{pattern} {built:?}");
            }
        }
    }
}
