//! What is said of errors: where, what, and the values involved.

use super::{Names, errors, object};
use crate::diag::{SourceMap, Style, render};
use crate::lang::eval::evaluate;
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Marks, Type, Value};

fn rendered(text: &str, names: &Names) -> String {
    let mut sources = SourceMap::new();
    let source = sources.add("main.hcl", text);
    let expr = parse_expression(source, text).unwrap();
    let errors = evaluate(&expr, names).unwrap_err();
    errors.iter().map(|error| render(error, &sources, Style::Plain)).collect()
}

fn names() -> Names {
    let server = object(&[("port", 80.into()), ("hosts", Value::list(Type::String, ["a".into()]))]);
    Names::default()
        .with("var", object(&[("count", 5.into()), ("server", server), ("none", Value::null())]))
        .with("secret", Value::from("hunter2").marked(Marks::SENSITIVE))
        .with(
            "secrets",
            Value::list(Type::String, ["hunter2".into(), "hunter2".into()]).marked(Marks::SENSITIVE),
        )
        .with("later", Value::unknown(Type::String))
}

#[test]
fn a_message_shows_the_place_and_the_values_involved() {
    assert_eq!(
        rendered("var.count + var.server", &names()),
        "\
error[MLO1502]: `+` needs numbers, but this is an object
 --> main.hcl:1:13
  |
1 | var.count + var.server
  |             ^^^^^^^^^^ a number is required, but this is an object
  |
  = Here `var.server` is an object with 2 attributes.
"
    );
    assert_eq!(
        rendered("var.server.prot", &names()),
        "\
error[MLO1500]: this object has no attribute `prot`
 --> main.hcl:1:12
  |
1 | var.server.prot
  |            ^^^^ no such attribute
  |
  = It has `hosts`, `port`.
  = help: did you mean `port`?
"
    );
    assert_eq!(
        rendered("parseint(\"zz\", var.count * 100)", &names()),
        "\
error[MLO1508]: the argument `base` of `parseint` does not fit
 --> main.hcl:1:16
  |
1 | parseint(\"zz\", var.count * 100)
  |                ^^^^^^^^^^^^^^^ the base must be a whole number from 2 to 62
  |
  = Here `var.count` is 5.
"
    );
    assert_eq!(
        rendered("try(var.none.a, [][0])", &names()),
        "\
error[MLO1509]: none of the expressions of `try` has a value
 --> main.hcl:1:1
  |
1 | try(var.none.a, [][0])
  | ^^^^^^^^^^^^^-^^^^^-^^
  | |            |     |
  | |            |     there is no element 0: a tuple is empty here
  | |            null has no attribute `a`
  | all of these fail
"
    );
}

#[test]
fn each_error_says_what_is_wrong() {
    for (text, expected) in [
        ("true + 1", "`+` needs numbers, but this is a bool"),
        ("1 && true", "`&&` needs bools, but this is a number"),
        ("!\"x\"", "`!` needs bools, but this is a string"),
        ("null + 1", "an operand of `+` is null"),
        ("0 / 0", "`/` has no result here: the result is not a number"),
        ("null.a", "null has no attribute `a`"),
        ("null[0]", "null has no elements"),
        ("[1][null]", "null cannot be an index"),
        ("\"x\".a", "a string has no attributes"),
        ("\"abc\"[0]", "a string has no elements to index"),
        ("toset([1])[0]", "a set of number has no elements to index"),
        ("[1][3]", "there is no element 3"),
        ("[1][-1]", "an index must not be negative"),
        ("[1, 2][0.5]", "an index must be a whole number"),
        ("[1][\"a\"]", "a tuple is not indexed by a string"),
        ("{ a = 1 }[\"b\"]", "an object here has no element \"b\""),
        ("tolist([{ a = 1 }]).a", "a list of object has no attributes"),
        ("tolist(null)[*]", "a list that is null has no elements"),
        ("true ? 1 : [1]", "the two values of this condition have no type in common"),
        ("null ? 1 : 2", "this condition is null, neither true nor false"),
        ("[1] ? 1 : 2", "a condition must be a bool, but this is a tuple"),
        ("{ (null) = 1 }", "a key is null"),
        ("{ ([1]) = 1 }", "a tuple cannot be a key"),
        ("{ var.a = 1 }", "it is not clear whether this key is a name or a reference"),
        ("{ for x in [1, 1] : x => x }", "the key `1` comes twice"),
        ("[for x in 5 : x]", "a number has no elements to walk over"),
        ("[for x in null : x]", "null has no elements to walk over"),
        ("\"${null}x\"", "null has no text to put into a string"),
        ("\"a${[1]}\"", "a tuple has no text to put into a string"),
        ("uper(\"a\")", "there is no function `uper`"),
        ("cidrhost(\"a\", 1)", "the argument `prefix` of `cidrhost` does not fit"),
        ("upper()", "`upper` needs 1 argument, but there are 0"),
        ("upper(\"a\", \"b\")", "`upper` takes only 1 argument, but there are 2"),
        ("join()", "`join` needs at least 1 argument, but there are 0"),
        ("upper([])", "the argument `str` of `upper` does not fit"),
        ("upper(null)", "the argument `str` of `upper` does not fit"),
        ("max()", "`max` has no result here"),
        ("max(5...)", "a number cannot be expanded into arguments"),
        ("alltrue(toset([later, \"x\"]))", "the argument `list` of `alltrue` does not fit"),
        ("type(1)", "`type` has no result here"),
        ("try()", "`try` needs at least 1 argument"),
        ("nothing", "nothing is called `nothing`"),
    ] {
        assert_eq!(errors(text, &names()), [expected], "{text}");
    }
}

#[test]
fn errors_of_independent_parts_are_all_said() {
    for (text, expected) in [
        ("(true + 1) * (null + 1)", 2),
        ("[x, y, z]", 3),
        ("{ a = x, (y) = z }", 3),
        ("\"${x} ${y}\"", 2),
        ("upper(x, y)", 2),
        ("nope(x)", 2),
        ("x[y]", 2),
        ("-x + -y", 2),
        ("[for i in [1, 2] : x]", 1),
        ("true ? x : y", 1),
        ("x ? y : z", 1),
    ] {
        assert_eq!(errors(text, &Names::default()).len(), expected, "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    for text in [
        "secret + 1",
        "tonumber(secret)",
        "tobool(secret)",
        "{ a = 1 }[secret]",
        "lookup({ a = 1 }, secret)",
        "[for x in secrets : tonumber(x)]",
        "{ for x in secrets : x => 1 }",
        "[for x in secrets : { a = 1 }[x]]",
        "[for x in secrets : lookup({ a = 1 }, x)]",
        "\"%{ for x in secrets }${x + 1}%{ endfor }\"",
        "jsondecode(\"{\\\"${secret}\\\":1,\\\"${secret}\\\":[]}\")",
        "format(\"%${secret}é\", 1)",
        "transpose({ (secret) = null })",
    ] {
        let text = rendered(text, &names());
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(rendered("secret + 1", &names()).contains("`secret` is sensitive"));
    assert!(rendered("[later] + 1", &names()).contains("`later` is not known yet"));
}
