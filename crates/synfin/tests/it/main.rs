//! The whole of synfin against independent judges.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

mod captures;
mod hostile;
mod tshark;
mod zeek;
