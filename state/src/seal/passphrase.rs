//! A key that is made of a passphrase, by Argon2id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::Random;
use super::header::Scope;
use super::key::{DataKey, Key, KeyError, KeyName, Wrapped, decode, encode, unwrap_with, wrap_with};

/// What wrapped keys are bound to.
const WHAT: &[u8] = b"mlo passphrase 1";
/// Bytes of a salt that is made.
const SALT: usize = 16;
/// Bytes of a salt that is read.
const SALT_MAX: usize = 64;

/// What a header may ask for at most: 256 MiB and about a second, for whoever writes the header decides it.
const COST_MAX: PassphraseCost = PassphraseCost { memory_kib: 256 * 1024, passes: 8, lanes: 16 };

/// What it costs to make a key of a passphrase, and so to guess at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PassphraseCost {
    /// Memory.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, which could be filled at the same time.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// What RFC 9106 recommends where 2 GiB are too much: some tenths of a second.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

/// A salt and what it costs.
type Stretching = (Vec<u8>, PassphraseCost);

/// A key that is made of a passphrase. Each salt is stretched once.
pub struct PassphraseKey {
    label: Arc<str>,
    passphrase: Zeroizing<String>,
    cost: PassphraseCost,
    stretched: Mutex<BTreeMap<Stretching, Zeroizing<[u8; 32]>>>,
}

impl PassphraseKey {
    /// The key of a passphrase.
    pub fn new(label: impl Into<Arc<str>>, passphrase: Zeroizing<String>) -> Self {
        let (cost, stretched) = (PassphraseCost::default(), Mutex::default());
        Self { label: label.into(), passphrase, cost, stretched }
    }

    /// The same, at another cost.
    #[must_use]
    pub fn with_cost(self, cost: PassphraseCost) -> Self {
        Self { cost, ..self }
    }

    fn stretch(&self, salt: &[u8], cost: PassphraseCost) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let mut stretched = self.stretched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = stretched.get(&(salt.to_vec(), cost)) {
            return Ok(key.clone());
        }
        let mut key = Zeroizing::new([0; 32]);
        let made =
            Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(key.len())).and_then(|params| {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(self.passphrase.as_bytes(), salt, &mut *key)
            });
        made.map_err(|error| KeyError::Unusable { said: format!("Argon2 refuses its parameters: {error}") })?;
        stretched.insert((salt.to_vec(), cost), key.clone());
        Ok(key)
    }

    /// A salt that was met, so that nothing is stretched twice, or a new one.
    fn salt(&self, random: &Random) -> Vec<u8> {
        let stretched = self.stretched.lock().unwrap_or_else(PoisonError::into_inner);
        let known = stretched.keys().find(|(salt, cost)| *cost == self.cost && salt.len() == SALT);
        known.map_or_else(
            || {
                let mut salt = vec![0; SALT];
                random(&mut salt);
                salt
            },
            |(salt, _)| salt.clone(),
        )
    }
}

impl Key for PassphraseKey {
    fn name(&self) -> KeyName {
        KeyName { kind: "passphrase", label: self.label.clone() }
    }

    fn wrap(&self, data_key: &DataKey, scope: &Scope, random: &Random) -> Result<Wrapped, KeyError> {
        let salt = self.salt(random);
        let by = self.stretch(&salt, self.cost)?;
        let PassphraseCost { memory_kib, passes, lanes } = self.cost;
        let data_key = wrap_with(&by, data_key, &scope.bound_to(WHAT), random);
        Ok(Wrapped::Passphrase { salt: encode(&salt), memory_kib, passes, lanes, data_key })
    }

    fn unwrap(&self, wrapped: &Wrapped, scope: &Scope) -> Result<DataKey, KeyError> {
        let Wrapped::Passphrase { salt, memory_kib, passes, lanes, data_key } = wrapped else {
            return Err(KeyError::Another);
        };
        for (what, found, limit) in [
            ("KiB of memory", *memory_kib, COST_MAX.memory_kib),
            ("passes", *passes, COST_MAX.passes),
            ("lanes", *lanes, COST_MAX.lanes),
        ] {
            if found > limit {
                return Err(KeyError::Limit { what, found: found.into(), limit: limit.into() });
            }
        }
        let refused = || {
            let said = "the passphrase that is given does not open it, or its first line was changed";
            KeyError::Refused { said: said.to_owned() }
        };
        let salt = decode(salt).filter(|salt| salt.len() <= SALT_MAX).ok_or_else(refused)?;
        let cost = PassphraseCost { memory_kib: *memory_kib, passes: *passes, lanes: *lanes };
        let by = self.stretch(&salt, cost)?;
        unwrap_with(&by, data_key, &scope.bound_to(WHAT)).ok_or_else(|| {
            // A salt of another passphrase is not one to go on with.
            self.stretched.lock().unwrap_or_else(PoisonError::into_inner).remove(&(salt, cost));
            refused()
        })
    }
}
