//! Ends the process when the model hangs: nothing can restart a run from within, and a supervisor restarts a process.
//!
//! In: how long runs go on. Out: the end of the process, with 70. Never: an end while runs are as long as they may be.

use std::time::Duration;

use crate::life;
use crate::log::Log;

/// How often runs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// "Internal software error" of `sysexits.h`.
const EXIT_CODE: i32 = 70;

/// Starts the watchdog.
///
/// - `longest`: how long the longest run that has not ended goes on already.
pub(crate) fn start(
    max: Duration,
    log: Log,
    longest: impl Fn() -> Option<Duration> + Send + 'static,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        loop {
            std::thread::park_timeout(LOOK_EVERY);
            if longest().is_some_and(|longest| longest > max) {
                let seconds = max.as_secs();
                log.error(
                    "a run of the model does not end; the process ends instead",
                    &[("max_seconds", &seconds)],
                );
                log.flush();
                life::leave(EXIT_CODE);
            }
        }
    })?;
    Ok(())
}
