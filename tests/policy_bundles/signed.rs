//! Signatures: ours are taken by `opa`, those of `opa` by us, and what was tampered with by neither.

use super::{key, opa, packed, project, unpacked};
use crate::support::Project;

/// A secret of 32 bytes and more, which nobody guesses.
const SECRET: &str = "a secret of the tests, long enough not to be guessed";

/// Private key, public key, algorithm.
fn keys(project: &Project) -> [(String, String, &'static str); 5] {
    project.write("secret", SECRET);
    let secret = "secret".to_owned();
    [
        (key("rsa.key"), key("rsa.pem"), "RS256"),
        (key("rsa.key"), key("rsa.pem"), "PS384"),
        (key("p256.key"), key("p256.pem"), "ES256"),
        (key("p384.key"), key("p384.pem"), "ES384"),
        (secret.clone(), secret, "HS256"),
    ]
}

/// A copy of a bundle in which something is another.
fn altered(project: &Project, change: impl Fn(&mut Vec<(String, String)>)) {
    let mut files = unpacked(project, "company.tar.gz");
    change(&mut files);
    project.write("altered.tar.gz", packed(&files));
}

#[test]
fn what_we_sign_is_verified_by_opa_and_what_is_altered_is_not() {
    let project = project("good");
    project.write("rules/data.yaml", "limits: { size: 1.0, names: [\"<a>\", \"ü\"] }\n");
    project.ok(&["policy", "bundle", "build", "rules", "--output", "company.tar.gz"]);
    for (private, public, algorithm) in keys(&project) {
        let sign = ["policy", "bundle", "sign", "company.tar.gz", "--policy-signing-key", &private];
        project.ok(&[&sign[..], &["--signing-alg", algorithm]].concat()).has(&[algorithm]).has_not(&[SECRET]);
        let theirs = |file: &str| {
            let verify =
                ["build", "--bundle", file, "--verification-key", &public, "--signing-alg", algorithm];
            opa(&project, &[&verify[..], &["-o", "out.tar.gz"]].concat())
        };
        let ours = |file: &str| project.mlo(&["policy", "bundle", "verify", file, "--policy-key", &public]);
        let said = theirs("company.tar.gz");
        said.ends_with(0);
        ours("company.tar.gz").ends_with(0).has(&["Success! company.tar.gz is signed by ", "(4 files)"]);
        for (what, change) in changes() {
            altered(&project, change);
            assert_ne!(theirs("altered.tar.gz").code, 0, "{algorithm}: {what}");
            ours("altered.tar.gz").ends_with(1).has(&["MLO5006", what]).has_not(&[SECRET]);
        }
    }
}

/// What is changed of a bundle, and what is said of it.
type Change = fn(&mut Vec<(String, String)>);

fn changes() -> [(&'static str, Change); 5] {
    fn of<'f>(files: &'f mut [(String, String)], name: &str) -> &'f mut String {
        &mut files.iter_mut().find(|(known, _)| known == name).unwrap().1
    }
    [
        ("`plan.rego` was changed after it was signed", |files| of(files, "plan.rego").push('\n')),
        ("`data.json` was changed after it was signed", |files| {
            let data = of(files, "data.json");
            *data = data.replace("1.0", "1");
        }),
        ("`more.rego` is not among the files that were signed", |files| {
            files.push(("more.rego".to_owned(), "package more\n".to_owned()));
        }),
        ("`model.rego` was signed, and is not there", |files| files.retain(|(name, _)| name != "model.rego")),
        ("its signature (", |files| {
            let token = of(files, ".signatures.json");
            let at = token.rfind('.').unwrap() + 10;
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            token.replace_range(at..=at, other);
        }),
    ]
}

#[test]
fn the_layout_of_data_is_no_part_of_what_is_signed() {
    let project = project("good");
    project.write("rules/data.yaml", "b: 1.50\na: { d: [], c: null }\n");
    let sign = ["--policy-signing-key", &key("rsa.key")];
    project.ok(&[&["policy", "bundle", "build", "rules", "--output", "company.tar.gz"][..], &sign].concat());
    altered(&project, |files| {
        let data = files.iter_mut().find(|(name, _)| name == "data.json").unwrap();
        data.1 = "{ \"b\": 1.5,\n \"a\": {\"d\": [ ], \"c\": null}\n}".to_owned();
    });
    let verify = ["policy", "bundle", "verify", "altered.tar.gz", "--policy-key", &key("rsa.pem")];
    project.ok(&verify);
    let build =
        ["build", "--bundle", "altered.tar.gz", "--verification-key", &key("rsa.pem"), "-o", "o.tar.gz"];
    opa(&project, &build).ends_with(0);
}

