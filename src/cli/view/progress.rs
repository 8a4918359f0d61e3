//! What happens while it happens, a line each.

use super::Paint;
use super::change::identity;
use crate::apply::Event;
use crate::plan::{Action, Counts};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Writes a line for each event and knows how long each took.
pub(in crate::cli) struct Progress {
    started: HashMap<String, Instant>,
    paint: Paint,
}

impl Progress {
    pub(in crate::cli) fn new(paint: Paint) -> Self {
        Self { started: HashMap::new(), paint }
    }

    /// The line of an event.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge reads the clock: the time is shown and used for nothing else"
    )]
    pub(in crate::cli) fn line(&mut self, event: Event<'_>) -> String {
        match event {
            Event::Started { address, action } => {
                let address = address.to_string();
                let line = format!("{}: {}...\n", self.paint.bold(&address), doing(action));
                self.started.insert(address, Instant::now());
                line
            }
            Event::Finished { address, action, object } => {
                let address = address.to_string();
                let time = self.started.remove(&address).map_or(Duration::ZERO, |since| since.elapsed());
                let id = identity(object);
                format!("{}: {} after {}{id}\n", self.paint.bold(&address), done(action), seconds(time))
            }
            Event::Failed { address, action } => {
                let address = address.to_string();
                let time = self.started.remove(&address).map_or(Duration::ZERO, |since| since.elapsed());
                let failed = self.paint.red(format!("{} failed", noun(action)));
                format!("{}: {failed} after {}\n", self.paint.bold(&address), seconds(time))
            }
        }
    }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Delete => "Destroying",
        Action::Update => "Modifying",
        _ => "Creating",
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Delete => "Destruction complete",
        Action::Update => "Modifications complete",
        _ => "Creation complete",
    }
}

fn noun(action: Action) -> &'static str {
    match action {
        Action::Delete => "destruction",
        Action::Update => "modification",
        _ => "creation",
    }
}

fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..60 => format!("{whole}s"),
        _ => format!("{}m{}s", whole / 60, whole % 60),
    }
}

/// `Apply complete! Resources: 1 added, 0 changed, 0 destroyed.`
pub(in crate::cli) fn summary(what: &str, counts: Counts, paint: Paint) -> String {
    let Counts { add, change, destroy } = counts;
    let counts = match what {
        "Destroy" => format!("{destroy} destroyed"),
        _ => format!("{add} added, {change} changed, {destroy} destroyed"),
    };
    format!("{}\n", paint.green(paint.bold(format!("{what} complete! Resources: {counts}."))))
}
