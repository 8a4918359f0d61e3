//! One line for each event, on stderr.
//!
//! In: a level, a message and named values. Out: a plain or JSON line, written by a thread of its own. Never: a
//! control character from outside, a request that waits for a full pipe (lines are dropped and counted then).

use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::clock;
use crate::config::{LogFormat, LogLevel};

/// Lines that may wait for the writer.
const QUEUE_LINES_MAX: usize = 1024;
/// Bytes of one line at most; the rest is cut.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Time for the last lines at the end.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The log, cheap to clone.
#[derive(Clone)]
pub(crate) struct Log {
    format: LogFormat,
    level: LogLevel,
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

enum Entry {
    Line(String),
    Flush(SyncSender<()>),
}

impl Log {
    /// Starts the writer.
    pub(crate) fn start(format: LogFormat, level: LogLevel) -> Self {
        let (queue, lines) = sync_channel(QUEUE_LINES_MAX);
        let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while let Ok(entry) = lines.recv() {
                match entry {
                    // Nothing can be told when telling fails.
                    Entry::Line(line) => drop(std::io::stderr().lock().write_all(line.as_bytes())),
                    Entry::Flush(done) => drop(done.send(())),
                }
            }
        });
        // Without a thread the queue's other end is gone, and lines are dropped.
        drop(writer);
        Self { format, level, queue, dropped: Arc::default() }
    }

    /// Something failed that someone should see.
    pub(crate) fn error(&self, message: &str, values: &[(&str, &dyn Display)]) {
        self.line(LogLevel::Error, message, values);
    }

    /// Something is not as it should be.
    pub(crate) fn warn(&self, message: &str, values: &[(&str, &dyn Display)]) {
        self.line(LogLevel::Warn, message, values);
    }

    /// What operation is told by.
    pub(crate) fn info(&self, message: &str, values: &[(&str, &dyn Display)]) {
        self.line(LogLevel::Info, message, values);
    }

    /// Whether lines of this level are written: to save the work for those that are not.
    pub(crate) fn writes(&self, level: LogLevel) -> bool {
        level <= self.level
    }

    /// Writes one line, or drops it if the writer is that far behind.
    pub(crate) fn line(&self, level: LogLevel, message: &str, values: &[(&str, &dyn Display)]) {
        if !self.writes(level) {
            return;
        }
        let time = clock::rfc3339(clock::now());
        let mut line = match self.format {
            LogFormat::Plain => plain(&time, level, message, values),
            LogFormat::Json => json(&time, level, message, values),
        };
        line.push('\n');
        match self.queue.try_send(Entry::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Lines that were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits a moment until what was logged is written.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Entry::Flush(done)).is_ok() {
            // A pipe that nobody empties must not hold the end up.
            let _ = written.recv_timeout(FLUSH_MAX);
        }
    }
}

fn word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// `2026-11-21T05:00:00.123Z info  listening url=http://127.0.0.1:8080`
fn plain(time: &str, level: LogLevel, message: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut line = format!("{time} {:<5} {}", word(level), cut(message).escape_debug());
    for (name, value) in values {
        let value = value.to_string();
        let value = cut(&value);
        let bare = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && c != '"');
        let written = if bare {
            write!(line, " {name}={value}")
        } else {
            // Lines of a longer message stay readable: only what is not text is escaped.
            let text: String = value
                .split('\n')
                .map(|line| line.escape_debug().to_string())
                .collect::<Vec<_>>()
                .join("\n    ");
            write!(line, " {name}=\"{text}\"")
        };
        written.expect("writing to a string does not fail");
    }
    line
}

fn json(time: &str, level: LogLevel, message: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut object = serde_json::Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), word(level).into());
    object.insert("message".to_owned(), cut(message).into());
    for (name, value) in values {
        object.insert((*name).to_owned(), cut(&value.to_string()).into());
    }
    serde_json::Value::Object(object).to_string()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-21T05:00:00.000Z";

    #[test]
    fn a_line_is_one_event_in_either_form() {
        let values: [(&str, &dyn Display); 3] = [("port", &8080), ("reason", &"not found"), ("empty", &"")];
        assert_eq!(
            plain(TIME, LogLevel::Info, "listening", &values),
            "2026-11-21T05:00:00.000Z info  listening port=8080 reason=\"not found\" empty=\"\""
        );
        assert_eq!(
            json(TIME, LogLevel::Warn, "listening", &values),
            r#"{"time":"2026-11-21T05:00:00.000Z","level":"warn","message":"listening","port":"8080","reason":"not found","empty":""}"#
        );
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor_or_ends_the_line() {
        let hostile = "a\u{1b}[2Jb\rc\u{9b}d\u{202e}e\"f\n2026 info forged";
        let line = plain(TIME, LogLevel::Info, hostile, &[("value", &hostile)]);
        assert!(!line.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{line:?}");
        assert!(line.lines().skip(1).all(|line| line.starts_with("    ")), "{line}");
        assert!(!json(TIME, LogLevel::Info, hostile, &[]).contains('\n'));
    }
}
