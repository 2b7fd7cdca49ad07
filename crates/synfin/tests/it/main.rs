//! The whole of synfin against independent judges.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

mod captures;
mod contract;
mod drill;
mod errors;
mod hostile;
mod lab;
mod looks;
mod made;
mod pages;
mod pipes;
#[path = "../shared/ran.rs"]
mod ran;
mod read;
mod run;
mod tshark;
mod zeek;
