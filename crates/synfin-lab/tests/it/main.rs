//! The laboratory against the RFCs: what happens on a link, and what TCP makes of it.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

mod drill;
mod drill_language;
mod drills;
mod exact;
mod hostile;
mod link;
mod random;
mod run;
mod scenarios;
