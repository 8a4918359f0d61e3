use super::*;

#[test]
fn every_function_is_documented_and_named_once() {
    let names: Vec<_> = all().map(|function| function.name).collect();
    let terraforms = include_str!("../../../tests/cases/conformance/functions.txt").lines();
    for name in terraforms {
        assert!(names.contains(&name), "{name}");
    }
    for function in all() {
        assert!(function.doc.ends_with('.') && function.doc.len() > 15, "{}", function.name);
        let params = function.params.iter().chain(&function.variadic);
        assert!(params.into_iter().all(|param| !param.name.is_empty()), "{}", function.name);
        assert!(find(&format!("core::{}", function.name)).is_some());
    }
}

/// No function shows what is marked, and none gives a known result for arguments that are not known, but for those
/// that look at types only.
#[test]
fn unknown_and_marked_arguments_are_dealt_with() {
    let looks_at_types =
        ["length", "keys", "issensitive", "sensitive", "nonsensitive", "ephemeralasnull", "type"];
    let unmarks = ["nonsensitive", "type"];
    for function in all().filter(|function| {
        function.lazily().is_none()
            && !(function.params.is_empty() && function.variadic.is_none())
            && !looks_at_types.contains(&function.name)
    }) {
        let args: Vec<_> = function
            .params
            .iter()
            .chain(&function.variadic)
            .map(|param| Value::unknown(param.ty()).marked(Marks::SENSITIVE))
            .collect();
        if let Ok(value) = function.call(args, &Meter::default()) {
            assert!(value.is_unknown(), "{}", function.name);
            assert!(unmarks.contains(&function.name) || value.marks().is_sensitive(), "{}", function.name);
        }
    }
}

/// The reference page, from what the table of functions says.
fn page() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(
        "# Functions\n\nAll functions of Terraform 1.11 with its results, and some of our own. Arguments are converted to the types of \
         the parameters; `...` stands for any number of arguments. A result is unknown if an argument is, and sensitive \
         if one is, unless the function says otherwise.\n",
    );
    for (topic, functions) in TOPICS {
        let _ = write!(page, "\n## {topic}\n");
        let mut functions: Vec<_> = functions.iter().collect();
        functions.sort_by_key(|function| function.name);
        for function in functions {
            let shown = |param: &Param| match param.ty() {
                Type::Any => param.name.to_owned(),
                ty => format!("{}: {ty}", param.name),
            };
            let mut params: Vec<String> = function.params.iter().map(shown).collect();
            params.extend(function.variadic.iter().map(|param| format!("{}...", shown(param))));
            let _ = write!(page, "\n### `{}({})`\n\n{}\n", function.name, params.join(", "), function.doc);
        }
    }
    page
}

/// `MLO_UPDATE=1` writes the page anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test that can renew its own expectation")]
fn the_reference_page_is_what_the_table_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    if std::env::var("MLO_UPDATE").is_ok_and(|update| update == "1") {
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), page().as_bytes()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(page(), written, "docs/functions.md is not up to date; MLO_UPDATE=1 renews it");
}
