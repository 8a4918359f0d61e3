//! Rules and data to an engine that is ready to be asked.

use super::super::scan;
use super::super::wire::Fault;
use super::{builtins, check, compile_fault};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// Time for all rules over one input, by the clock on the wall: on a busy machine that goes on while nothing is evaluated.
/// The processor time that the process may use (`serve`) is less, and stops it before.
pub(super) const EVALUATION_TIME_MAX: Duration = Duration::from_secs(6);
/// Steps of the engine between two looks at the clock: under a millisecond.
const TIMER_STEPS: NonZeroU32 = NonZeroU32::new(256).expect("not zero");

/// What becomes of an expression whose function fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Strictness {
    /// The evaluation fails, and what depends on it denies. So the gate works.
    Strict,
    /// It is undefined, as in `opa` where nothing else is asked for.
    #[cfg(test)]
    Lenient,
}

/// Scans, parses and checks rules. Returns the engine, and for each file its package: `data.model.governance`.
pub(in crate::policy) fn compile(
    rules: &BTreeMap<String, String>,
    data: &Json,
    strictness: Strictness,
) -> Result<(Engine, BTreeMap<String, String>), Fault> {
    let mut engine = engine(rules, data, strictness)?;
    let mut packages = BTreeMap::new();
    for (file, text) in rules {
        packages.insert(file.clone(), parse(&mut engine, file, text)?);
    }
    match check::check(engine.get_modules()).into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok((engine, packages)),
    }
}

/// Scans and parses rules. Returns the engine, and what could not be parsed.
pub(super) fn compile_without_checks(
    rules: &BTreeMap<String, String>,
    data: &Json,
) -> Result<(Engine, Vec<Fault>), Fault> {
    let mut engine = engine(rules, data, Strictness::Strict)?;
    let parsed = rules.iter().map(|(file, text)| parse(&mut engine, file, text));
    let faults = parsed.filter_map(Result::err).collect();
    Ok((engine, faults))
}

/// An engine without rules, once they were scanned.
fn engine(rules: &BTreeMap<String, String>, data: &Json, strictness: Strictness) -> Result<Engine, Fault> {
    scan::scan(rules)?;
    let mut engine = Engine::new();
    limit_time(&mut engine, EVALUATION_TIME_MAX);
    engine.set_strict_builtin_errors(strictness == Strictness::Strict);
    engine.set_gather_prints(true);
    builtins::add(&mut engine, strictness);
    engine.add_data(Value::from(data.clone())).map_err(|error| compile_fault("data", &error))?;
    Ok(engine)
}

/// How long an evaluation may take.
pub(super) fn limit_time(engine: &mut Engine, limit: Duration) {
    engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: TIMER_STEPS });
}

/// Adds a file. Returns its package.
fn parse(engine: &mut Engine, file: &str, text: &str) -> Result<String, Fault> {
    let added = engine.add_policy(file.to_owned(), text.to_owned());
    added.map_err(|error| compile_fault(file, &format!("{error:#}")))
}
