//! Where the state of a project was when it was last locked here: a place that changes takes the state along.

use super::Backend;
use crate::cli::environment::Chosen;
use crate::cli::file;
use crate::cli::project::Place;
use crate::diag::{Diagnostic, Diagnostics, code};
use mlo_state::{Loaded, StoreError, Vault};
use std::path::Path;

/// The file in `.mlo` that says it.
const PLACE: &str = "place";
/// Largest such file, in bytes.
const PLACE_BYTES_MAX: u64 = 16 * 1024;

/// Where the state was; `None`: never locked here, or where it is without a word.
pub(in crate::cli) fn remembered(place: &Place) -> Option<Backend> {
    let file = std::fs::File::open(place.home().join(PLACE)).ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, PLACE_BYTES_MAX), &mut text).ok()?;
    Backend::read(text.trim(), &place.folder).ok()
}

/// Writes down where the state is. Only helps to find it again: a failure is no harm.
pub(in crate::cli) fn remember(place: &Place, backend: &Backend) {
    let before = remembered(place);
    if before.unwrap_or_else(|| Backend::Local(place.states())) != *backend {
        let _ = file::write_private(&place.home().join(PLACE), format!("{backend}\n").as_bytes());
    }
}

/// Refuses to begin anew where the state is in another place, in which this project had it, or where it is still that of
/// no environment.
///
/// # Errors
/// If there is a state in the place before, and no note that it was taken away.
pub(in crate::cli) async fn check(
    place: &Place,
    (backend, environment): (&Backend, &Chosen),
    vault: &Vault,
) -> Result<(), Diagnostics> {
    check_place(place, (backend, environment), vault).await?;
    check_without_environments(place, (backend, environment), vault).await
}

/// Objects that were made before there were environments are of one of them, and only the user knows of which.
async fn check_without_environments(
    place: &Place,
    (backend, environment): (&Backend, &Chosen),
    vault: &Vault,
) -> Result<(), Diagnostics> {
    if environment.block.is_none() {
        return Ok(());
    }
    let read = backend.store(vault, None).read().await;
    if is_left_behind(&read, (backend, environment), vault).await {
        return Ok(());
    }
    let (summary, why) = match read {
        Ok(loaded) => {
            let objects = loaded.snapshot.map_or(0, |it| it.objects.len() + it.deposed_objects().count());
            if objects == 0 && loaded.pending.is_empty() {
                return Ok(());
            }
            let objects =
                if objects == 1 { "1 object is".to_owned() } else { format!("{objects} objects are") };
            (format!("{objects} in the state that is kept without environments"), None)
        }
        Err(StoreError::Moved { .. }) => return Ok(()),
        Err(error) => {
            let summary = "what is in the state that is kept without environments cannot be told";
            (summary.to_owned(), Some(error.to_string()))
        }
    };
    let error = Diagnostic::error(code::state::MOVED, summary);
    let flag = environment.flag();
    let anew = "The configuration has environments now. Begun anew, each would make all objects again.";
    let detail = why.map_or_else(|| anew.to_owned(), |why| format!("{anew} {}.", place.relative(&why)));
    let help =
        format!("give it to the one that it is: `mlo state migrate{}{flag} --from-env default`", of(place));
    Err(error.detail(detail).help(help).into())
}

/// Whether a place has only a note that nobody has to believe, as one from before there was a key: where the state is now there
/// is one, so that nothing is begun anew.
async fn is_left_behind(
    read: &Result<Loaded, StoreError>,
    (backend, environment): (&Backend, &Chosen),
    vault: &Vault,
) -> bool {
    if !matches!(read, Err(StoreError::Doubtful { .. })) {
        return false;
    }
    let now = backend.store(vault, environment.state()).read().await;
    now.is_ok_and(|loaded| loaded.snapshot.is_some())
}

/// ` --of FOLDER`, unless it is this one.
fn of(place: &Place) -> String {
    if Path::new(&place.shown) == Path::new(".") { String::new() } else { format!(" --of {}", place.shown) }
}

async fn check_place(
    place: &Place,
    (backend, environment): (&Backend, &Chosen),
    vault: &Vault,
) -> Result<(), Diagnostics> {
    let before = remembered(place).unwrap_or_else(|| Backend::Local(place.states()));
    if before == *backend {
        return Ok(());
    }
    let read = before.store(vault, environment.state()).read().await;
    if is_left_behind(&read, (backend, environment), vault).await {
        return Ok(());
    }
    let (summary, why) = match read {
        // Never used, or taken to where it belongs.
        Ok(loaded) if loaded.snapshot.is_none() => return Ok(()),
        Err(StoreError::Moved { .. }) => return Ok(()),
        Ok(_) => (format!("the state is in {before}, and the configuration now says {backend}"), None),
        Err(error) => {
            let summary = format!("the state was in {before}, and the configuration now says {backend}");
            (summary, Some(format!("Whether it is still there cannot be told: {error}.")))
        }
    };
    let (of, flag) = (of(place), environment.flag());
    let error = Diagnostic::error(code::state::MOVED, place.relative(&summary));
    let error = why.into_iter().fold(error, |error, why| error.detail(place.relative(&why)));
    let from = place.relative(&before.to_string());
    Err(error.help(format!("take it along: `mlo state migrate{of}{flag} --from '{from}'`")).into())
}
