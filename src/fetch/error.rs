//! Why a package is not there, as data: what, and what would help.

use crate::diag::{Code, code};

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address cannot be read.
    #[error("{0}")]
    Address(String),
    /// It is not here, and nothing may be fetched now.
    #[error("it is not in `.mlo/modules`")]
    Absent,
    /// It is not here, and there is no network.
    #[error("it is not in `.mlo/modules`, and `--offline` says that nothing is fetched")]
    Offline,
    /// What is in the folder of packages is not what was put there.
    #[error("its files in `{0}` were changed")]
    Changed(String),
    /// What came is not what the lock file says.
    #[error("{what} is {came}, and the lock file says {locked}")]
    Drifted {
        /// What differs.
        what: &'static str,
        /// As it came.
        came: String,
        /// As it was when the lock file was written.
        locked: String,
    },
    /// The lock file cannot be used.
    #[error("`.mlo.lock.json` {0}")]
    Lock(String),
    /// No version of a module meets the constraint.
    #[error("no version meets `{constraint}`; there are {there}")]
    NoVersion {
        /// The constraint as it is written.
        constraint: String,
        /// The newest versions, in words.
        there: String,
    },
    /// A module of a registry has versions; other packages have not.
    #[error("only modules of a registry have versions")]
    NotVersioned,
    /// The address leads to where nothing is fetched from.
    #[error("{0}")]
    Refused(String),
    /// Whoever was asked does not answer, or says no.
    #[error("{0}")]
    Remote(String),
    /// What came is not a package that is taken.
    #[error("{0}")]
    Package(String),
    /// The folder named after `//` is not in the package.
    #[error("it has no folder `{0}`")]
    NoFolder(String),
    /// The disk says no.
    #[error("`{place}`: {why}")]
    Disk {
        /// Where.
        place: String,
        /// In the system's words.
        why: String,
    },
}

impl FetchError {
    /// The code of the message.
    pub fn code(&self) -> Code {
        match self {
            Self::Address(_) | Self::NotVersioned | Self::NoFolder(_) => code::lang::MODULE_SOURCE,
            Self::Absent | Self::Offline | Self::Changed(_) => code::lang::MODULE_ABSENT,
            Self::Drifted { .. } | Self::Lock(_) => code::lang::MODULE_LOCK,
            Self::Package(_) => code::lang::PACKAGE,
            Self::NoVersion { .. } | Self::Refused(_) | Self::Remote(_) | Self::Disk { .. } => {
                code::lang::MODULE_FETCH
            }
        }
    }

    /// What to do next, if there is something.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Absent => Some("run `mlo get`, which fetches what modules need"),
            Self::Offline => {
                Some("run `mlo get` where there is a network, without `--offline` and `MLO_OFFLINE`")
            }
            Self::Changed(_) => Some("run `mlo get`, which fetches it again"),
            Self::Drifted { .. } => {
                Some("if the change is meant, take it with `mlo get --update`, and commit `.mlo.lock.json`")
            }
            Self::Lock(_) => Some("bring it back from version control, or remove it and run `mlo get`"),
            Self::NotVersioned => Some("for a repository, name a tag: `?ref=v1.2.0`"),
            _ => None,
        }
    }
}
