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

/// Capturing failed: what to type.
pub(crate) fn live(error: LiveError, again: &str) -> Failure {
    let hint = match &error {
        LiveError::NoPermission { .. } => Some(permission_hint(again)),
        // The message lists what there is.
        LiveError::NoSuchInterface { .. } => Some("-i any captures on all of them".to_owned()),
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

/// A capture broke off.
pub(crate) fn interrupted(error: LiveError) -> Failure {
    Failure::from(anyhow::Error::new(error).context("cannot capture on"))
}

/// What gives the right to capture.
fn permission_hint(again: &str) -> String {
    if rustix::process::geteuid().is_root() {
        return "root lacks CAP_NET_RAW here; a container has it with --cap-add=NET_RAW".to_owned();
    }
    let program = std::env::current_exe().map_or_else(|_| "synfin".into(), |path| path.display().to_string());
    format!(
        "sudo {again}\n  or once, to capture without sudo: sudo setcap cap_net_raw,cap_net_admin+ep {}",
        quoted(&program)
    )
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The command line was not understood: what clap says, in our form. It says first what is wrong, then, in paragraphs of
/// their own, what may have been meant, and how it is used. `command` is the subcommand that was meant.
pub(crate) fn usage(rendered: &str, command: Option<&str>) -> Failure {
    let (mut what, mut hints) = (String::new(), Vec::new());
    for paragraph in rendered.split("\n\n") {
        let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(error) = line.strip_prefix("error: ") {
            what = error.to_owned();
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
            let names: Vec<_> = usage.split(' ').take_while(is_name).collect();
            hints.push(format!("{} --help", names.join(" ")));
        }
    }
    if hints.is_empty() {
        hints.push(command.map_or("synfin --help".to_owned(), |name| format!("synfin {name} --help")));
    }
    Failure::from(anyhow::Error::msg(what)).with_hint(hints.join("\nhint: "))
}

/// A command that asks Linux's own TCP, in a program that was built without that side.
#[cfg(not(feature = "kernel"))]
pub(crate) fn not_built_in(command: &str) -> Failure {
    let error =
        anyhow::anyhow!("there is no synfin {command} here: this program was built without the kernel side");
    Failure::from(error).with_hint("on Linux, with clang, and without --no-default-features: make install")
}

/// Writing packets failed.
pub(crate) fn write(error: WriteError) -> Failure {
    let is_full = error.source.kind() == io::ErrorKind::StorageFull;
    let failure = Failure::from(anyhow::Error::new(error).context("cannot write packets"));
    if is_full {
        failure.with_hint("what was written before can be read; -w to a larger disk, or a narrower filter")
    } else {
        failure
    }
}

/// Writing what was asked for failed.
pub(crate) fn output(error: io::Error, target: &str) -> Failure {
    Failure::from(anyhow::Error::new(error).context(format!("cannot write {target}")))
}

/// What to type when a filter is not understood.
pub(crate) const FILTER_HINT: &str =
    "a filter is something like 'tcp port 80 and host 10.0.0.1': see man pcap-filter";
