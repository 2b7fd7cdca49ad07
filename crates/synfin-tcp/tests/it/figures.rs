//! The figures of RFC 9293.
