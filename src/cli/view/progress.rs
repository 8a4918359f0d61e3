//! What happens while it happens, a line each.

use super::Paint;
use super::change::identity;
use crate::apply::Event;
use crate::plan::{Action, Counts, object_name};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Lines of one heartbeat; of what else goes on only the number is told.
const HEARTBEAT_LINES_MAX: usize = 10;

/// Writes a line for each event and knows how long each took.
pub(in crate::cli) struct Progress {
    started: BTreeMap<String, (Action, Instant)>,
    paint: Paint,
}

impl Progress {
    pub(in crate::cli) fn new(paint: Paint) -> Self {
        Self { started: BTreeMap::new(), paint }
    }

    /// A line for each call that is under way: nothing has hung.
    pub(in crate::cli) fn heartbeat(&self) -> String {
        let mut out = String::new();
        for (address, (action, since)) in self.started.iter().take(HEARTBEAT_LINES_MAX) {
            let doing = doing(*action).to_lowercase();
            let time = seconds(since.elapsed());
            let _ = writeln!(out, "{}: Still {doing}... [{time} elapsed]", self.paint.bold(address));
        }
        if let Some(more) = self.started.len().checked_sub(HEARTBEAT_LINES_MAX).filter(|more| *more > 0) {
            let _ = writeln!(out, "and {more} more");
        }
        out
    }

    /// The line of an event.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge reads the clock: the time is shown and used for nothing else"
    )]
    pub(in crate::cli) fn line(&mut self, event: Event<'_>) -> String {
        match event {
            Event::Started { address, deposed, action } => {
                let address = object_name(address, deposed);
                let line = format!("{}: {}...\n", self.paint.bold(&address), doing(action));
                self.started.insert(address, (action, Instant::now()));
                line
            }
            Event::Finished { address, deposed, action, object } => {
                let address = object_name(address, deposed);
                let time = self.started.remove(&address).map_or(Duration::ZERO, |(_, since)| since.elapsed());
                let id = identity(object);
                format!("{}: {} after {}{id}\n", self.paint.bold(&address), done(action), seconds(time))
            }
            Event::Failed { address, deposed, action } => {
                let address = object_name(address, deposed);
                let time = self.started.remove(&address).map_or(Duration::ZERO, |(_, since)| since.elapsed());
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
        Action::Read => "Reading",
        _ => "Creating",
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Delete => "Destruction complete",
        Action::Update => "Modifications complete",
        Action::Read => "Read complete",
        _ => "Creation complete",
    }
}

fn noun(action: Action) -> &'static str {
    match action {
        Action::Delete => "destruction",
        Action::Update => "modification",
        Action::Read => "read",
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
    let Counts { add, change, destroy, import } = counts;
    let import = if import > 0 { format!("{import} imported, ") } else { String::new() };
    let counts = match what {
        "Destroy" => format!("{destroy} destroyed"),
        _ => format!("{import}{add} added, {change} changed, {destroy} destroyed"),
    };
    format!("{}\n", paint.green(paint.bold(format!("{what} complete! Resources: {counts}."))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Style;

    #[test]
    fn what_goes_on_is_told_and_a_crowd_is_counted() {
        let mut progress = Progress::new(Paint(Style::Plain));
        assert_eq!(progress.heartbeat(), "");
        for index in 0..12 {
            let address: mlo_state::Address = format!("terraform_data.a[{index}]").parse().unwrap();
            progress.line(Event::Started { address: &address, deposed: None, action: Action::Delete });
        }
        let text = progress.heartbeat();
        assert!(text.starts_with("terraform_data.a[0]: Still destroying... [0s elapsed]\n"), "{text}");
        assert!(text.ends_with("and 2 more\n") && text.lines().count() == 11, "{text}");
    }
}
