//! `mlo policy bundle …`.

use super::{Network, Policies};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `mlo policy bundle`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyBundle {
    /// Pack a folder of policies as a bundle, the same bytes each time
    #[command(
        after_help = "Examples:\n  mlo policy bundle build\n  mlo policy bundle build policies --output company.tar.gz --revision v1.4.0\n  mlo policy bundle build policies --root model --root mlo --policy-signing-key company.key"
    )]
    Build(BundleBuild),
    /// Sign a bundle, as `opa sign` does
    #[command(
        after_help = "Examples:\n  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out company.key\n  openssl pkey -in company.key -pubout -out company.pem\n  mlo policy bundle sign company.tar.gz --policy-signing-key company.key"
    )]
    Sign(BundleSign),
    /// Check that a bundle is signed with a key, and is as it was signed
    #[command(
        after_help = "Examples:\n  mlo policy bundle verify company.tar.gz --policy-key company.pem\n  mlo policy bundle verify oci://registry.example.com/policies/company:1.4 --policy-key company.pem --json"
    )]
    Verify(BundleVerify),
}

impl PolicyBundle {
    /// Whether the answer is one JSON document.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Build(options) => options.json,
            Self::Sign(options) => options.json,
            Self::Verify(options) => options.json,
        }
    }
}

/// With what a bundle is signed.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct SignedWith {
    /// Sign with this key: a private one of RSA, P-256 or P-384 as PEM, or a secret.
    #[arg(long = "policy-signing-key", value_name = "FILE")]
    pub(in crate::cli) key: Option<PathBuf>,
    /// How it is signed, such as PS256; the key says how if this does not.
    #[arg(long = "signing-alg", value_name = "NAME", requires = "key")]
    pub(in crate::cli) algorithm: Option<String>,
}

/// `mlo policy bundle build`
#[derive(Debug, Args)]
pub(in crate::cli) struct BundleBuild {
    /// The folder of policies.
    #[arg(value_name = "FOLDER", default_value = "policies")]
    pub(in crate::cli) folder: PathBuf,
    /// The file that the bundle is written to.
    #[arg(long, value_name = "FILE", default_value = "bundle.tar.gz")]
    pub(in crate::cli) output: PathBuf,
    /// What the bundle is called in its manifest: a version, a commit.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) revision: Option<String>,
    /// A part of `data` that is the bundle's own, such as model/governance. Can be given several times.
    #[arg(long = "root", value_name = "PATH")]
    pub(in crate::cli) roots: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) signed: SignedWith,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo policy bundle sign`
#[derive(Debug, Args)]
pub(in crate::cli) struct BundleSign {
    /// The bundle: a `.tar.gz`, or a folder, into which `.signatures.json` is written.
    #[arg(value_name = "BUNDLE")]
    pub(in crate::cli) bundle: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) signed: SignedWith,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo policy bundle verify`
#[derive(Debug, Args)]
pub(in crate::cli) struct BundleVerify {
    /// The bundle: a `.tar.gz`, a folder, or an address.
    #[arg(value_name = "BUNDLE")]
    pub(in crate::cli) bundle: String,
    /// The key that it must be signed with: a public one as PEM, or a secret. Of several keys, one will do.
    #[arg(long = "policy-key", value_name = "FILE", value_delimiter = ',', required = true)]
    pub(in crate::cli) keys: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl BundleVerify {
    /// What it is verified with.
    pub(in crate::cli) fn policies(&self) -> Policies {
        Policies { bundles: vec![self.bundle.clone()], keys: self.keys.clone() }
    }
}
