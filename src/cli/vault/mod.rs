//! The keys of a project's state: of its `encryption` block, of the environment, and the one that is made here.
//!
//! Goes in: a place, its configuration as far as it is there, the environment. Comes out: a vault. Never happens: a key
//! on a screen, in a message or in a file; a key asked for that nothing needs.

mod key;

use super::args::Source;
use super::packages::Packages;
use super::project::Place;
use super::session;
use super::variables;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::fetch::Mode;
use crate::lang::config::Module;
use crate::lang::load::Given;
use key::Maker;
use mlo_state::Vault;
use mlo_state::seal::{Key, LocalKey, Random, SealError};
use std::path::Path;
use std::sync::Arc;

/// Passphrases, to open and to seal with; identities of age, or the file that holds them.
pub(super) const PASSPHRASE: &str = "MLO_STATE_PASSPHRASE";
pub(super) const IDENTITY: &str = "MLO_STATE_AGE_IDENTITY";
pub(super) const IDENTITY_FILE: &str = "MLO_STATE_AGE_IDENTITY_FILE";

/// The file of the key that is made where no other is there, in the project's `.mlo`.
const LOCAL: &str = "key";

/// What a project's state is sealed with.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) vault: Vault,
    /// What seals sensitive values where no key is configured.
    local: Arc<LocalKey>,
}

/// What is said of a key that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is an error at once, with its place.
    Fails,
    /// It is one when the key is needed.
    Waits,
}

impl Keys {
    /// The keys of a place with this configuration, and what is given for its variables.
    ///
    /// # Errors
    /// If a key cannot be made of what the configuration says, unless that waits.
    pub(super) fn of(
        place: &Place,
        config: Option<(&Module, &Given)>,
        lack: Lack,
    ) -> Result<Self, Diagnostics> {
        let mut keys = Vec::new();
        let mut messages = Diagnostics::new();
        let encryption = config.and_then(|(module, _)| module.settings.encryption.as_ref());
        if let (Some(encryption), Some((module, given))) = (encryption, config) {
            let maker = Maker { module, given };
            for block in &encryption.keys {
                match maker.key(block) {
                    Ok(key) => keys.push(key),
                    Err(said) if lack == Lack::Waits => keys.push(key::missing(block, &said)),
                    Err(said) => messages.extend(said),
                }
            }
        }
        // Where a block says which keys there are, there is no other.
        if encryption.is_none() {
            let given = key::from_environment().map_err(|said| messages.extend(said));
            keys.extend(given.into_iter().flatten());
        }
        let local = Arc::new(LocalKey::new(place.home().join(LOCAL)));
        let fallback: Arc<dyn Key> = local.clone();
        let vault = Vault::new(keys, random()).with_fallback(fallback);
        let enforced = encryption.is_some_and(|encryption| encryption.enforced);
        let vault = if enforced { vault.enforced() } else { vault };
        messages.into_result(Self { vault, local }).map(|(keys, _)| keys)
    }

    /// The keys of a place whose state is looked at without planning: its configuration is read as far as it can be, and
    /// what is wrong with it does not matter here, as long as it is known whether it has keys.
    ///
    /// # Errors
    /// If that is not known, or if a key of the environment cannot be used.
    pub(super) fn of_place(place: &Place, source: &Source) -> Result<Self, Diagnostics> {
        let mut sources = SourceMap::new();
        let is_sealed = place.declared_states(&mut sources)?.is_sealed;
        let place = Place { partly: true, ..place.clone() };
        let packages = Packages::new(&place, source, Mode::Present);
        let config = if place.has_builtin_root() {
            None
        } else {
            place.load_config(false, &packages, &mut sources, &mut Diagnostics::new())
        };
        let config = config.filter(|config| config.settings.encryption.is_some());
        if is_sealed && config.is_none() {
            let summary =
                "the keys of the `encryption` block are not known: the configuration cannot be read";
            let error = Diagnostic::error(code::state::BAD_KEY, summary);
            return Err(error.help("`mlo validate` says what is wrong with it").into());
        }
        let gathered = config.as_ref().map(|config| variables::gather(source, &place, config, &mut sources));
        let given = match (&config, gathered) {
            (Some(config), Some(Ok((inputs, _)))) => variables::given(config, &inputs).unwrap_or_default(),
            _ => Given::new(),
        };
        Self::of(&place, config.as_ref().map(|config| (config, &given)), Lack::Waits)
    }

    /// The same for a command that seals what was written before there was a key.
    pub(super) fn taking_clear(self) -> Self {
        Self { vault: self.vault.taking_clear(), ..self }
    }

    /// Says that a key was made, if one was: without it what it sealed is lost.
    pub(super) fn news(&self, place: &Place) -> Diagnostics {
        if !self.local.was_made() {
            return Diagnostics::new();
        }
        let shown = place.relative(&self.local.path().display().to_string());
        let summary = format!("sensitive values are sealed with a key that was made for it: `{shown}`");
        Diagnostic::warning(code::state::KEY_MADE, summary)
            .detail("Whoever has this file can read the state, and without it nobody can.")
            .help("keep a copy of it, or configure a key: see `encryption` in docs/state.md")
            .into()
    }
}

/// The kernel's random bytes.
fn random() -> Random {
    Arc::new(session::fill_random)
}

/// What to do about something that stays sealed.
pub(super) fn help(error: &SealError) -> String {
    match error {
        SealError::NoKey { name } | SealError::Refused { name, .. } => match name.kind {
            "passphrase" => format!("set `{PASSPHRASE}`, or give the passphrase in the `encryption` block"),
            "age" => format!("set `{IDENTITY_FILE}`, or give identities in the `encryption` block"),
            "aws_kms" => {
                "see that credentials of AWS are there, and that the key's policy allows `kms:Decrypt`".to_owned()
            }
            "file" => "bring the key's file back from a backup: nothing else opens what it sealed".to_owned(),
            _ => format!("configure the key `{name}` in the `encryption` block"),
        },
        SealError::Unsealed { .. } => "nothing was written: mend the key, or put another first".to_owned(),
        SealError::Clear | SealError::Local { .. } | SealError::Public { .. } => {
            "if the key is new, look at what is there and seal it: `mlo state rekey --from-clear`; if it is not, find out who put this there"
                .to_owned()
        }
        SealError::Enforced => {
            "find out who put it there; to seal it, take `enforced` out for one run of `mlo state rekey --from-clear`"
                .to_owned()
        }
    }
}

/// The folder of the project in which the state in a folder lies.
pub(super) fn project_of(state: &Path) -> Option<&Path> {
    state.ancestors().find(|above| above.file_name().is_some_and(|name| name == ".mlo"))?.parent()
}
