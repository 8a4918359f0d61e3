//! The steps of a chore: a line before each, its time after it, and all of them at the end.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The steps that are done, with the time that each took.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Does one step. A failure names it and the steps before it.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        act: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        println!("==> {name}");
        let start = Instant::now();
        let result = act();
        let took = start.elapsed();
        match result {
            Ok(value) => {
                println!("    done in {}\n", seconds(took));
                self.done.push((name, took));
                Ok(value)
            }
            Err(failure) => {
                println!("    failed after {}\n", seconds(took));
                Err(failure.at_step(name, &self.names()))
            }
        }
    }

    /// One line for each step, and their sum.
    pub(crate) fn table(&self) -> String {
        let total = self.done.iter().map(|(_, took)| *took).sum();
        let width = self.done.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let row = |(name, took)| format!("  {name:width$}  {:>8}\n", seconds(took));
        self.done.iter().copied().chain([("in all", total)]).map(row).collect::<Vec<_>>().concat()
    }

    fn names(&self) -> Vec<&'static str> {
        self.done.iter().map(|(name, _)| *name).collect()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_step_and_the_sum() {
        let done = vec![("format", Duration::from_millis(900)), ("tests", Duration::from_millis(61_300))];
        assert_eq!(Steps { done }.table(), "  format     0.9 s\n  tests     61.3 s\n  in all    62.2 s\n");
    }

    #[test]
    fn a_failure_names_its_step_and_what_passed_before() {
        let mut steps = Steps::default();
        steps.step("format", || Ok(())).unwrap();
        let failure = steps.step("lints", || Err::<(), _>(Failure::new("`cargo clippy` ended with 101")));
        assert_eq!(
            failure.unwrap_err().to_string(),
            "error: lints: `cargo clippy` ended with 101\n  passed before it: format\n"
        );
    }
}
