//! Answers as `opa` gives them: each row was asked of it, and `cargo xtask test` asks it again through its own cases.

use super::*;

/// What a function answers; an error in words.
fn call(name: &str, arguments: &str) -> String {
    let (.., function) = BUILTINS.iter().find(|(own, ..)| *own == name).unwrap();
    let Value::Array(values) = Value::from_json_str(arguments).unwrap() else { panic!("{arguments}") };
    match function(&values.to_vec()) {
        Ok(value) => value.to_string(),
        Err(wrong) => format!("error: {wrong}"),
    }
}

#[test]
fn sprintf_writes_what_go_writes() {
    for (format, values, expected) in [
        ("%s and %v", r#"["a", "b"]"#, "a and b"),
        ("%d%%", "[5]", "5%"),
        ("%5d|%-5d|%05d|%+d|% d", "[5, 5, 5, 5, 5]", "    5|5    |00005|+5| 5"),
        (
            "%05d|%+05d|%x|%X|%#x|%b|%o|%O",
            "[-42, 42, 255, 255, 255, 5, 8, 8]",
            "-0042|+0042|ff|FF|0xff|101|10|0o10",
        ),
        ("%c|%q|%U", "[65, 65, 65]", "A|'A'|U+0041"),
        (
            "%f|%.2f|%8.3f|%-8.1f|%08.3f|%+.1f",
            "[1.5, 1.255, 3.14159, 2.55, -3.14159, 2.5]",
            "1.500000|1.25|   3.142|2.5     |-003.142|+2.5",
        ),
        ("%e|%.2e|%E", "[1234.5, 0.00012345, 1.5]", "1.234500e+03|1.23e-04|1.500000E+00"),
        (
            "%g|%g|%.3g|%v|%v|%v",
            "[0.1, 1234567.5, 1234.5678, 0.72, 1e-7, 123456.7]",
            "0.1|1.2345675e+06|1.23e+03|0.72|1e-07|123456.7",
        ),
        ("%5s|%-5s|%.2s|%q|%x", r#"["ab", "ab", "abc", "a\"b\n", "hi"]"#, r#"   ab|ab   |ab|"a\"b\n"|6869"#),
        ("%t|%d|%s", r#"[true, "x", 5]"#, "%!t(string=true)|%!d(string=x)|%!s(int=5)"),
        ("%d", "[1.5]", "%!d(float64=1.5)"),
        ("%f", "[100]", "%!f(int=100)"),
        ("%d %d", "[1]", "1 %!d(MISSING)"),
        ("%d", "[1, 2, \"a\"]", "1%!(EXTRA int=2, string=a)"),
        ("%", "[]", "%!(NOVERB)"),
        ("%T %T %T", r#"[1, 1.5, "a"]"#, "int float64 string"),
        ("%v", r#"[{"a": [1, "x", null, true]}]"#, r#"{"a": [1, "x", null, true]}"#),
        ("%*d", "[5, 1]", "    1"),
    ] {
        let arguments = Value::from(vec![Value::from(format), Value::from_json_str(values).unwrap()]);
        assert_eq!(call("sprintf", &arguments.to_string()), Value::from(expected).to_string(), "{format}");
    }
    for (arguments, expected) in [
        (r#"["%d", 1]"#, "error: operand 2 must be array but got number"),
        ("[1, []]", "error: operand 1 must be string but got number"),
        (r#"["%[1]d", [1]]"#, "error: arguments by number, `%[1]d`, are not supported"),
        (r#"["%999999999d", [1]]"#, "error: a width or precision of more than 100000"),
    ] {
        assert_eq!(call("sprintf", arguments), expected);
    }
}

#[test]
fn the_other_functions_answer_as_opa_does() {
    for (name, arguments, expected) in [
        ("strings.split_n", r#"["a,b,c", ",", 2]"#, r#"["a","b"]"#),
        ("strings.split_n", r#"["a,b,c", ",", -1]"#, r#"["c"]"#),
        ("strings.split_n", r#"["abc", "", 2]"#, r#"["a","b"]"#),
        ("strings.split_n", r#"["abc", ",", 9]"#, r#"["abc"]"#),
        ("strings.split_n", r#"["abc", ",", 0]"#, "[]"),
        ("array.flatten", "[[1, [2, [3]], [], 4]]", "[1,2,[3],4]"),
        ("strings.count", r#"["11111", "11"]"#, "2"),
        ("strings.count", r#"["abc", ""]"#, "4"),
        ("strings.replace_n", r#"[{"a": "b", "b": "a"}, "abba"]"#, r#""baab""#),
        ("strings.replace_n", r#"[{"a": "Xa", "ab": "X"}, "ab\u00e9"]"#, "\"Xab\u{e9}\""),
        ("strings.replace_n", r#"[{"": "x"}, "a"]"#, "error: an empty pattern is not supported"),
        ("glob.match", r#"["a*c", null, "abc"]"#, "true"),
        (
            "glob.match",
            r#"["{**/,}x", null, "x"]"#,
            "error: an alternative that is empty is not supported: write two patterns",
        ),
        ("units.parse_bytes", r#"["1KiB"]"#, "1024"),
        ("units.parse", r#"["10e10000000"]"#, "error: exponent too large"),
        ("yaml.unmarshal", r#"["a: 1"]"#, r#"{"a":1}"#),
        ("yaml.is_valid", r#"["---\na: 1\n"]"#, "true"),
        (
            "yaml.is_valid",
            r#"["a: 1\n---\n\tb: 2\n"]"#,
            "error: text of more than one YAML document is not supported",
        ),
        ("array.flatten", "[1]", "error: operand 1 must be array but got number"),
        ("crypto.md5", r#"["abc"]"#, r#""900150983cd24fb0d6963f7d28e17f72""#),
        ("crypto.sha1", r#"["abc"]"#, r#""a9993e364706816aba3e25717850c26c9cd0d89d""#),
        (
            "crypto.sha256",
            r#"["abc"]"#,
            r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
        ),
        (
            "crypto.hmac.sha256",
            r#"["abc", "key"]"#,
            r#""9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab""#,
        ),
        ("crypto.hmac.equal", r#"["a", "a"]"#, "true"),
        ("net.cidr_intersects", r#"["10.0.0.0/8", "10.1.0.0/16"]"#, "true"),
        ("net.cidr_intersects", r#"["10.0.0.0/8", "11.0.0.0/8"]"#, "false"),
        ("net.cidr_intersects", r#"["0.0.0.0/0", "::/0"]"#, "false"),
        ("net.cidr_intersects", r#"["x", "::/0"]"#, "error: `x` is neither an address nor a range"),
        (
            "net.cidr_merge",
            r#"[["192.0.128.0/24", "192.0.129.0/24", "10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16"]]"#,
            r#"["10.0.0.0/8","192.0.128.0/23"]"#,
        ),
        (
            "net.cidr_contains_matches",
            r#"["1.1.1.0/24", "1.1.1.128/25"]"#,
            r#"[["1.1.1.0/24","1.1.1.128/25"]]"#,
        ),
        ("net.cidr_contains_matches", r#"[["1.1.1.0/24", "1.1.2.0/24"], {"x": "1.1.2.1"}]"#, r#"[[1,"x"]]"#),
        ("io.jwt.decode", r#"["e30.e30."]"#, r#"[{},{},""]"#),
        ("io.jwt.decode", r#"["e30.e30"]"#, "error: encoded JWT must have 3 sections"),
        ("io.jwt.decode", r#"["e30.W10."]"#, "error: a part of the JWT is not a JSON object"),
        (
            "io.jwt.verify_hs256",
            r#"["eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtZSJ9.tm692W26NcWunnEM9L0w6IX706O_VbaB_sGcOOyfNoE", "secret"]"#,
            "true",
        ),
        (
            "io.jwt.verify_hs256",
            r#"["eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJtZSJ9.tm692W26NcWunnEM9L0w6IX706O_VbaB_sGcOOyfNoE", "other"]"#,
            "false",
        ),
    ] {
        assert_eq!(call(name, arguments), expected, "{name}({arguments})");
    }
}
