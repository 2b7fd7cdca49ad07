//! Messages out of whole conversations: made up by rule, made of garbage, and captured.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

mod captures;
mod damage;
mod exchange;
mod hostile;
mod wire;
