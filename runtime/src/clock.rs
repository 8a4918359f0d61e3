//! The server's one clock.

use std::time::{Instant, SystemTime};

/// The time of day in UTC.
pub(crate) fn now() -> jiff::Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the server's one clock")]
    let now = SystemTime::now();
    jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// `2026-11-21T05:00:00.123Z`.
pub(crate) fn rfc3339(time: jiff::Timestamp) -> String {
    format!("{time:.3}")
}

/// A point on the clock that never goes back.
pub(crate) fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the server's one clock")]
    Instant::now()
}
