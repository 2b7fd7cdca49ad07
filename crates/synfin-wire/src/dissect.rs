//! From a frame down to the TCP segment in it.
