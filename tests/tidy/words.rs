//! Words and attributes that may not stand in the repository, or only in one place.

use super::repository::Repository;

/// Left for later: what is not done is not promised in a comment either. (In halves, so that this file has none.)
const LATER: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// Where packages come from is the business of the clients that fetch them, and of their configuration.
const REGISTRIES: [&str; 8] = [
    concat!("py", "pi.org"),
    concat!("pythonhosted", ".org"),
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("golang", ".org"),
    concat!("docker", ".io"),
    concat!("deb.", "debian.org"),
];

/// Written by a client, or by others.
const NOT_OURS: [&str; 4] = ["Cargo.lock", "LICENSE", "tests/cluster/go.mod", "tests/cluster/go.sum"];

/// The one reason not to run a test by itself: another one does.
const CHILD: &str = "#[ignore = \"a child process of another test\"]";

/// Lines with a word that may not be there.
fn words(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for file in repository.texts.iter().filter(|file| !NOT_OURS.contains(&file.path.as_str())) {
        for (index, line) in file.text.lines().enumerate() {
            let mut names = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let later = names.find(|name| LATER.contains(name));
            let registry = REGISTRIES.iter().copied().find(|host| line.contains(host));
            found.extend(later.or(registry).map(|word| format!("{}:{}: {word}", file.path, index + 1)));
        }
    }
    found
}

/// What code may not do, wherever it is.
fn code(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for source in &repository.sources {
        let (path, squeezed) = (&source.path, squeezed(&source.code));
        if squeezed.matches("#[ignore").count() > source.text.matches(CHILD).count() {
            found.push(format!("{path}: an ignored test checks nothing"));
        }
        if !source.is_test() && squeezed.contains("[allow(") {
            found.push(format!("{path}: `expect` instead of `allow`: it goes when it is not needed"));
        }
        if ["[expect(", "[allow("].iter().any(|attribute| lacks_reason(&squeezed, attribute)) {
            found.push(format!("{path}: a lint is switched off without a reason"));
        }
        if squeezed.contains("feature=") && path != FEATURES {
            found.push(format!("{path}: features are for {FEATURES} only"));
        }
        if !source.is_test() && self::squeezed(&source.product).contains(".unwrap()") {
            found.push(format!("{path}: `unwrap` outside tests says nothing of why it holds"));
        }
    }
    found
}

/// Whether one of these attributes has no reason. `attribute` is its beginning, such as `[expect(`.
fn lacks_reason(squeezed: &str, attribute: &str) -> bool {
    let mut each = squeezed.split(attribute).skip(1).map(|rest| rest.split(")]").next().unwrap_or_default());
    each.any(|inside| !inside.contains("reason="))
}

/// The one place that chooses by features: which providers are built in.
const FEATURES: &str = "src/provider/mod.rs";

/// Code without white space: what is looked for may stand on several lines.
fn squeezed(code: &str) -> String {
    code.split_whitespace().collect()
}

#[test]
fn no_word_is_out_of_place() {
    assert_eq!(words(Repository::this()), [""; 0]);
}

#[test]
fn no_code_is_out_of_place() {
    assert_eq!(code(Repository::this()), [""; 0]);
}

#[test]
fn a_word_out_of_place_is_found() {
    let later = format!("# {}: later\nmethod: XXXL\n", LATER[0]);
    let host = format!("index = https://{}/simple\n", REGISTRIES[0]);
    let files = [("a.yaml", later.as_str()), ("b.toml", host.as_str()), ("Cargo.lock", host.as_str())];
    assert_eq!(
        words(&Repository::of(&files)),
        [format!("a.yaml:1: {}", LATER[0]), format!("b.toml:1: {}", REGISTRIES[0])]
    );
}

#[test]
fn code_out_of_place_is_found() {
    let rows = [
        ("#[test]\n#[ignore = \"slow\"]\nfn a() {}", "an ignored test checks nothing"),
        (
            "#[allow(dead_code, reason = \"a\")]\nfn a() {}",
            "`expect` instead of `allow`: it goes when it is not needed",
        ),
        ("#[expect(dead_code)]\nfn a() {}", "a lint is switched off without a reason"),
        ("#[cfg(feature = \"aws\")]\nmod aws;", "features are for src/provider/mod.rs only"),
        ("fn a() { b()\n.unwrap() }", "`unwrap` outside tests says nothing of why it holds"),
    ];
    for (text, expected) in rows {
        assert_eq!(code(&Repository::of(&[("src/a.rs", text)])), [format!("src/a.rs: {expected}")], "{text}");
    }
}

#[test]
fn code_in_its_place_is_not_found() {
    let files = [
        ("src/provider/mod.rs", "#[cfg(feature = \"aws\")]\nmod aws;"),
        (
            "src/a.rs",
            "#[expect(\n    dead_code,\n    reason = \"b\",\n)]\nfn a() { b.unwrap_or(c) } // .unwrap()",
        ),
        ("tests/child.rs", CHILD),
        ("tests/c.rs", "#![allow(dead_code, reason = \"two binaries share it\")]\nfn a() { b.unwrap() }"),
        ("src/b.rs", "#[cfg(test)]\nmod tests { fn a() { b.unwrap() } }"),
    ];
    assert_eq!(code(&Repository::of(&files)), [""; 0]);
}
