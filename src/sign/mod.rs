//! Signatures: by whose key something was signed, and what for.
//!
//! - `key`       keys as `ssh-keygen` makes them
//! - `wire`      the parts that keys and signatures of OpenSSH are made of
//! - `approval`  who let a saved plan through, as it is kept
//! - `rules`     whose plans an environment takes, and whose approvals
//!
//! Goes in: keys, bytes. Comes out: a signature as `ssh-keygen -Y sign` makes it, or whose one is. Never happens: a signature
//! for one purpose taken for another; a secret key in a message, in debug output, or in memory after its use.

mod approval;
mod key;
mod rules;
mod wire;

#[cfg(test)]
mod tests;

pub use approval::{APPROVAL_FORMAT_VERSION, Approval, Author};
pub use key::{KeyError, PublicKey, Purpose, SecretKey, Signature};
pub use rules::{Rules, Unfit, Unsigned};
