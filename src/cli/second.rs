//! The second place of a run's records, on this machine, and what is said of it.

use super::project::Place;
use super::screen::announce;
use super::vault::Keys;
use mlo_state::second::{News, SecondPlace};
use std::sync::Arc;

/// The second place of a project: for what the store of its state does not take.
pub(super) fn place_of(place: &Place, keys: &Keys) -> SecondPlace {
    let at = place.clone();
    // At once, and from wherever it comes: a run whose store fails may not get to its end.
    let tell = Arc::new(move |news| announce(&said(&news, &at)));
    SecondPlace::new(place.home(), keys.vault.clone(), tell)
}

fn said(news: &News, at: &Place) -> String {
    let shown = |path: &std::path::Path| at.relative(&path.display().to_string());
    match news {
        News::Kept { place } => format!(
            "The state takes no more records: what is done from now on is kept in {}. The next run here writes it to the state.\n",
            shown(place)
        ),
        News::Unwritten { place, lines } => format!(
            "What was done can be written nowhere. Nothing is lost by that: the next run finds out what became of each change. \
             To spare it that, put these lines at the end of {}:\n{lines}",
            shown(place)
        ),
        News::Lost { records, because } => format!(
            "{} can be kept nowhere ({because}): the next run finds out what became of each change.\n",
            counted(*records)
        ),
        News::TakenUp { records: 0 } => {
            "The state knows by now all that an earlier run kept beside it.\n".to_owned()
        }
        News::TakenUp { records } => format!(
            "{} that an earlier run could not write to the state {} in it now.\n",
            counted(*records),
            if *records == 1 { "is" } else { "are" }
        ),
        News::GonePast { place } => format!(
            "What an earlier run kept beside the state is not needed: the state has gone past it. It is in {} now.\n",
            shown(place)
        ),
        News::Damaged { place, damage } => format!(
            "What an earlier run kept beside the state is damaged ({damage}): what became of each change is found out instead. \
             It is in {} now.\n",
            shown(place)
        ),
    }
}

fn counted(records: usize) -> String {
    if records == 1 { "1 record".to_owned() } else { format!("{records} records") }
}
