//! A connection in Zeek's terms: the `conn_state` and `history` of its conn.log.

/// What Zeek's documentation of conn.log calls history, and the state that follows from it.
#[derive(Clone, Default, Debug)]
pub(crate) struct History {
    letters: String,
}

impl History {
    /// The state, such as `SF`, and the letters.
    pub(crate) fn zeek(&self) -> (&'static str, &str) {
        ("OTH", &self.letters)
    }
}
