//! One door for each dependency: the places whose code may name it. Behind the door it can be replaced, and bad input
//! that it reads has one place to be stopped.

use super::arrows::dependencies;
use super::repository::Repository;

/// Something that only few places may name.
struct Door {
    /// A path, such as `regorus` or `std::env`, and whatever lies below it.
    name: &'static str,
    /// Files and folders whose code may name it.
    places: &'static [&'static str],
    why: &'static str,
}

const fn door(name: &'static str, places: &'static [&'static str], why: &'static str) -> Door {
    Door { name, places, why }
}

const DOORS: &[Door] = &[
    // Systems outside, and what speaks to them.
    door(
        "hyper",
        &[
            "src/provider/kubernetes/",
            "src/provider/local/",
            "src/fetch/http",
            "runtime/src/server",
            "runtime/src/access.rs",
            "runtime/src/trace.rs",
            "runtime/src/source/http.rs",
        ],
        "requests to clusters; asks our server; fetches packages and models; is our server, and looks at its headers",
    ),
    door(
        "hyper_util",
        &["src/provider/local/", "src/fetch/http", "runtime/src/server", "runtime/src/source/http.rs"],
        "as hyper",
    ),
    door(
        "http_body_util",
        &[
            "src/provider/kubernetes/client.rs",
            "src/provider/local/",
            "src/fetch/http",
            "runtime/src/server",
            "runtime/src/source/http.rs",
        ],
        "bodies",
    ),
    door("kube", &["src/provider/kubernetes/"], "kubeconfigs, and connections to API servers"),
    door("k8s_openapi", &[], "kube wants a version of its types chosen; nothing is read with them"),
    door("axum", &["runtime/src/server"], "routes: paths, methods, what is in neither"),
    door("aws_config", &["state/aws/src/"], "credentials of AWS, and where they come from"),
    door("aws_credential_types", &["state/aws/src/"], "as aws_config"),
    door("aws_types", &["state/aws/src/"], "as aws_config: where a service is"),
    door("aws_sigv4", &["state/aws/src/service.rs"], "signs requests that are made by hand"),
    door("aws_smithy_runtime_api", &["state/aws/src/service.rs"], "the shape of such a request"),
    door("aws_smithy_types", &["state/aws/src/"], "its body"),
    door("aws_sdk_s3", &["state/src/s3/"], "buckets"),
    door("aws_smithy_http_client", &["state/aws/src/"], "as aws_config: TLS by rustls"),
    door("bytes", &["state/src/s3/"], "bodies that are sent more than once"),
    door("hyper_rustls", &["src/fetch/http", "runtime/src/source/http.rs"], "HTTPS"),
    door(
        "rustls",
        &[
            "src/fetch/http",
            "src/provider/kubernetes/config.rs",
            "runtime/src/server/tls.rs",
            "runtime/src/source/http.rs",
        ],
        "as hyper_rustls: whom we trust; the server's own certificate; certificates as PEM",
    ),
    door("tokio_rustls", &["runtime/src/server"], "TLS of accepted connections"),
    door("tower_service", &["src/fetch/http"], "the shape of a resolver"),
    door(
        "base64",
        &["src/fetch/http", "src/provider/local/file/", "state/src/seal/"],
        "user and password in a header; `local_file` has a module of that name; sealed bytes as text",
    ),
    door("mimalloc", &["src/main.rs"], "the allocator of the program"),
    door("tar", &["src/fetch/archive"], "archives; entries only, it writes nothing"),
    door("flate2", &["src/fetch/archive"], "inflates, within limits"),
    door("half", &["runtime/src/"], "numbers of 16 bits"),
    door("ort", &["runtime/src/session"], "ONNX Runtime"),
    door(
        "rustix",
        &[
            "src/provider/local/",
            "src/lang/fetch.rs",
            "src/manifest/read.rs",
            "src/policy/serve.rs",
            "src/policy/child.rs",
            "src/cli/",
            "state/src/",
            "runtime/",
        ],
        "system calls",
    ),
    // Encryption at rest.
    door("ed25519_dalek", &["src/sign/"], "signatures of plans and approvals"),
    door("ring", &["src/policy/bundle/key.rs"], "signatures of policy bundles"),
    door("getrandom", &["src/cli/session.rs"], "random bytes: an argument below the edge"),
    door("aes_gcm", &["state/src/seal/"], "seals state, journals and plans"),
    door("argon2", &["state/src/seal/passphrase.rs"], "a passphrase to a key"),
    door("bech32", &["state/src/seal/age.rs"], "how age writes keys"),
    door("chacha20poly1305", &["state/src/seal/age.rs"], "age's cipher"),
    door("hkdf", &["state/src/seal/age.rs"], "keys of keys, as age has them"),
    door(
        "hmac",
        &["state/src/seal/age.rs", "runtime/src/source/s3.rs", "src/policy/engine/builtins/"],
        "age's header; signatures of requests; functions of policies",
    ),
    door("x25519_dalek", &["state/src/seal/age.rs"], "age's recipients"),
    door(
        "zeroize",
        &[
            "state/src/seal/",
            "state/aws/src/",
            "src/sign/",
            "src/policy/bundle/key.rs",
            "src/cli/approval.rs",
            "src/cli/vault",
        ],
        "keys are wiped",
    ),
    // Languages and formats.
    door(
        "regorus",
        &["src/policy/engine/", "src/policy/tests/"],
        "Rego; its errors are text, wrapped at the door",
    ),
    door("anyhow", &["src/policy/engine/"], "how the engine is told that a function failed"),
    door(
        "saphyr_parser",
        &["src/manifest/", "src/lang/functions/yaml/"],
        "YAML: of manifests, whose values keep their places; of `yamldecode`, by Terraform's rules",
    ),
    door(
        "regex",
        &["src/lang/functions/pattern/", "src/cli/command/policy/test.rs"],
        "regular expressions of users, whose syntax is Go's; which tests of policies are run",
    ),
    door("blowfish", &["src/lang/functions/bcrypt.rs"], "the cipher that bcrypt is made of"),
    door(
        "md5",
        &["src/lang/functions/digest.rs", "src/policy/engine/builtins/crypto.rs"],
        "a digest that is asked for by name",
    ),
    door(
        "sha1",
        &["src/lang/functions/digest.rs", "src/policy/engine/builtins/crypto.rs"],
        "as md5; version 5 of UUIDs is made of it",
    ),
    door(
        "prost",
        &["runtime/model/", "runtime/src/server/messages.rs", "runtime/src/server/grpc.rs"],
        "protocol buffers, of which ONNX files and messages of gRPC are made",
    ),
    door(
        "num_bigint",
        &["src/lang/value/", "src/lang/functions/rsa.rs", "src/provider/kubernetes/quantity.rs"],
        "numbers that 64 bits do not hold: of the language; of keys; quantities",
    ),
    door("aho_corasick", &["src/diag/", "src/cli/"], "finds sensitive values in what is shown"),
    door("strsim", &["src/diag/"], "did-you-mean; one place decides what is near"),
    door("unicode_ident", &["src/lang/"], "what a name is made of"),
    door("unicode_normalization", &["src/lang/"], "strings compare as Terraform's do"),
    door("unicode_segmentation", &["src/lang/"], "what a person calls a character"),
    // Graphs and order.
    door("petgraph", &["src/graph/"], "the graph; the rest knows its nodes, not its indices"),
    // The screen and the command line.
    door("clap", &["src/cli/", "runtime/src/config.rs", "runtime/src/main.rs"], "arguments"),
    door("anstream", &["src/cli/"], "the terminal"),
    door("annotate_snippets", &["src/diag/render.rs"], "source lines under a message"),
    door("similar", &["src/cli/"], "text differences, as they are shown"),
    door(
        "std::io::stdout",
        &[
            "src/cli/",
            "runtime/src/main.rs",
            "runtime/src/life.rs",
            "runtime/src/log.rs",
            "runtime/src/probe.rs",
            "runtime/src/observe/lines.rs",
        ],
        "only the edge prints; a child answers its parent",
    ),
    door(
        "std::io::stderr",
        &["src/cli/", "runtime/src/main.rs", "runtime/src/log.rs"],
        "only the edge prints",
    ),
    door(
        "std::io::stdin",
        &["src/cli/", "runtime/src/probe.rs", "runtime/src/life.rs"],
        "only the edge asks; a child is given its model; is it a terminal?",
    ),
    // What a simulation must own.
    door(
        "std::env",
        &[
            "src/cli/",
            "src/main.rs",
            "runtime/src/main.rs",
            "runtime/src/config.rs",
            "runtime/src/surroundings.rs",
        ],
        "an argument elsewhere",
    ),
    door("std::time::SystemTime", &["src/cli/", "runtime/src/"], "time is an argument"),
    door("std::time::Instant", &["src/cli/", "runtime/src/"], "time is an argument"),
    door("std::thread::sleep", &["src/cli/"], "waiting is an argument"),
    door("tokio::spawn", &["src/cli/", "runtime/src/"], "the walk owns its schedule"),
    door("tokio::task::spawn", &["src/cli/", "runtime/src/"], "the walk owns its schedule"),
    // What only the named files of `lang`, `manifest` and `policy` do: the rest of them is pure.
    door(
        "std::fs",
        &[
            "src/lang/fetch.rs",
            "src/manifest/read.rs",
            "src/policy/bundle/files.rs",
            "src/fetch/store.rs",
            "src/provider/local/",
            "src/provider/kubernetes/config.rs",
            "src/cli/",
            "state/src/",
            "runtime/",
        ],
        "files are read where the file is named for it",
    ),
    door("tokio::fs", &["src/provider/"], "as std::fs"),
    door("tokio::net", &["src/provider/", "src/fetch/http", "runtime/src/"], "connections"),
    door("tokio::process", &["src/provider/", "src/fetch/git.rs"], "starts programs"),
    door("std::thread::spawn", &["src/policy/", "src/cli/", "runtime/src/"], "the walk owns its schedule"),
    door(
        "std::process::exit",
        &["src/main.rs", "src/cli/interrupt.rs", "runtime/src/life.rs", "runtime/src/watchdog.rs"],
        "elsewhere destructors run",
    ),
    door(
        "std::net",
        &[
            "src/provider/",
            "src/manifest/",
            "src/fetch/",
            "src/policy/engine/builtins/net.rs",
            "runtime/src/",
            "src/cli/",
        ],
        "addresses; connections only by providers",
    ),
    door(
        "std::process::Command",
        &["src/provider/local/", "src/policy/child.rs", "runtime/src/probe.rs"],
        "starts programs",
    ),
];

/// What any code may name below a door: constants and pure functions, which are no input.
const OPEN: [&str; 5] = [
    "std::env::consts",
    "std::env::split_paths",
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
];

/// Dependencies without a door, since values of theirs, or none at all, go from hand to hand.
const EVERYWHERE: [&str; 9] = [
    "futures-util",  // futures, as `std` has too few of their means
    "jiff",          // dates and times, as values
    "data-encoding", // bytes as digits
    "serde",         // derives
    "serde_json",    // JSON, as a value
    "sha2",          // digests
    "thiserror",     // derives
    "tokio",         // except `spawn`, above
    "tracing",       // events
];

/// The packages whose code the doors are about: what is shipped.
const SHIPPED: [&str; 3] = ["src/", "state/src/", "runtime/"];

/// Names used outside their doors.
fn trespasses(repository: &Repository) -> Vec<String> {
    let shipped = |path: &str| SHIPPED.iter().any(|folder| path.starts_with(folder));
    let mut found = Vec::new();
    for source in repository.sources.iter().filter(|source| shipped(&source.path) && !source.is_test()) {
        for mention in source.mentions() {
            let Some(door) = DOORS.iter().find(|door| covers(door.name, &mention.path)) else { continue };
            let open = OPEN.iter().any(|name| covers(name, &mention.path));
            let allowed = door.places.iter().any(|place| source.path.starts_with(place));
            if !open && !allowed {
                let places = door.places.join(", ");
                let (path, line, name) = (&source.path, mention.line, door.name);
                found.push(format!("{path}:{line}: {name} is for {places} only ({})", door.why));
            }
        }
    }
    // A group of a `use` names it more than once.
    found.dedup();
    found
}

/// Whether `path` is `name`, such as `std::env`, or lies below it. `std::io::{self}` and `std::io::*` do not name
/// what lies below `std::io`.
fn covers(name: &str, path: &[String]) -> bool {
    let mut names = path.iter();
    name.split("::").all(|part| names.next().is_some_and(|own| own == part))
}

/// Dependencies that have neither a door nor a place in [`EVERYWHERE`].
fn doorless(repository: &Repository) -> Vec<String> {
    let shipped = ["Cargo.toml", "state/Cargo.toml", "runtime/Cargo.toml", "runtime/model/Cargo.toml"];
    let mut found = Vec::new();
    for manifest in repository.texts.iter().filter(|file| shipped.contains(&file.path.as_str())) {
        let product = manifest.text.split("[dev-dependencies]").next().unwrap_or_default();
        for name in dependencies(product) {
            let crate_name = name.replace('-', "_");
            let has_door = DOORS.iter().any(|door| door.name == crate_name);
            if !has_door && !EVERYWHERE.contains(&name.as_str()) && !name.starts_with("mlo-") {
                found.push(format!("{}: {name} has no door", manifest.path));
            }
        }
    }
    found
}

/// Code that prints where only the edge may: the macros, which the doors of `std::io` do not see.
fn prints(repository: &Repository) -> Vec<String> {
    const EDGE: [&str; 5] =
        ["src/cli/", "src/main.rs", "runtime/src/main.rs", "runtime/src/log.rs", "xtask/"];
    const MACROS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let mut found = Vec::new();
    let inner =
        repository.sources.iter().filter(|source| !EDGE.iter().any(|edge| source.path.starts_with(edge)));
    for source in inner.filter(|source| !source.is_test()) {
        for (index, line) in source.product.lines().enumerate() {
            let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '!'));
            found.extend(
                words
                    .filter(|word| MACROS.contains(word))
                    .map(|word| format!("{}:{}: {word} is for the edge only", source.path, index + 1)),
            );
        }
    }
    found
}

