use super::format;
use crate::diag::SourceMap;
use crate::lang::syntax::lexer::lex;
use crate::lang::syntax::token::TokenKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn formatted(text: &str) -> Option<String> {
    let mut sources = SourceMap::new();
    format(sources.add("main.hcl", text), text).ok()
}

/// What a text says: its tokens without white space and line ends.
fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
    let blank = [TokenKind::Whitespace, TokenKind::Newline, TokenKind::ByteOrderMark];
    lex(text)
        .into_iter()
        .filter(|token| !blank.contains(&token.kind))
        .map(|token| (token.kind, text[token.start as usize..token.end as usize].trim_end()))
        .collect()
}

#[test]
fn old_forms_become_those_of_today() {
    for (old, new) in [
        ("a = \"${b}\"", "a = b"),
        ("a = \"${~ b ~}\"", "a = b"),
        ("a = \"${\"${b}\"}\"", "a = b"),
        ("a = \"${f(\"${b}\")}\"", "a = f(\"${b}\")"),
        ("a = \"${\n\n  b\n}\"", "a = b"),
        ("a = \"${b ?\n 1 : 2}\"", "a = (b ?\n1 : 2)"),
        ("a = \"${(b) +\n (c)}\"", "a = ((b) +\n(c))"),
        ("a = \"${(b +\n c)}\"", "a = (b +\nc)"),
        ("a = \"${b /* c */}\"", "a = b /* c */"),
        // Without the quotes these could not be read, or would say something else.
        ("a = \"${ # c\nb}\"", "a = \"${ # c\nb}\""),
        ("a { b = \"${c # d\n}\" }", "a { b = \"${c # d\n}\" }"),
        ("a = \"${b}${c}\"", "a = \"${b}${c}\""),
        ("a = \"${b} \"", "a = \"${b} \""),
        ("a = [\"${b}\"]", "a = [\"${b}\"]"),
        ("variable a {\ntype = list\n}", "variable \"a\" {\n  type = list(any)\n}"),
        ("variable \"a\" {\ntype = \"map\"\n}", "variable \"a\" {\n  type = map(string)\n}"),
        ("output \"a\" {\ntype = \"map\"\n}", "output \"a\" {\n  type = \"map\"\n}"),
        ("type = \"string\"", "type = \"string\""),
        ("a b /* c */ \"\\u00e9\" {}", "a \"b\" /* c */ \"é\" {}"),
        ("a \"b%c$${d}\" \"\\u200b\" {}", "a \"b%c$${d}\" \"\\u200b\" {}"),
    ] {
        assert_eq!(formatted(old).as_deref(), Some(new), "{old}");
        assert_eq!(formatted(new).as_deref(), Some(new), "{new} stays");
    }
}

#[test]
fn what_has_a_syntax_error_has_no_layout() {
    for text in ["a = ", "a = \"", "}", "a b c", "/*", "a = <<X\n"] {
        assert_eq!(formatted(text), None, "{text}");
    }
}

#[test]
fn a_text_that_would_take_too_much_room_is_refused() {
    let wide = format!("{} = 1\n", "a".repeat(1_000_000));
    assert_eq!(formatted(&(wide.clone() + &"b = 1\n".repeat(100))), None);
    assert!(formatted(&(wide + "b = 1\n")).is_some());
}

#[test]
fn hostile_repetitions_take_no_longer_than_their_length_allows() {
    // `N` is another number each time: an argument is not set twice.
    for piece in [
        "aN = 1\n",
        "aN = 1 # c\n",
        "a {\n}\n",
        "/**/",
        "#\n",
        "aN = \"${b}\"\n",
        "aN = <<E\nE\n",
        "a b {}\n",
        "aN = [[[{}]]]\n",
        "\n",
        " \t",
    ] {
        let text: String =
            (0..500_000 / piece.len()).map(|number| piece.replace('N', &number.to_string())).collect();
        assert!(formatted(&text).is_some(), "{piece:?}");
    }
    let deep = format!("a = {}1{}", "\"${".repeat(90), "}\"".repeat(90));
    assert_eq!(formatted(&deep).as_deref(), Some("a = 1"));
    formatted(&format!("a = {}1{}", "\"${".repeat(100_000), "}\"".repeat(100_000)));
}

