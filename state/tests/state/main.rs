//! What the crate does as its users see it.
#![cfg(test)]

mod address;
mod damage;
mod disk;
mod forged;
mod journal;
mod kill;
mod kms;
mod power;
mod s3;
mod salvage;
mod seal;
mod second;
mod server;
mod servers;
mod snapshot;
mod stores;
