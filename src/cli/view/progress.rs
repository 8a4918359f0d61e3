//! What happens while it happens, a line each.

use super::Paint;
use super::change::identity;
use crate::apply::Event;
use crate::plan::{Action, Counts, object_name};
use mlo_state::Address;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Lines of one heartbeat; of what else goes on only the number is told.
const HEARTBEAT_LINES_MAX: usize = 10;

/// An object's address, and its key if it was set aside.
type Object = (Address, Option<String>);

/// Writes a line for each event and knows how long each took.
pub(in crate::cli) struct Progress {
    started: BTreeMap<Object, (Action, Instant)>,
    paint: Paint,
}

impl Progress {
    pub(in crate::cli) fn new(paint: Paint) -> Self {
        Self { started: BTreeMap::new(), paint }
    }

    /// The calls that are under way, each with the time that it takes so far.
    pub(in crate::cli) fn running(&self) -> impl Iterator<Item = (&Object, Action, Duration)> {
        self.started.iter().map(|(object, (action, since))| (object, *action, since.elapsed()))
    }

    /// That a call goes on: nothing has hung.
    pub(in crate::cli) fn still(
        &self,
        (address, deposed): &Object,
        action: Action,
        elapsed: Duration,
    ) -> String {
        let doing = doing(action).to_lowercase();
        let name = object_name(address, deposed.as_deref());
        format!("{}: Still {doing}... [{} elapsed]\n", self.paint.bold(name), seconds(elapsed))
    }

    /// A line for each call that is under way, up to a number.
    pub(in crate::cli) fn heartbeat(&self) -> String {
        let mut out = String::new();
        for (object, action, elapsed) in self.running().take(HEARTBEAT_LINES_MAX) {
            out.push_str(&self.still(object, action, elapsed));
        }
        if let Some(more) = self.started.len().checked_sub(HEARTBEAT_LINES_MAX).filter(|more| *more > 0) {
            let _ = writeln!(out, "and {more} more");
        }
        out
    }

    /// The line of an event, and how long the call took if it has ended.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge reads the clock: the time is shown and used for nothing else"
    )]
    pub(in crate::cli) fn line(&mut self, event: Event<'_>) -> (String, Duration) {
        let (Event::Started { address, deposed, .. }
        | Event::Finished { address, deposed, .. }
        | Event::Failed { address, deposed, .. }) = event;
        let shown = self.paint.bold(object_name(address, deposed));
        let key = (address.clone(), deposed.map(str::to_owned));
        if let Event::Started { action, .. } = event {
            self.started.insert(key.clone(), (action, Instant::now()));
        }
        let time = match event {
            Event::Started { .. } => Duration::ZERO,
            _ => self.started.remove(&key).map_or(Duration::ZERO, |(_, since)| since.elapsed()),
        };
        let line = match event {
            Event::Started { action, .. } => format!("{shown}: {}...\n", doing(action)),
            Event::Finished { action, object, .. } => {
                format!("{shown}: {} after {}{}\n", done(action), seconds(time), identity(object))
            }
            Event::Failed { action, .. } => {
                let failed = self.paint.red(format!("{} failed", noun(action)));
                format!("{shown}: {failed} after {}\n", seconds(time))
            }
        };
        (line, time)
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
