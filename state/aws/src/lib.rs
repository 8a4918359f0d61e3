//! How services of AWS are asked.
//!
//! In: who asks, and where: as a configuration has it, or as AWS's own tools find it. Out: credentials for AWS's SDK; or
//! answers of a service, to requests that are made and signed here. Never: a call tried again by the SDK unless who makes it
//! says so; a key, a token or a signed header in an error; a service asked over a line that others can read.
//!
//! A service of which a few calls are needed is asked by [`Service`]: its own crate of the SDK takes minutes to compile.

mod access;
mod service;

pub use access::{Access, Account, AssumeRole, chain};
pub use service::{Answer, CallError, Service, is_endpoint};
