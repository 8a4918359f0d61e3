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
    /// A bundle is not signed as it must be, or is not as it was signed.
    #[error("policy bundle `{bundle}` is not let in: {reason}")]
    Signature {
        /// The bundle.
        bundle: String,
        /// What is wrong.
        reason: String,
    },
    /// A key that bundles must be signed with cannot be used.
    #[error("{reason}")]
    Key {
        /// Which, and why not.
        reason: String,
    },
    /// A bundle could not be fetched, or is no package that is taken.
    #[error("policy bundle `{bundle}`: {reason}")]
    Fetch {
        /// Where it is from, without credentials.
        bundle: String,
        /// Why not.
        reason: String,
        /// What to do next.
        help: String,
    },
    /// Two bundles contradict each other.
    #[error("policy bundles `{first}` and `{second}` do not go together: {reason}")]
    Together {
        /// The one with more say.
        first: String,
        /// The other.
        second: String,
        /// Why not.
        reason: String,
    },
    /// The text of a policy has something that is refused before it is parsed.
    #[error("policy {file}:{line}:{column}: {reason}")]
    Refused {
        /// The file, relative to the bundle.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, in characters, from 1.
        column: usize,
        /// What is refused, and what to write instead.
        reason: String,
    },
    /// Exceptions that are not well formed, a line each.
    #[error("the waivers of the policy bundle cannot be used")]
    Waivers {
        /// What is wrong, each with file, line and column.
        faults: Vec<String>,
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
        package: String,
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
    /// The policy needs more than it may take.
    #[error("the policy needs more than {limit_mib} MiB of {what} while {during}")]
    Exhausted {
        /// What it was doing.
        during: String,
        /// `memory` or `stack`.
        what: &'static str,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// Somebody ended the process that evaluates.
    #[error("the process that evaluates the policy was ended by signal {signal} while {during}")]
    Killed {
        /// What it was doing.
        during: String,
        /// The number of the signal.
        signal: i32,
    },
    /// The engine panicked, or its process ended or said what is not understood.
    #[error("the policy engine failed while {during}")]
    EngineFailed {
        /// What it was doing.
        during: String,
        /// How.
        reason: String,
    },
    /// The process that evaluates could not be started.
    #[error("the process that evaluates the policy cannot be started: {reason}")]
    NotStarted {
        /// Why not.
        reason: String,
    },
    /// Something that is no rule of the gate could not be evaluated: a test, a query.
    #[error("`{what}` cannot be evaluated")]
    Query {
        /// The test, or `the query`.
        what: String,
        /// The engine's words.
        reason: String,
    },
    /// An input that a command line names could not be read.
    #[error("input {file}: {reason}")]
    Input {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
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
        self.told("The gate could not decide, so nothing is let through and nothing was changed.")
    }

    /// The same where no gate was asked.
    pub fn outside_of_a_gate(&self) -> Diagnostic {
        self.told("")
    }

    /// The message; `end` stands below what is wrong.
    fn told(&self, end: &str) -> Diagnostic {
        let faults;
        let (code, detail, help) = match self {
            Self::Query { reason, .. } => {
                let help = "mend the line shown";
                return Diagnostic::error(code::policy::QUERY, self.to_string())
                    .detail(reason.trim())
                    .help(help);
            }
            Self::Input { .. } => {
                let help = "give a file with one document of JSON or YAML";
                return Diagnostic::error(code::policy::QUERY, self.to_string()).help(help);
            }
            Self::Unreadable { .. } => (
                code::policy::BUNDLE,
                "",
                "give the folder of a policy bundle: `.rego` files and `data.yaml`",
            ),
            Self::Signature { .. } => (
                code::policy::SIGNATURE,
                "",
                "have it signed by whoever owns it, or give the key that it is signed with: `--policy-key FILE`",
            ),
            Self::Key { .. } => (
                code::policy::SIGNATURE,
                "",
                "give a file with a public key as PEM (RSA, P-256, P-384), or with a secret of 32 bytes or more",
            ),
            Self::Fetch { help, .. } => (code::policy::BUNDLE, "", help.as_str()),
            Self::Together { .. } => {
                (code::policy::BUNDLE, "", "let one of them say it, or give each a part of `data` of its own")
            }
            Self::Waivers { faults: all } => {
                faults = all.join("\n");
                (
                    code::policy::BUNDLE,
                    faults.as_str(),
                    "a waiver has `rule`, `subject`, `reason`, `owner`, `approver`, `expires`, and may have `environments`",
                )
            }
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
            Self::TimedOut { .. } | Self::Exhausted { .. } => {
                (code::policy::GATE_FAILED, "", "look for an endless or a very large rule")
            }
            Self::EngineFailed { reason, .. } => (
                code::policy::GATE_FAILED,
                reason.as_str(),
                "look for a rule that the engine does not survive",
            ),
            Self::Killed { .. } => (
                code::policy::GATE_FAILED,
                "",
                "run the command again; if it happens again, look whether this machine or container runs out of memory",
            ),
            Self::NotStarted { .. } => (
                code::policy::GATE_FAILED,
                "",
                "see that this user may start processes, then run the command again",
            ),
        };
        let detail = [detail.trim(), end].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
        let message = Diagnostic::error(code, self.to_string()).help(help);
        if detail.is_empty() { message } else { message.detail(detail.join("\n")) }
    }
}
