use super::{file, print, rendered};
use crate::lang::syntax::ast::Item;

#[test]
fn bodies_read_as_written() {
    for (text, tree) in [
        ("", ""),
        ("\n\n# nothing\n", ""),
        ("a = 1", "a = 1"),
        ("a = 1\r\nb = 2\r\n", "a = 1; b = 2"),
        ("b {}", "b {  }"),
        ("b { a = 1 }", "b { a = 1 }"),
        ("b {\n}\n", "b {  }"),
        (
            "resource \"t\" \"n\" {\n  a = 1\n  b {\n    c = 2\n  }\n}\n",
            "resource \"t\" \"n\" { a = 1; b { c = 2 } }",
        ),
        ("b l \"m\" {\n}", "b \"l\" \"m\" {  }"),
        ("b \"\\u00e9\" {}", "b \"é\" {  }"),
        ("a = [\n  1, # one\n  2,\n]\n", "a = [1, 2]"),
        ("a = <<EOT\nx\nEOT\nb = 1\n", "a = \"x\\n\"; b = 1"),
        ("for = 1\nif = 2\nnull = 3\n", "for = 1; if = 2; null = 3"),
        ("a = 1 # c\nb = 2 // c\nc = 3 /* c\n */\n", "a = 1; b = 2; c = 3"),
    ] {
        let (parsed, sources) = file(text);
        assert_eq!(rendered(&parsed.diagnostics, &sources), "", "{text}");
        assert_eq!(print::body(&parsed.file.body), tree, "{text}");
    }
}

#[test]
fn spans_cover_what_they_name() {
    let (parsed, sources) = file("a = 1 + b.c[0] # c\nresource \"t\" \"n\" {\n  x = f(y...)\n}\n");
    let mut covered = Vec::new();
    for item in &parsed.file.body.items {
        match item {
            Item::Attribute(it) => covered.extend([it.span, it.name.span, it.value.span]),
            Item::Block(it) => {
                covered.extend([it.span, it.header, it.kind.span, it.body.span]);
                covered.extend(it.labels.iter().map(|label| label.span));
                covered.extend(it.body.attributes().map(|it| it.value.span));
            }
        }
    }
    let covered: Vec<_> = covered.into_iter().map(|span| sources.text(span)).collect();
    assert_eq!(
        covered,
        [
            "a = 1 + b.c[0]",
            "a",
            "1 + b.c[0]",
            "resource \"t\" \"n\" {\n  x = f(y...)\n}",
            "resource \"t\" \"n\"",
            "resource",
            "\n  x = f(y...)\n",
            "\"t\"",
            "\"n\"",
            "f(y...)",
        ]
    );
}

#[test]
fn after_an_error_the_rest_of_the_file_is_read() {
    for (text, tree, errors) in [
        ("a = = 1\nb = 2\n", "b = 2", 1),
        ("a = [1, 2\nb = 2\n", "b = 2", 1),
        ("a = {\n  x = \n  y = 1\n}\nb = 2\n", "b = 2", 1),
        ("r \"x\" {\n  a = 'x'\n  b = 2\n}\nc = 3\n", "r \"x\" { b = 2 }; c = 3", 1),
        (
            "r \"x\" {\n  a = f(1,,2)\n  s {\n    c = ]\n    d = 4\n  }\n}\nc = 3\n",
            "r \"x\" { s { d = 4 } }; c = 3",
            2,
        ),
        ("r \"x\n{\n  a = 1\n}\nb = 2\n", "b = 2", 1),
        ("a = \"${x\nb = 2\n", "b = 2", 1),
        ("a = \"one\ntwo\"\nb = 2\n", "b = 2", 1),
        ("a = \"one\nb = \"two\nc = 3\n", "c = 3", 2),
        ("}\nb = 2\n", "b = 2", 1),
        ("r {\na = = 1\n}\nb = 2\n", "r {  }; b = 2", 1),
        ("a = 1 b = 2\nc = 3", "c = 3", 1),
    ] {
        let (parsed, sources) = file(text);
        let messages = rendered(&parsed.diagnostics, &sources);
        assert_eq!(parsed.diagnostics.len(), errors, "{text}\n{messages}");
        assert_eq!(print::body(&parsed.file.body), tree, "{text}\n{messages}");
    }
}
