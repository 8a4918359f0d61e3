//! What can be wrong with the bytes of a snapshot or a journal, and with what is to become such bytes.

use std::io;

use crate::address::Address;
use crate::json::JSON_DEPTH_MAX;
use crate::seal::SealError;

/// What is wrong with the bytes of a snapshot or a journal. It names places and addresses, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No byte in it.
    #[error("it is empty")]
    Empty,
    /// It begins well and does not end with a digest.
    #[error("it is cut short, or its end is damaged")]
    Truncated,
    /// The first line of a journal is not as it was written.
    #[error("its first line is damaged")]
    Header,
    /// It does not begin as the format does.
    #[error("it is no file of this kind")]
    Alien,
    /// Sealed, and a byte is not as it was sealed, or it was sealed for another place or serial.
    #[error("it is not as it was sealed: changed, cut short, or taken from elsewhere")]
    Seal,
    /// A byte is not as it was written.
    #[error("its content does not match its digest")]
    Digest,
    /// Every byte is as it was written, and still the format is broken.
    #[error("line {line}, column {column} is not as the format has it")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Nests deeper than [`crate::snapshot::JSON_DEPTH_MAX`].
    #[error("it nests deeper than {JSON_DEPTH_MAX} levels")]
    Depth,
    /// One address has two objects.
    #[error("it holds `{address}` twice")]
    Duplicate {
        /// The address.
        address: Box<Address>,
    },
    /// The lineage is no lineage.
    #[error("its lineage is not one")]
    Lineage,
    /// A record is broken and good ones follow, so it was not the end that a crash tore.
    #[error("the record at byte {at} is damaged, and later ones are not")]
    Record {
        /// Where the record begins.
        at: u64,
    },
    /// A part of a journal stands after the one that closed it.
    #[error("it stands after the end of its journal")]
    AfterEnd,
    /// Two intents have the same number and the first has no outcome.
    #[error("its operation {operation} begins twice")]
    Reopened {
        /// The number.
        operation: u64,
    },
    /// Its name says another serial than it does.
    #[error("it is of serial {found}, and its name says otherwise")]
    Renamed {
        /// Serial that was found.
        found: u64,
    },
    /// Every byte fits, and still it is not what was written.
    #[error(
        "it is not the state that mlo wrote at serial {serial}: it was edited, or put there from elsewhere"
    )]
    Swapped {
        /// The serial.
        serial: u64,
    },
    /// A lock's number that no taking of it can have come to.
    #[error(
        "its number {found} is far beyond {known}, the last that the state knows: mlo did not write it; remove it"
    )]
    Epoch {
        /// The number.
        found: u64,
        /// The last that is known.
        known: u64,
    },
    /// A later serial than this one was written before.
    #[error("it is of serial {found}, but serial {newest} was written before: an older state was put back")]
    RolledBack {
        /// Serial that was found.
        found: u64,
        /// Newest serial that is known to have been written.
        newest: u64,
    },
}

/// Why bytes are not a snapshot or a journal of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are damaged.
    #[error("{0}")]
    Damaged(#[from] Damage),
    /// They are sealed, and stay so.
    #[error("{0}")]
    Sealed(#[from] SealError),
    /// A newer program wrote them.
    #[error("format {found} is newer than the {supported} that this program reads")]
    Newer {
        /// Format version that was found.
        found: u64,
        /// Newest format version that this program reads.
        supported: u32,
        /// Version of the program that wrote it, if it says so.
        written_by: Option<String>,
    },
}

/// Why a snapshot or a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It could not be read back: an address that is none, or a lineage that is none.
    #[error("{what}")]
    Unreadable {
        /// What could not be read back, as a sentence.
        what: &'static str,
    },
    /// Larger or deeper than what is read.
    #[error("{what} is {found}, and at most {limit} is allowed")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// It cannot be sealed.
    #[error("{0}")]
    Sealed(#[from] SealError),
    /// The place that it is written to fails.
    #[error(transparent)]
    Io(#[from] io::Error),
}
