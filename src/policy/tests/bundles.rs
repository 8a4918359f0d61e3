//! Reading a bundle, and its digest.

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    }
    folder
}

const RULES: &str = "package model.governance\n\ndeny contains \"no\" if input.no\n";

#[test]
fn our_folder_is_the_bundle_that_is_built_in() {
    let read = Bundle::from_folder(&repository("policies")).unwrap();
    let builtin = Bundle::builtin().unwrap();
    assert_eq!(read.digest(), builtin.digest());
    assert_eq!((&read.rules, &read.data), (&builtin.rules, &builtin.data));
    assert!(read.digest().starts_with("sha256:") && read.digest().len() == 71);
}

#[test]
fn the_digest_follows_names_and_contents_but_not_tests() {
    let digest =
        |files: &[(&str, &str)]| Bundle::from_folder(folder(files).path()).unwrap().digest().to_owned();
    let first = digest(&[("a.rego", RULES), ("data.yaml", "mlo: {}")]);
    assert_eq!(first, digest(&[("data.yaml", "mlo: {}"), ("a.rego", RULES), ("a_test.rego", "package x")]));
    assert_eq!(
        first,
        digest(&[("a.rego", RULES), ("data.yaml", "mlo: {}"), ("README.md", "x"), (".hidden.rego", "")])
    );
    for other in [
        digest(&[("b.rego", RULES), ("data.yaml", "mlo: {}")]),
        digest(&[("a.rego", RULES), ("data.yaml", "mlo:  {}")]),
        digest(&[("a.rego", RULES), ("team/data.yaml", "mlo: {}")]),
        digest(&[("a.rego", RULES)]),
    ] {
        assert_ne!(first, other);
    }
}

#[test]
fn data_stands_where_its_folder_stands() {
    let files = folder(&[("data.yaml", "mlo: { allow: {} }\n"), ("team/rules/data.json", "{\"limit\": 3}")]);
    let bundle = Bundle::from_folder(files.path()).unwrap();
    assert_eq!(bundle.data, json!({ "mlo": { "allow": {} }, "team": { "rules": { "limit": 3 } } }));
}

#[test]
fn what_a_bundle_cannot_hold_is_an_error_and_never_left_out_in_silence() {
    for (files, expected) in [
        (
            vec![("a.rego", RULES), ("thresholds.yaml", "mlo: {}")],
            "policy bundle: thresholds.yaml: data of a bundle is called data.yaml, data.yml or data.json; rename the \
             file or move it out",
        ),
        (
            vec![("a.rego", RULES), ("data.yaml", "mlo:\n  a: 1\n  a: 2\n")],
            "policy bundle: data.yaml: line 3: ",
        ),
        (vec![("a.rego", RULES), ("data.yaml", "mlo: [")], "policy bundle: data.yaml: line "),
        (vec![("a.rego", RULES), ("data.yaml", "- 1")], "policy bundle: data.yaml: data must be a map"),
        (
            vec![("a.rego", RULES), ("data.yaml", "a: 1\n---\na: 2\n")],
            "policy bundle: data.yaml: it holds more than one document",
        ),
        (
            vec![("a.rego", RULES), ("data.json", "{\"a\": 1}"), ("data.yaml", "a: 2")],
            "policy bundle: data.yaml: another data file of the bundle says something else of the same key",
        ),
    ] {
        let error = Bundle::from_folder(folder(&files).path()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let missing = Bundle::from_folder(&repository("policies/nowhere")).unwrap_err();
    assert!(missing.to_string().ends_with("(os error 2)") || cfg!(windows), "{missing}");
    assert_eq!(missing.diagnostic().code.id, "MLO5003");
}

#[test]
fn a_bundle_of_the_users_own_takes_the_place_of_ours() {
    let files = folder(&[("a.rego", RULES), ("a_test.rego", "package broken {")]);
    let mut gate = Gate::new(&Bundle::from_folder(files.path()).unwrap(), "prod").unwrap();
    assert!(judge(&mut gate, json!({})).is_ok());
    let denial = judge(&mut gate, json!({ "no": true })).unwrap_err();
    assert_eq!((denial.violations[0].rule.as_str(), denial.violations[0].message.as_str()), ("deny", "no"));
}

/// A bundle of this name with one rule on models, which denies `input.no` as advice.
fn advising(name: &str, rule: &str) -> Bundle {
    let text = format!(
        "package model.governance\n\nviolation contains {{\"rule\": \"{rule}\", \"msg\": \"{rule}\", \"level\": \"advisory\"}} if \
         input.no\n\ndeny contains v.msg if some v in violation\n"
    );
    bundle(&text).named(name, name)
}

#[test]
fn an_environment_sets_levels_of_whatever_bundle_has_the_rule() {
    let mut sources = SourceMap::new();
    let span = crate::diag::Span { source: sources.add("main.hcl", "x"), start: 0, end: 1 };
    let bundles = Bundles::of(vec![advising("company", "size"), advising("team", "age")]).unwrap();
    let denied = |rule: &str| {
        let levels = [(rule.to_owned(), (Level::Mandatory, span))].into();
        let mut gates = Gates::set(&bundles, &Setting { levels, ..Setting::of("dev") }).unwrap();
        let subject = Subject { name: "m", manifest: json!({ "no": true }), place: &|_| None };
        let denial = check_manifests(&[subject], &mut gates).unwrap_err();
        denial.violations.into_iter().map(|it| (it.bundle, it.message)).collect::<Vec<_>>()
    };
    assert_eq!(denied("size"), [("company".to_owned(), "size".to_owned())]);
    assert_eq!(denied("age"), [("team".to_owned(), "age".to_owned())]);
    let strange = denied("aeg");
    assert_eq!(strange.len(), 1, "{strange:?}");
    assert!(strange[0].1.ends_with("sets the level of `aeg`, and there is no such rule"), "{strange:?}");
}

#[test]
fn the_digest_of_several_follows_each_and_their_order() {
    let digest = |bundles: Vec<Bundle>| Bundles::of(bundles).unwrap().digest().to_owned();
    let (a, b) = (advising("a", "size"), advising("b", "age"));
    let both = digest(vec![a.clone(), b.clone()]);
    assert_ne!(both, digest(vec![b.clone(), a.clone()]));
    assert_ne!(both, digest(vec![a.clone(), advising("b", "other")]));
    // What they are called is no part of what they say.
    assert_eq!(both, digest(vec![a.named("x", "y"), b]));
    assert_eq!(digest(Vec::new()), Bundle::builtin().unwrap().digest());
}