#[test]
fn what_opa_signs_is_verified_here() {
    let project = project("good");
    project.write(
        "rules/limits/data.yaml",
        "size: 1.0\nshare: 0.85\nmany: 12345678\nname: \"<a> & ü\"\nempty: {}\n",
    );
    for (private, public, algorithm) in keys(&project) {
        let by = ["--signing-key", &private, "--signing-alg", algorithm];
        let build = ["build", "--bundle", "rules", "--revision", "r1", "-o", "company.tar.gz"];
        opa(&project, &[&build[..], &by].concat()).ends_with(0);
        let verify =
            |bundle: &str| project.mlo(&["policy", "bundle", "verify", bundle, "--policy-key", &public]);
        verify("company.tar.gz").ends_with(0).has(&["is signed by", "revision r1"]);
        altered(&project, |files| files.retain(|(name, _)| name != ".manifest"));
        verify("altered.tar.gz").ends_with(1).has(&["`.manifest` was signed, and is not there"]);
        // A folder, before the names of whose files `opa sign` puts its own.
        opa(&project, &[&["sign", "--bundle", "rules", "-o", "rules"][..], &by].concat()).ends_with(0);
        verify("rules").ends_with(0).has(&["(3 files)"]);
        project.write("rules/limits/data.yaml", "size: 2\n");
        verify("rules").ends_with(1).has(&["`limits/data.yaml` was changed after it was signed"]);
        project.write(
            "rules/limits/data.yaml",
            "size: 1.0\nshare: 0.85\nmany: 12345678\nname: \"<a> & ü\"\nempty: {}\n",
        );
        std::fs::remove_file(project.path().join("rules/.signatures.json")).unwrap();
    }
}

#[test]
fn a_key_that_is_asked_for_lets_no_other_bundle_into_the_gate() {
    let project = project("good");
    let build = ["policy", "bundle", "build", "rules", "--output", "company.tar.gz"];
    project.ok(&build);
    let public = key("rsa.pem");
    let plan = |more: &[&str]| project.mlo(&[&["plan", "--policies", "company.tar.gz"][..], more].concat());
    let refused = |said: &crate::support::Said, why: &str| {
        said.ends_with(3).has(&["Policy gate failed", "error[MLO5006]", why, "Nothing was changed."]);
    };
    refused(&plan(&["--policy-key", &public]), "it has no `.signatures.json`, and it must be signed");
    project.ok(&[&build[..], &["--policy-signing-key", &key("rsa.key")]].concat());
    let said = plan(&["--policy-key", &public]);
    said.ends_with(0).has(&["bundle company (company.tar.gz): sha256:", "signed by ", "rsa.pem"]);
    let document = project.json(&["plan", "--policies", "company.tar.gz", "--policy-key", &public], 0);
    let bundle = &document["policy"]["decision"]["bundles"][0];
    assert_eq!(
        (bundle["name"].as_str(), bundle["source"].as_str()),
        (Some("company"), Some("company.tar.gz"))
    );
    assert!(bundle["signed_by"].as_str().unwrap().ends_with("rsa.pem"), "{bundle}");
    // One of several will do; none of them will not.
    plan(&["--policy-key", &key("p256.pem"), "--policy-key", &public]).ends_with(0);
    refused(&plan(&["--policy-key", &key("p256.pem")]), "its signature (RS256) is not of `");
    refused(&plan(&["--policy-key", "nowhere.pem"]), "key `nowhere.pem`: there is no such file or folder");
    // A variable asks for it too, and the built-in policies are a part of the program.
    let mut command = project.command(&["plan", "--policies", "rules"]);
    refused(&crate::support::said(command.env("MLO_POLICY_KEY", &public)), "it has no `.signatures.json`");
    project.ok(&["plan", "--policy-key", &public]);
    // The text of a public key is no secret.
    project.write("public-as-secret", std::fs::read(&public).unwrap());
    let confused = project.mlo(&[
        "policy",
        "bundle",
        "sign",
        "company.tar.gz",
        "--policy-signing-key",
        "public-as-secret",
    ]);
    confused.ends_with(1).has(&["is a public key, and the private one signs"]);
    // Without a key the signature is not looked at, and that is said.
    project.ok(&[&build[..], &["--policy-signing-key", &key("p256.key")]].concat());
    plan(&[]).ends_with(0).has(&["Policy bundle `company` is signed, and its signature is not checked"]);
    altered(&project, |files| files.push(("more.rego".to_owned(), "package more\n".to_owned())));
    let said = project.mlo(&["plan", "--policies", "altered.tar.gz", "--policy-key", &key("p256.pem")]);
    refused(&said, "`more.rego` is not among the files that were signed");
    let validated = project.mlo(&["validate", "--policy", "--policies", "rules", "--policy-key", &public]);
    validated.ends_with(3).has(&["MLO5006"]);
}

