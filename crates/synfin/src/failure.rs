//! What failed, why, and what to type.

use std::fmt;
use std::io;

use synfin_capture::{LiveError, WriteError};

/// An error as it is told: `synfin: what failed: why`, then `hint: what to type`.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// Adds what to type.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether nobody reads our output any more, which is no failure.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            let io = cause.downcast_ref::<io::Error>();
            let write = cause.downcast_ref::<WriteError>().map(|e| &e.source);
            io.or(write).is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
        })
    }

    pub(crate) fn print(&self) {
        eprintln!("synfin: {self}");
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut previous = String::new();
        for cause in self.error.chain() {
            // An error that shows its source as well says everything already.
            let text = cause.to_string();
            if previous.is_empty() {
                f.write_str(&text)?;
            } else if !previous.contains(&text) {
                write!(f, ": {text}")?;
            }
            previous = text;
        }
        Ok(())
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), hint: None }
    }
}

/// What to type when a capture cannot be opened.
pub(crate) fn live(error: LiveError, again: &str) -> Failure {
    let hint = match &error {
        LiveError::NoPermission { .. } => Some(format!(
            "sudo {again}\n  or once, to capture without sudo: \
             sudo setcap cap_net_raw,cap_net_admin+ep \"$(command -v synfin)\""
        )),
        LiveError::NoSuchInterface { .. } => Some("synfin trace -i any".to_owned()),
        LiveError::InterfaceDown { interface } => Some(format!("sudo ip link set {interface} up")),
        LiveError::Filter(_) => Some(FILTER_HINT.to_owned()),
        _ => None,
    };
    let failure = Failure::from(anyhow::Error::new(error).context("cannot capture"));
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// What to type when a filter is not understood.
pub(crate) const FILTER_HINT: &str =
    "a filter is something like 'tcp port 80 and host 10.0.0.1': see man pcap-filter";