#[test]
fn each_dependency_is_named_only_at_its_door() {
    assert_eq!(trespasses(Repository::this()), [""; 0]);
}

#[test]
fn each_dependency_has_a_door_or_a_reason_for_none() {
    assert_eq!(doorless(Repository::this()), [""; 0]);
}

#[test]
fn only_the_edge_prints() {
    assert_eq!(prints(Repository::this()), [""; 0]);
}

#[test]
fn a_trespass_is_found() {
    let rows = [
        (
            "src/plan/mod.rs",
            "use regorus::Engine;",
            "regorus is for src/policy/engine/, src/policy/tests/ only (Rego; its errors are text, wrapped at the door)",
        ),
        (
            "src/manifest/read.rs",
            "use std::{env, fs};",
            "std::env is for src/cli/, src/main.rs, runtime/src/main.rs, runtime/src/config.rs, runtime/src/surroundings.rs only (an argument elsewhere)",
        ),
        (
            "src/apply/mod.rs",
            "fn f() { tokio::spawn(g()); }",
            "tokio::spawn is for src/cli/, runtime/src/ only (the walk owns its schedule)",
        ),
        (
            "src/graph/walk.rs",
            "use clap;",
            "clap is for src/cli/, runtime/src/config.rs, runtime/src/main.rs only (arguments)",
        ),
    ];
    for (path, text, expected) in rows {
        assert_eq!(trespasses(&Repository::of(&[(path, text)])), [format!("{path}:1: {expected}")], "{text}");
    }
    assert_eq!(
        prints(&Repository::of(&[("src/plan/mod.rs", "fn f() { println!(\"eprint!\") }\n// dbg!")])),
        ["src/plan/mod.rs:1: println! is for the edge only"]
    );
    assert_eq!(
        doorless(&Repository::of(&[("Cargo.toml", "[dependencies]\nserde = \"1\"\nreqwest = \"0.13\"\n")])),
        ["Cargo.toml: reqwest has no door"]
    );
}

#[test]
fn a_name_at_its_door_is_no_trespass() {
    let files = [
        ("src/policy/engine/mod.rs", "use regorus::Engine;"),
        ("src/cli/mod.rs", "fn f() { println!(); std::env::args(); }"),
        ("src/provider/local/mod.rs", "const SYSTEM: &str = std::env::consts::OS;"),
        ("src/plan/mod.rs", "#[cfg(test)]\nmod tests {\n    fn f() { std::env::temp_dir(); println!(); }\n}"),
        ("src/graph/mod.rs", "use tokio::sync::mpsc;\nuse std::io::{self, Read};"),
    ];
    let repository = Repository::of(&files);
    assert_eq!((trespasses(&repository), prints(&repository)), (vec![], vec![]));
}
