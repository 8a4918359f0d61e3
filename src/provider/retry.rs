//! The one place where calls are tried again.

use super::{ErrorClass, Progress, ProviderError};
use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

/// Attempts per call, the first included. Waits of 0.5, 1, 2 and 4 s: 7.5 s in all, well inside the 60 s of a lease.
const ATTEMPTS_MAX: u32 = 5;
/// The wait after the first attempt; it doubles.
const WAIT_FIRST: Duration = Duration::from_millis(500);

/// Calls again while the answer is that trying again would help.
///
/// # Errors
/// The last error, or the first of another class.
pub async fn retry<T, F>(mut call: impl FnMut() -> F) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
{
    let mut wait = WAIT_FIRST;
    for _ in 1..ATTEMPTS_MAX {
        match call().await {
            Err(error) if error.class == ErrorClass::Retryable => {}
            other => return other,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    call().await
}

/// [`retry`] for a call that changes something. An attempt that got no answer may have taken effect, whatever a later
/// one is told: that it was refused (it exists already) is then no proof that nothing is there. `deletes` says whether
/// that the object is not there is what is wanted.
///
/// # Errors
/// As [`retry`]; what is not known for sure is [`ErrorClass::Retryable`].
pub async fn retry_change<F>(deletes: bool, mut call: impl FnMut() -> F) -> Result<Progress, ProviderError>
where
    F: Future<Output = Result<Progress, ProviderError>>,
{
    let attempts = Cell::new(0_u32);
    let ended = retry(|| {
        attempts.set(attempts.get() + 1);
        call()
    });
    match ended.await {
        Err(error) if error.class == ErrorClass::Absent && deletes => Ok(Progress::Done(None)),
        Err(error) if attempts.get() > 1 && error.object.is_none() => {
            Err(ProviderError { class: ErrorClass::Retryable, ..error })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(class: ErrorClass, failures: u32) -> (u32, bool) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let made = Cell::new(0);
        let result = runtime.block_on(retry(|| {
            made.set(made.get() + 1);
            let fail = made.get() <= failures;
            async move { if fail { Err(ProviderError::new(class, "no")) } else { Ok(()) } }
        }));
        (made.get(), result.is_ok())
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        assert_eq!(attempts(ErrorClass::Retryable, 0), (1, true));
        assert_eq!(attempts(ErrorClass::Retryable, 3), (4, true));
        assert_eq!(attempts(ErrorClass::Retryable, 99), (ATTEMPTS_MAX, false));
        assert_eq!(attempts(ErrorClass::Permanent, 99), (1, false));
        assert_eq!(attempts(ErrorClass::Conflict, 99), (1, false));
    }
}
