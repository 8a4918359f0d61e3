//! Why the gate could not decide. Each of these denies.

use crate::diag::{Diagnostic, code};

/// A failure of the gate itself: the policy said nothing, so nothing is let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder of the bundle could not be read, or is not what a bundle holds.
    #[error("policy bundle: {file}: {reason}")]
    Unreadable {
        /// The file or folder, as it was named.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text of a policy has something that is refused before it is parsed.
    #[error("policy {file}, line {line}: {reason}")]
    Refused {
        /// The file, relative to the bundle.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is refused, and what to write instead.
        reason: String,
    },
    /// A policy is not valid Rego, or the engine cannot evaluate it.
    #[error("policy {file} does not compile")]
    Compile {
        /// The file, relative to the bundle, or `bundle` where it is the whole.
        file: String,
        /// The engine's words.
        reason: String,
    },
    /// The bundle does not hold the rules that every bundle needs.
    #[error("the policy bundle has no `deny` in package `{package}`")]
    PackageMissing {
        /// The package that was looked for.
        package: &'static str,
    },
    /// A rule could not be evaluated.
    #[error("policy rule `{rule}` failed on `{subject}`")]
    Evaluation {
        /// The manifest.
        subject: String,
        /// The rule.
        rule: String,
        /// The engine's words.
        reason: String,
    },
    /// The policy took longer than it may.
    #[error("the policy took longer than {limit_ms} ms while {during}")]
    TimedOut {
        /// What it was doing.
        during: String,
        /// The limit in milliseconds.
        limit_ms: u128,
    },
    /// The answer is not of the shape that rules have, or contradicts itself.
    #[error("policy rule `{rule}` gave an answer on `{subject}` that is not understood")]
    Answer {
        /// The manifest.
        subject: String,
        /// The rule.
        rule: String,
        /// What was expected.
        reason: String,
    },
}

impl PolicyError {
    /// The message for people. It says that nothing was let through.
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, detail, help) = match self {
            Self::Unreadable { .. } => (
                code::policy::BUNDLE,
                "",
                "give the folder of a policy bundle: `.rego` files and `data.yaml`",
            ),
            Self::Refused { .. } => (code::policy::BUNDLE, "", "rewrite the line shown in the policy bundle"),
            Self::Compile { reason, .. } => {
                (code::policy::BUNDLE, reason.as_str(), "check the bundle with `opa check --strict`")
            }
            Self::PackageMissing { .. } => (
                code::policy::BUNDLE,
                "A bundle without rules would let everything through.",
                "copy the folder `policies` and change that",
            ),
            Self::Evaluation { reason, .. } | Self::Answer { reason, .. } => {
                (code::policy::GATE_FAILED, reason.as_str(), "mend the rule in the policy bundle")
            }
            Self::TimedOut { .. } => {
                (code::policy::GATE_FAILED, "", "look for an endless or a very large rule")
            }
        };
        let mut detail = detail.trim().to_owned();
        if !detail.is_empty() {
            detail.push('\n');
        }
        detail.push_str("The gate could not decide, so nothing is let through and nothing was changed.");
        Diagnostic::error(code, self.to_string()).detail(detail).help(help)
    }
}
