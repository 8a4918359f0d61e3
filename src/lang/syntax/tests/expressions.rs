use super::print;
use crate::diag::SourceMap;
use crate::lang::syntax::parse_expression;

fn read(text: &str) -> String {
    let mut sources = SourceMap::new();
    let source = sources.add("expression", text);
    match parse_expression(source, text) {
        Ok(expr) => print::expr(&expr),
        Err(diagnostics) => panic!("{text}\n{}", super::rendered(&diagnostics, &sources)),
    }
}

fn check(rows: &[(&str, &str)]) {
    for (text, tree) in rows {
        assert_eq!(read(text), *tree, "{text}");
    }
}

#[test]
fn literals_and_names() {
    check(&[
        ("null", "null"),
        ("true", "true"),
        ("12", "12"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("25E-1", "2.5"),
        ("x", "x"),
        ("größe-2_a", "größe-2_a"),
        ("_x", "_x"),
        ("nullable", "nullable"),
        ("( x )", "(x)"),
        ("# first\n x // last", "x"),
        ("/* before */ x /* after */", "x"),
        ("\u{feff}x", "x"),
    ]);
}

#[test]
fn operators_bind_as_in_hcl_and_chains_are_flat() {
    check(&[
        ("a + b - c + d", "<a + b - c + d>"),
        ("a + b * c - d", "<a + <b * c> - d>"),
        ("a * b + c", "<<a * b> + c>"),
        ("a || b && c == d < e + f * g", "<a || <b && <c == <d < <e + <f * g>>>>>>"),
        ("a * b + c < d == e && f || g", "<<<<<<a * b> + c> < d> == e> && f> || g>"),
        ("a == b == c", "<a == b == c>"),
        ("a % b / c", "<a % b / c>"),
        ("-a + b", "<-<a> + b>"),
        ("-a.b[0]", "-<a.b[0]>"),
        ("!a == b", "<!<a> == b>"),
        ("!!a", "!<!<a>>"),
        ("1 - -1", "<1 - -<1>>"),
        ("a >= b != (c <= d)", "<<a >= b> != (<c <= d>)>"),
        ("a ? b : c", "<a ? b : c>"),
        ("a ? b : c ? d : e", "<a ? b : c ? d : e>"),
        ("a ? b ? c : d : e", "<a ? <b ? c : d> : e>"),
        ("a || b ? c + d : e + f", "<<a || b> ? <c + d> : <e + f>>"),
        ("(a\n+\nb)", "(<a + b>)"),
        ("a-b", "a-b"),
        ("a -b", "<a - b>"),
    ]);
}

#[test]
fn steps_and_splats_reach_as_far_as_in_hcl() {
    check(&[
        ("a.b.c", "a.b.c"),
        ("a[0].b[\"k\"]", "a[0].b[\"k\"]"),
        ("a.0.b", "a[0].b"),
        ("a[b[c]]", "a[b[c]]"),
        ("a[\n0\n]", "a[0]"),
        ("a[*].b[0].c", "a[*]<.b[0].c>"),
        ("a.*.b.0.c", "a.*<.b[0].c>"),
        ("a.*.b[0].c", "a.*<.b>[0].c"),
        ("a[*][*].b", "a[*]<[*]<.b>>"),
        ("a.*.b[*].c", "a.*<.b>[*]<.c>"),
        ("a[*].b.*.c", "a[*]<.b.*<.c>>"),
        ("a.*", "a.*<>"),
        ("f(x).y", "f(x).y"),
        ("[1, 2][0]", "[1, 2][0]"),
        ("{a = 1}.a", "{a = 1}.a"),
        ("\"x\".y", "\"x\".y"),
        ("a.for.if", "a.for.if"),
        ("a.true", "a.true"),
    ]);
}

#[test]
fn collections_and_calls() {
    check(&[
        ("[]", "[]"),
        ("[1, [2], ]", "[1, [2]]"),
        ("[\n1,\n2\n]", "[1, 2]"),
        ("{}", "{}"),
        ("{a = 1, b : 2}", "{a = 1, b = 2}"),
        ("{\na = 1\n\nb = 2,\n c = 3\n}", "{a = 1, b = 2, c = 3}"),
        ("{\"a b\" = 1}", "{\"a b\" = 1}"),
        ("{(a) = 1}", "{(a) = 1}"),
        ("{a.b = 1}", "{a.b = 1}"),
        ("{\"${a}\" = 1}", "{wrap(a) = 1}"),
        ("{true = 1, null = 2, 3 = 4}", "{true = 1, null = 2, 3 = 4}"),
        ("{a = b ? c : d}", "{a = <b ? c : d>}"),
        ("{a = (\n1\n+\n2)\n}", "{a = (<1 + 2>)}"),
        ("f()", "f()"),
        ("f(a, b)", "f(a, b)"),
        ("f(\na,\nb,\n)", "f(a, b)"),
        ("f(a...)", "f(a...)"),
        ("f(1...)", "f(1...)"),
        ("provider::mlo::f(x)", "provider::mlo::f(x)"),
        ("f (x)", "f(x)"),
        ("true(x)", "true(x)"),
    ]);
}

#[test]
fn for_expressions() {
    check(&[
        ("[for v in c : v]", "for(v in c : v)"),
        ("[for k, v in c : k if v]", "for(k, v in c : k if v)"),
        ("{for v in c : v.k => v}", "for(v in c : v.k => v)"),
        ("{for k, v in c : k => v... if v != null}", "for(k, v in c : k => v... if <v != null>)"),
        ("[\nfor v in c :\nv\nif v\n]", "for(v in c : v if v)"),
        ("{\nfor v in c :\nv\n=>\n{\na = 1\n}\n}", "for(v in c : v => {a = 1})"),
        ("[for v in a ? b : c : v ? 1 : 2]", "for(v in <a ? b : c> : <v ? 1 : 2>)"),
        ("[for x in [for y in c : y] : x]", "for(x in for(y in c : y) : x)"),
    ]);
}

#[test]
fn strings_and_their_escapes() {
    check(&[
        (r#""""#, r#""""#),
        (r#""a b""#, r#""a b""#),
        (r#""\n\r\t\"\\""#, r#""\n\r\t\"\\""#),
        (r#""\u00e9\U0001F600""#, r#""é😀""#),
        ("\"e\u{301} e\\u0301\"", "\"é é\""),
        (r#""$${a} %%{b}""#, r#""${a} %{b}""#),
        (r#""$$${a}""#, r#""$${a}""#),
        (r#""100% $5 $$ %%""#, r#""100% $5 $$ %%""#),
        ("\"# not // a /* comment\"", "\"# not // a /* comment\""),
        (r#""it's""#, r#""it's""#),
    ]);
}

#[test]
fn templates() {
    check(&[
        (r#""${x}""#, "wrap(x)"),
        (r#""${~ x ~}""#, "wrap(x)"),
        (r#""a ${x} b""#, r#"template("a ", x, " b")"#),
        (r#""${x}${y}""#, "template(x, y)"),
        (r#""a ${~ x ~} b""#, r#"template("a", x, "b")"#),
        (r#""${x ~} ""#, "template(x)"),
        (r#""${"a"}""#, r#"wrap("a")"#),
        (r#""${ {a = "}"} }""#, r#"wrap({a = "}"})"#),
        (r#""${x[y["${z}"]]}!""#, r#"template(x[y[wrap(z)]], "!")"#),
        (r#""%{ if a }b%{ else }c%{ endif }""#, r#"template(if a <"b"> else <"c">)"#),
        (r#""%{ if a ~} b %{~ endif }""#, r#"template(if a <"b"> else <>)"#),
        (r#""%{ for k, v in c }${k}=${v};%{ endfor }""#, r#"template(for k, v in c <k, "=", v, ";">)"#),
        (
            r#""%{ for v in c }%{ if v }x%{ endif }%{ endfor }y""#,
            r#"template(for v in c <if v <"x"> else <>>, "y")"#,
        ),
        ("\"${\n  x\n}\"", "wrap(x)"),
        (r#""$%{ if a }b%{ endif }""#, r#"template("$", if a <"b"> else <>)"#),
    ]);
}

#[test]
fn heredocs_read_as_terraform_reads_them() {
    check(&[
        ("<<EOT\na\n  b\nEOT\n", r#""a\n  b\n""#),
        ("<<EOT\nEOT\n", r#""""#),
        ("<<EOT\na\n  EOT  \n", r#""a\n""#),
        ("<<EOT\na\nEOT", r#""a\n""#),
        ("<<EOT\n\\n \"q\" $${x}\nEOT\n", r#""\\n \"q\" ${x}\n""#),
        ("<<EOT\nEOTX\nEOT\n", r#""EOTX\n""#),
        ("<<EOT\r\na\r\nb ${x}\r\nEOT\r\n", r#"template("a\r\nb ", x, "\r\n")"#),
        ("<<-EOT\n    a\n      b\n\n    c\n  EOT\n", r#""a\n  b\n\nc\n""#),
        ("<<-EOT\n      a\n    ${x}\n     c\n  EOT\n", r#"template("  a\n", x, "\n c\n")"#),
        ("<<-EOT\n      a\n${x}\n  EOT\n", r#"template("      a\n", x, "\n")"#),
        // A marker takes the rest of one line, not of all that follow, and a line that it joined keeps its indentation.
        (
            "<<-EOT\n    %{ for x in c ~}\n      s ${x}\n    %{ endfor ~}\n    end\n  EOT\n",
            r#"template(for x in c <"      s ", x, "\n">, "    end\n")"#,
        ),
        (
            "<<EOT\n  foo\n    %{~ if true }\n   x ${~ y ~}   \n     z\n%{ endif ~}\nEOT\n",
            r#"template("  foo\n", if true <"\n   x", y, "     z\n"> else <>)"#,
        ),
        ("f(<<EOT\na\nEOT\n, x)", r#"f("a\n", x)"#),
        ("<<EOT\n${<<IN\nb\nIN\n}\nEOT\n", r#"template("b\n", "\n")"#),
    ]);
}
