//! Whole connections through the tracker, as bytes on the wire.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

mod bounds;
mod closing;
mod findings;
mod hostile;
mod lasting;
mod ledger;
mod marks;
mod numbers;
mod observed;
mod opening;
mod story;
mod streams;
mod tshark;
mod wire;
