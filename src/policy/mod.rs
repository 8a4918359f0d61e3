//! The gate: manifests and a policy bundle to a verdict, and with it to a plan that may be applied.
//!
//! Goes in: a plan, the manifests as they were written, a [`Bundle`] of Rego and data, the name of the environment.
//! Comes out: an [`Approved`] plan, or a [`Denial`] that says rule, place and what to do. Never happens: an
//! `Approved` from anywhere but [`check`]; a gate that failed and let something through; IO but in `bundle`, `child` and
//! `serve`.
//!
//! - `bundle`    files to a bundle with a digest: the only door to the file system
//! - `together`  the gates of several bundles as one
//! - `gate`      questions asked, and answers taken in
//! - `findings`  what answers come to
//! - `waivers`   exceptions that the owners of a policy grant for a time
//! - `weigh`     levels, overrides and waivers: what denies, what is only told
//! - `verdict`   findings to what people and records see
//! - `schema`    what the rules are asked about, for who writes them
//! - `sight`     of which objects the rules look at the values
//! - `explain`   what a rule is, and by whose word
//! - `loaded`    rules and their tests, to be asked anything: what `mlo policy` does
//! - `input`     what the inputs of the packages that are asked may hold
//! - `approved`  the one function that approves
//!
//! And the process that evaluates:
//!
//! - `child`     from outside: started, asked, waited for, ended
//! - `wire`      what is said between the two
//! - `serve`     from inside: limits itself, then answers
//! - `annotations` what comments say of rules, read; `annotation` the same for those whom a rule stops
//! - `scan`      what is refused in the text of a policy before it is parsed
//! - `engine`    Rego to answers: the only door to the engine

mod annotation;
mod annotations;
mod approved;
mod bundle;
mod child;
mod engine;
mod error;
mod explain;
mod findings;
mod gate;
mod input;
mod loaded;
mod scan;
mod schema;
mod serve;
mod sight;
mod together;
mod verdict;
mod waivers;
mod weigh;
mod wire;

#[cfg(test)]
mod tests;

pub use annotation::Annotation;
pub use approved::{Approved, Verdict, check, check_again, check_manifests};
pub use bundle::{
    Algorithm, Bundle, Bundles, Files, KeyError, Listed, Named, Packing, SIGNATURES, SigningKey,
    VerifyingKey, pack, sign, verify,
};
pub use child::Program;
pub use error::PolicyError;
pub use explain::{Circumstances, Exception, Explained, Known, LevelIn, SettingInForce};
pub use gate::{Again, Deployment, Evaluator, Gate, Input, Setting, Subject};
pub use loaded::{Answered, Loaded, Reading, Ready, TestOutcome};
pub use schema::input_schema;
pub use serve::serve;
pub use sight::Sight;
pub use together::{Early, Gates};
pub use verdict::{Decision, Denial, Evaluated, Evaluation, Level, Violation, Warning};
pub use waivers::Waiver;
pub use wire::{Covered, Expression, Row, TestRule};

/// The package that judges manifests.
const MODEL: &str = "model.governance";
/// The package that judges plans.
const DEPLOYMENT: &str = "deployment.policy";
/// All packages that are asked.
const PACKAGES: [&str; 2] = [MODEL, DEPLOYMENT];
