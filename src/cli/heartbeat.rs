//! A sign of life while something takes long.

use std::io::IsTerminal;
use std::time::Duration;

/// Between two signs: for those who watch, and for the logs of a pipeline.
const TERMINAL: Duration = Duration::from_secs(10);
const LOG: Duration = Duration::from_secs(15);

/// What a piece of work gives; until then `beat` is called now and then.
pub(super) async fn beside<T>(work: impl Future<Output = T>, beat: impl Fn()) -> T {
    tokio::pin!(work);
    let every = if std::io::stderr().is_terminal() { TERMINAL } else { LOG };
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(every) => beat(),
        }
    }
}
