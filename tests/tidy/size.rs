//! A function fits on a screen, a file in a head, and nothing large lies in the repository.

use super::repository::Repository;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 700;

/// Lines of a function, from `fn` to its last brace. A test may be longer: it is a table.
const FUNCTION_LINES_MAX: usize = 80;

/// Bytes of a file: what is larger is obtained, not committed.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

fn too_large(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in repository.files.iter().filter(|(_, bytes)| *bytes > FILE_BYTES_MAX) {
        found.push(format!("{path}: {bytes} bytes, at most {FILE_BYTES_MAX}"));
    }
    for source in &repository.sources {
        if source.product_lines > FILE_LINES_MAX {
            let (path, lines) = (&source.path, source.product_lines);
            found.push(format!("{path}: {lines} lines without tests, at most {FILE_LINES_MAX}"));
        }
        let functions = if source.is_test() { Vec::new() } else { source.functions() };
        for function in functions.iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
            let (path, line, name, lines) = (&source.path, function.line, &function.name, function.lines);
            found.push(format!("{path}:{line}: {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
    }
    found
}

#[test]
fn files_and_functions_are_short() {
    assert_eq!(too_large(Repository::this()), [""; 0]);
}

#[test]
fn what_is_too_large_is_found() {
    let long_file = "//\n".repeat(FILE_LINES_MAX + 1);
    let long_function = format!("\nfn long() {{\n{}}}", "    x();\n".repeat(FUNCTION_LINES_MAX - 1));
    let heavy = "x".repeat(1024 * 1024 + 1);
    let files = [("a.rs", long_file.as_str()), ("b.rs", long_function.as_str()), ("wheel", heavy.as_str())];
    assert_eq!(
        too_large(&Repository::of(&files)),
        [
            "wheel: 1048577 bytes, at most 1048576",
            "a.rs: 701 lines without tests, at most 700",
            "b.rs:2: long has 81 lines, at most 80",
        ]
    );
}

#[test]
fn at_the_limit_is_not_too_large_and_tests_do_not_count() {
    let file =
        format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(FILE_LINES_MAX), "//\n".repeat(9));
    let function = format!("fn long() {{\n{}}}", "    x();\n".repeat(FUNCTION_LINES_MAX - 2));
    assert_eq!(too_large(&Repository::of(&[("a.rs", &file), ("b.rs", &function)])), [""; 0]);
}
