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
