use super::super::find;
use super::super::json;
use crate::diag::{Diagnostic, SourceMap, Span};
use crate::lang::eval::{Meter, evaluate};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::Step;
use crate::lang::syntax::parse_expression;
use crate::lang::value::Value;
use proptest::prelude::*;

struct NoNames;

impl Scope for NoNames {
    fn lookup(&self, root: &str, _: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        panic!("`{root}` has no value");
    }
}

/// The value of an expression without names.
fn value(text: &str) -> Value {
    let expr = parse_expression(SourceMap::new().add("test.hcl", text), text).unwrap();
    evaluate(&expr, &NoNames).unwrap()
}

/// The answers are Terraform's (1.11.4).
#[test]
fn values_are_written_as_terraform_writes_them() {
    for (expr, expected) in [
        (r#""x\n""#, "|\n  x\n"),
        (r#""x\n\n""#, "|+\n  x\n\n"),
        (r#""x\ny""#, "|-\n  x\n  y\n"),
        (r#"" x\ny""#, "|2-\n   x\n  y\n"),
        (r#""x \ny""#, "\"x \\ny\"\n"),
        (r#""x\ty\nz""#, "\"x\\ty\\nz\"\n"),
        (r#""\nx""#, "|2-\n\n  x\n"),
        (r#""\n""#, "|2+\n\n"),
        (r#""x\n y\n""#, "|\n  x\n   y\n"),
        (r#""é☃\u00a0\u200b\u2028""#, "\"é☃\u{a0}\u{200b}\\L\"\n"),
        (r#""é\u2028\nx""#, "|-\n  é\u{2028}\n  x\n"),
        (r#""\ufeffx""#, "\"\\uFEFF\\x78\"\n"),
        (r#""😀""#, "\"\\U0001F600\"\n"),
        (r#""a\\b\"c/""#, "\"a\\\\b\\\"c/\"\n"),
        (r#""\u0085x\u0001\u007f""#, "\"\\Nx\\x01\\x7F\"\n"),
        (
            r#"{"a b"=1,"yes"=true,"a\nb"=2,""=3}"#,
            "\"\": 3\n? |-\n  a\n  b\n: 2\n\"a b\": 1\n\"yes\": true\n",
        ),
        (
            r#"{a=[[1,[2]],{b=1,c=[1]},{d="x\ny\n"}],e=[],f={}}"#,
            "\"a\":\n- - 1\n  - - 2\n- \"b\": 1\n  \"c\":\n  - 1\n- \"d\": |\n    x\n    y\n\"e\": []\n\"f\": {}\n",
        ),
        ("null", "null\n...\n"),
        ("1e30", "1000000000000000000000000000000\n...\n"),
        ("[[]]", "- []\n"),
        (
            r#"{a="a very long string that goes on and on and on and on beyond eighty columns of text so that it could be folded"}"#,
            "\"a\": \"a very long string that goes on and on and on and on beyond eighty columns of\n  text so that it could be folded\"\n",
        ),
    ] {
        assert_eq!(value(&format!("yamlencode({expr})")).as_str(), Some(expected), "{expr}");
    }
    let key = "a".repeat(129);
    let encoded = value(&format!("yamlencode({{{key}=[1, 2]}})"));
    assert_eq!(encoded.as_str(), Some(&*format!("? \"{key}\"\n: - 1\n  - 2\n")));
}

fn decoded(text: &str) -> String {
    match find("yamldecode").unwrap().call(vec![Value::from(text)], &Meter::default()) {
        Ok(value) => json::encode(&value).unwrap_or_else(|error| error.to_string()),
        Err(error) => error.to_string(),
    }
}

/// The answers are Terraform's (1.11.4), the words of the errors ours.
#[test]
fn documents_are_read_as_terraform_reads_them() {
    let wrong = "it is not YAML as values have it: line ";
    for (text, expected) in [
        ("~", "null"),
        ("a: +1\nb: 1.\nc: 1e3\nd: -.5", r#"{"a":1,"b":1,"c":1000,"d":-0.5}"#),
        ("a: 1_000\nb: 0o17\nc: 017\nd: 0b11", r#"{"a":"1_000","b":15,"c":17,"d":"0b11"}"#),
        (
            "a: 2001-12-14t21:59:43.10-05:00\nb: 2001-12-14 21:59:43\nc: 2001-1-4\nd: 2001-13-01",
            r#"{"a":"2001-12-14T21:59:43-05:00","b":"2001-12-14T21:59:43Z","c":"2001-01-04T00:00:00Z","d":"2001-13-01"}"#,
        ),
        ("a: <<\n<<: {b: 1}\nc: 2", r#"{"a":"\u003c\u003c","b":1,"c":2}"#),
        ("a: 1\na: 2", r#"{"a":2}"#),
        ("1: a\ntrue: b", r#"{"1":"a","true":"b"}"#),
        ("a: >\n  x\n  y\n\n  z\n", r#"{"a":"x y\nz\n"}"#),
        ("- y\n- n\n- On\n- 'on'", r#"[true,false,true,"on"]"#),
        ("a: |-\n  true\nb: |\n  1", r#"{"a":"true","b":"1\n"}"#),
        ("a: !!str 1\nb: !!int \"2\"\nc: !!binary aGk=", r#"{"a":"1","b":"2","c":"aGk="}"#),
        ("%YAML 1.1\n---\na: 1\n...\n", r#"{"a":1}"#),
        ("{a: &foo [1, 2], b: *foo}", r#"{"a":[1,2],"b":[1,2]}"#),
        ("a: 12e03\nb: .inf", "infinity cannot be written as JSON"),
        ("", "it holds no document"),
        (".nan", "1, column 1: no value is `.nan`"),
        ("a: 1\n---\nb: 2", "2, column 1: there is a second document"),
        ("<<: [{a: 1}]", "1, column 1: only a mapping can be merged"),
        ("? [a]\n: 1", "1, column 3: only strings can be keys"),
        ("~: c", "1, column 1: a key must not be null"),
        ("a: !x 1", "1, column 4: the tag `!x` is not known"),
        ("a: &x [*x]", "1, column 8: an alias refers to what it is a part of"),
    ] {
        let expected = if expected.starts_with(|c: char| c.is_ascii_digit()) && expected.contains("column") {
            format!("{wrong}{expected}")
        } else {
            expected.to_owned()
        };
        assert_eq!(decoded(text), expected, "{text:?}");
    }
}

#[test]
fn a_bomb_of_aliases_does_not_go_off() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = format!("*a{}", level - 1);
        text.push_str(&["a", &level.to_string(), ": &a", &level.to_string(), " ["].concat());
        text.push_str(&[before.as_str(); 9].join(", "));
        text.push_str("]\n");
    }
    assert_eq!(decoded(&text), "it takes more than 64 MiB");
    assert!(decoded(&"[".repeat(5_000)).contains("recursion limit exceeded"));
}

proptest! {
    #[test]
    fn strings_that_are_written_are_read_again(text in "[ -~\\n\\té☃]{0,120}") {
        let text = Value::string(crate::lang::value::normalize(&text));
        let object = Value::object([("key".into(), Value::tuple([text.clone(), text]))]);
        let encoded = find("yamlencode").unwrap().call(vec![object.clone()], &Meter::default()).unwrap();
        let again = find("yamldecode").unwrap().call(vec![encoded.clone()], &Meter::default());
        prop_assert_eq!(again, Ok(object), "{}", encoded.as_str().unwrap());
    }

    #[test]
    fn nothing_that_is_read_panics(text in "[-:?,\\[\\]{}&*!|>'\"%@`~ \\na-c0-9.<]{0,60}") {
        let _ = decoded(&text);
    }
}