#[test]
fn keys_that_are_none_are_refused_with_what_they_are() {
    let project = project("good");
    project.ok(&["policy", "bundle", "build", "rules", "--output", "company.tar.gz"]);
    project.write("short", "hushhh\n");
    project.write("broken", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    project.write("odd", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let ssh = crate::support::repository().join("tests/cases/keys/ann.key");
    for (file, why) in [
        ("short", "is no PEM, so it is a secret, of 7 bytes; one of less than 32 can be guessed (RFC 7518)"),
        ("broken", "is no whole PEM file"),
        ("odd", "is not of RSA nor of the curves P-256 and P-384"),
        (&key("rsa.pem"), "is a public key, and the private one signs"),
        (ssh.to_str().unwrap(), "is one of OpenSSH"),
        ("nowhere", "cannot be read: there is no such file or folder"),
    ] {
        let sign = ["policy", "bundle", "sign", "company.tar.gz", "--policy-signing-key", file];
        project.mlo(&sign).ends_with(1).has(&["MLO5006", why]).has_not(&["hushhh"]);
    }
    let verify =
        |file: &str| project.mlo(&["policy", "bundle", "verify", "company.tar.gz", "--policy-key", file]);
    verify(&key("rsa.key")).ends_with(1).has(&["is a private key, and the public one verifies"]);
    verify("short").ends_with(1).has(&["of 7 bytes"]);
    let sign = ["policy", "bundle", "sign", "company.tar.gz"];
    project.mlo(&sign).ends_with(1).has(&["--policy-signing-key FILE"]);
    let by = |name: &str| {
        project.mlo(&[&sign[..], &["--policy-signing-key", &key("p256.key"), "--signing-alg", name]].concat())
    };
    by("ES384").ends_with(1).has(&["does not sign by ES384; by ES256 it does"]);
    by("RS257").ends_with(1).has(&["`RS257` is not known"]);
}

#[test]
fn signatures_that_are_not_understood_let_nothing_in() {
    let project = project("good");
    let build = ["policy", "bundle", "build", "rules", "--output", "company.tar.gz", "--policy-signing-key"];
    project.ok(&[&build[..], &[&key("rsa.key")]].concat());
    let token = unpacked(&project, "company.tar.gz");
    let token = &token.iter().find(|(name, _)| name == ".signatures.json").unwrap().1;
    let token: serde_json::Value = serde_json::from_str(token).unwrap();
    let token = token["signatures"][0].as_str().unwrap().to_owned();
    let none = "eyJhbGciOiJub25lIn0";
    let rest = token.split_once('.').unwrap().1;
    for (text, why) in [
        ("{}".to_owned(), "is not understood"),
        ("{\"signatures\": []}".to_owned(), "it must hold one token"),
        (format!("{{\"signatures\": [\"{token}\", \"{token}\"]}}"), "it must hold one token"),
        ("{\"signatures\": [\"a.b\"]}".to_owned(), "its token has not three parts"),
        ("{\"signatures\": [\"a!.b.c\"]}".to_owned(), "its token is damaged"),
        (
            format!("{{\"signatures\": [\"{none}.{rest}\"]}}"),
            "it is signed by `none`, and what is verified is RS256",
        ),
        (format!("{{\"signatures\": [\"{token}\"], \"plugin\": \"other\"}}"), "it is of a plugin of OPA"),
    ] {
        altered(&project, |files| {
            files.iter_mut().find(|(name, _)| name == ".signatures.json").unwrap().1.clone_from(&text);
        });
        let verify = ["policy", "bundle", "verify", "altered.tar.gz", "--policy-key", &key("rsa.pem")];
        project.mlo(&verify).ends_with(1).has(&["MLO5006", why]);
    }
}
