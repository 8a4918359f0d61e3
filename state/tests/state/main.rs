//! What the crate does as its users see it.
#![cfg(test)]

mod address;
mod damage;
mod disk;
mod journal;
mod kill;
mod seal;
mod snapshot;
mod stores;
