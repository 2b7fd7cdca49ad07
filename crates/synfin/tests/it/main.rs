//! The whole of synfin against independent judges.

mod captures;
mod tshark;
mod zeek;
