//! Keys of the state: which there are, and what to say of one that is missing.

use mlo_state::seal::SealError;

/// What to do about something that stays sealed.
pub(super) fn help(error: &SealError) -> String {
    match error {
        SealError::NoKey { name } | SealError::Refused { name, .. } => match name.kind {
            "passphrase" => {
                "set `MLO_STATE_PASSPHRASE`, or give the passphrase in the `encryption` block".to_owned()
            }
            "age" => {
                "set `MLO_STATE_AGE_IDENTITY_FILE`, or give identities in the `encryption` block".to_owned()
            }
            "file" => "bring the key's file back from a backup: nothing else opens what it sealed".to_owned(),
            _ => format!("configure the key `{name}` in the `encryption` block"),
        },
        SealError::Unsealed { .. } => "nothing was written: mend the key, or put another first".to_owned(),
        SealError::Clear => {
            "take `enforced` out for one run that seals it, or find out who put it there".to_owned()
        }
    }
}
