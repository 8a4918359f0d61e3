//! `mlo policy bundle …`: packed, signed and verified in the form that OPA has for all three.

use crate::cli::args::{BundleBuild, BundleSign, BundleVerify, PolicyBundle, SignedWith};
use crate::cli::exit::Exit;
use crate::cli::policies;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::view::{Paint, json};
use crate::diag::{Diagnostic, SourceMap, code, escape};
use crate::fetch;
use crate::manifest::read_bytes;
use crate::policy::{
    Algorithm, Bundle, Files, KeyError, Listed, Packing, PolicyError, SIGNATURES, SigningKey, pack, sign,
};
use data_encoding::HEXLOWER;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;

pub(in crate::cli) fn run(command: &PolicyBundle, screen: &mut Screen) -> Exit {
    let (done, wants_json) = match command {
        PolicyBundle::Build(options) => (build(options), options.json),
        PolicyBundle::Sign(options) => (sign_it(options), options.json),
        PolicyBundle::Verify(options) => (verify(options), options.json),
    };
    let Done { document, text } = match done {
        Ok(done) => done,
        Err(error) => {
            let failed = Failed { messages: (*error).into(), sources: SourceMap::new() };
            return session::fail(screen, wants_json, &failed, Exit::Error);
        }
    };
    if wants_json {
        screen.print_json(document);
    } else {
        let paint = Paint(screen.style());
        screen.print(&format!("{} {text}", paint.green("Success!")));
    }
    Exit::Done
}

/// What was done, for programs and for people.
struct Done {
    document: Json,
    text: String,
}

type Failure = Box<Diagnostic>;

fn failure(error: &PolicyError) -> Failure {
    Box::new(error.outside_of_a_gate())
}

fn of_key(error: &KeyError) -> Failure {
    failure(&PolicyError::Key { reason: error.to_string() })
}

fn build(options: &BundleBuild) -> Result<Done, Failure> {
    let from = Bundle::files_of(&options.folder).map_err(|error| failure(&error))?;
    let roots = options.roots.iter().map(|root| root.trim_matches('/').to_owned()).collect();
    let packing = Packing { revision: options.revision.clone(), roots };
    let mut files = pack(&from, &packing).map_err(|error| failure(&error))?;
    let signed = match &options.signed.key {
        Some(_) => Some(signature(&files, &options.signed)?),
        None => None,
    };
    if let Some((signature, _)) = &signed {
        files.insert(SIGNATURES.to_owned(), signature.clone());
    }
    write_archive(&options.output, &files, signed.map(|(_, algorithm)| algorithm), "Wrote")
}

fn sign_it(options: &BundleSign) -> Result<Done, Failure> {
    if options.signed.key.is_none() {
        let error = Diagnostic::error(
            code::engine::USAGE,
            "nothing is said of the key that the bundle is signed with",
        );
        return Err(Box::new(error.help("give `--policy-signing-key FILE`")));
    }
    let (mut files, is_folder) = policies::files_to_sign(&options.bundle).map_err(|error| failure(&error))?;
    // What is no bundle is not signed as one.
    let bundle = Bundle::of(files.clone()).map_err(|error| failure(&error))?;
    let (signature, algorithm) = signature(&files, &options.signed)?;
    if !is_folder {
        files.insert(SIGNATURES.to_owned(), signature);
        return write_archive(&options.bundle, &files, Some(algorithm), "Signed");
    }
    policies::write(&options.bundle.join(SIGNATURES), &signature).map_err(|error| failure(&error))?;
    let (folder, count) = (options.bundle.display().to_string(), files.len());
    Ok(Done {
        document: json!({
            "format_version": json::FORMAT,
            "bundle": folder,
            "digest": bundle.digest(),
            "files": count,
            "algorithm": algorithm.name(),
        }),
        text: format!(
            "Signed {} ({count} files, {}) in {}.\n",
            escape(&folder),
            algorithm.name(),
            escape(&options.bundle.join(SIGNATURES).display().to_string())
        ),
    })
}

/// The content of the file with the signature, and how it was made.
fn signature(files: &Files, with: &SignedWith) -> Result<(Vec<u8>, Algorithm), Failure> {
    let path = with.key.as_deref().unwrap_or(Path::new(""));
    let shown = path.display().to_string();
    let bytes = read_bytes(path).map_err(|error| {
        let summary = format!("key `{shown}` cannot be read: {error}");
        Box::new(
            Diagnostic::error(code::policy::SIGNATURE, summary)
                .help("give the file of a private key, or of a secret"),
        )
    })?;
    let key = SigningKey::read(&shown, bytes).map_err(|error| of_key(&error))?;
    let algorithm = match with.algorithm.as_deref() {
        None => key.usual(),
        Some(name) => Algorithm::of(name).ok_or_else(|| {
            let summary = format!("`{name}` is not known as an algorithm of signatures");
            Box::new(Diagnostic::error(code::engine::USAGE, summary).did_you_mean(name, Algorithm::names()))
        })?,
    };
    let signature = sign(files, &key, algorithm).map_err(|error| of_key(&error))?;
    Ok((signature, algorithm))
}

fn write_archive(path: &Path, files: &Files, signed: Option<Algorithm>, verb: &str) -> Result<Done, Failure> {
    let shown = path.display().to_string();
    let bytes = fetch::packed(files).map_err(|error| {
        failure(&PolicyError::Fetch {
            bundle: shown.clone(),
            reason: format!("it cannot be packed: {error}"),
            help: "give its files shorter names".to_owned(),
        })
    })?;
    let bundle = Bundle::of(files.clone()).map_err(|error| failure(&error))?;
    policies::write(path, &bytes).map_err(|error| failure(&error))?;
    let archive = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes)));
    let algorithm = signed.map(Algorithm::name);
    let told = algorithm.map(|name| format!(", {name}")).unwrap_or_default();
    let count = files.len();
    Ok(Done {
        document: json!({
            "format_version": json::FORMAT,
            "bundle": shown,
            "digest": bundle.digest(),
            "archive": archive,
            "files": count,
            "algorithm": algorithm,
        }),
        text: format!(
            "{verb} {} ({count} files{told}).\n  bundle  {}\n  archive {archive}\n",
            escape(&shown),
            bundle.digest()
        ),
    })
}

fn verify(options: &BundleVerify) -> Result<Done, Failure> {
    let verified =
        policies::verified(&options.policies(), &options.network).map_err(|error| failure(&error))?;
    let (bundle, files) = verified.first().expect("one is named");
    let Listed { source, digest, revision, signed_by, .. } = Listed::from(bundle);
    let key = signed_by.unwrap_or_default();
    // The file with the signature is not among those that were signed.
    let count = files - 1;
    let told =
        revision.as_ref().map(|revision| format!(", revision {}", escape(revision))).unwrap_or_default();
    let text = format!(
        "{} is signed by {} ({count} files{told}).\n  bundle  {digest}\n",
        escape(&source),
        escape(&key)
    );
    let document = json!({
        "format_version": json::FORMAT,
        "bundle": source,
        "digest": digest,
        "revision": revision,
        "signed_by": key,
        "files": count,
    });
    Ok(Done { document, text })
}