/// Statements with `·` where any white space may be, and `¶` where line ends may be too.
const STATEMENTS: &[&str] = &[
    "·a·=·1·\n",
    "·bb·=·[·¶1¶,¶-·2¶]·# c\n",
    "·größe·=·{·x·=·1·,·y·:·\"${·a·}b\"·}·\n",
    "·d·=·f·(·¶a·[·0·]·.·b¶,¶{\n·k·=·!·v·\n·}¶)·// c\n",
    "·e·=·<<-EOT\n  text ${·a·+·b·}\n  EOT\n",
    "·/* c\n c */·\n",
    "·# c\n",
    "·\n",
    "·block·\"label\"·{·\n",
    "·block·{·# c\n",
    "·block·{·}·\n",
    "·block·{·a·=·b·?·c·:·d·}·\n",
    "·}·\n",
    "·名·=·[·for·k·,·v·in·[·a·]·:·v·if·a·>=·b·]·\n",
    "·x·=·a·[·*·]·.·b·-·1·&&·(·¶a¶)·\n",
    "·y·=·\"%{·if·a·}b%{·endif·}\"·/* c */·\n",
];

fn statements() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(&["", "", " ", "  ", "\t"][..]);
    let line_end = prop::sample::select(&["", "", "\n", " # c\n", "/* d */"][..]);
    let statement = (
        prop::sample::select(STATEMENTS),
        prop::collection::vec(blank, 20),
        prop::collection::vec(line_end, 6),
    );
    let statement = statement.prop_map(|(statement, blanks, line_ends)| {
        let (mut blanks, mut line_ends) = (blanks.into_iter().cycle(), line_ends.into_iter().cycle());
        statement.chars().fold(String::new(), |text, character| match character {
            '·' => text + blanks.next().unwrap(),
            '¶' => text + line_ends.next().unwrap(),
            other => text + other.encode_utf8(&mut [0; 4]),
        })
    });
    let file = prop::collection::vec(statement, 0..12);
    // Where white space parted words, some stays.
    (file, any::<bool>()).prop_map(|(statements, windows)| {
        let text = statements.concat();
        if windows { text.replace('\n', "\r\n") } else { text }
    })
}

/// Pieces of which random rows are seldom files, and sometimes ones that nobody would write.
const PIECES: &[&str] = &[
    "a",
    "a",
    "1",
    "\"",
    "\"",
    "${",
    "}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "=",
    " = ",
    "\n",
    "\n",
    "\r\n",
    " ",
    "\t",
    "<<EOT\n",
    "EOT\n",
    "# c",
    "/* d */",
    ",",
    "-",
    "!",
    "variable \"v\" {\n",
    "type = ",
    "list",
    "a = 1\n",
    "b = \"${c}\"\n",
    "é",
    "\u{feff}",
    "in",
];

fn check(text: &str) -> Result<(), TestCaseError> {
    let Some(new) = formatted(text) else { return Ok(()) };
    let again = formatted(&new);
    prop_assert_eq!(again.as_deref(), Some(new.as_str()), "{:?} is laid out once and for all", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn layout_changes_white_space_alone_and_is_final(text in statements()) {
        if let Some(new) = formatted(&text) {
            prop_assert_eq!(tokens(&new), tokens(&text));
        }
        check(&text)?;
    }

    #[test]
    fn layout_of_anything_is_final(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn any_text_is_laid_out_or_refused(text in any::<String>()) {
        check(&text)?;
    }
}

#[test]
fn a_number_that_is_looked_into_stays_the_same_number() {
    for text in ["a = 2 .0\n", "a = b.2.c\n"] {
        assert_eq!(formatted(text).as_deref(), Some(text));
    }
}

#[test]
fn the_statements_of_these_tests_are_laid_out() {
    // Else the properties above would say little.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let files = (0..200).map(|_| statements().new_tree(&mut runner).unwrap().current());
    let laid_out = files.filter(|text| formatted(text).is_some()).count();
    assert!(laid_out > 40, "{laid_out} of 200");
}
