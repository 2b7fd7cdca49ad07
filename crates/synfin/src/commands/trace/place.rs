//! Where to capture: in the network namespace of this process, or in others.

use std::fmt;

use synfin_capture::LiveOptions;
#[cfg(feature = "kernel")]
use synfin_kernel::Namespace;

use super::command_line;
use super::sources::Sources;
use crate::beside::Scope;
use crate::cli::TraceArgs;
use crate::failure::{self, Failure};
#[cfg(feature = "kernel")]
use crate::{
    kernel::{self, namespaces::Labels},
    told,
};

/// Of several captures, each has at least so many bytes of buffer in the kernel: some 15 of the largest packets.
#[cfg(feature = "kernel")]
const MIN_BUFFER: u32 = 2 << 20;

/// Network namespaces to capture in.
pub(super) struct Place {
    #[cfg(feature = "kernel")]
    scope: Scope,
    /// What is said of it, where it is not simply here.
    text: String,
}

#[cfg(not(feature = "kernel"))]
impl Place {
    pub(super) fn of(_args: &TraceArgs) -> Self {
        Self { text: String::new() }
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        Ok(())
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::Own
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        false
    }

    pub(super) fn open(&self, options: &LiveOptions) -> Result<Sources, Failure> {
        Sources::open(options).map_err(|e| failure::live(e, &command_line()))
    }

    pub(super) fn run<T: Send>(&self, run: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        Ok(run())
    }
}

#[cfg(feature = "kernel")]
impl Place {
    pub(super) fn of(args: &TraceArgs) -> Self {
        let scope = kernel::scope(&args.scope);
        let text = match kernel::namespaces_of(&scope).as_slice() {
            _ if scope == Scope::Own => String::new(),
            [one] => format!(" in network namespace {}", Labels::load().of_namespace(one)),
            several => {
                let labels = Labels::load();
                let names: Vec<_> = several.iter().map(|one| labels.of_namespace(one)).collect();
                format!(" in {} network namespaces ({})", several.len(), names.join(", "))
            }
        };
        Self { scope, text }
    }

    /// Whether there are such namespaces, and they may be entered.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Scope::Some(some) = &self.scope else { return Ok(()) };
        let entered = some.iter().try_for_each(|namespace| namespace.enter(|| ()));
        entered.map_err(|error| kernel::namespace_failure(error, &command_line()))
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    /// Whether other namespaces are entered.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.scope != Scope::Own
    }

    /// Opens a capture in each of them.
    pub(super) fn open(&self, options: &LiveOptions) -> Result<Sources, Failure> {
        use synfin_capture::Live;

        let again = command_line();
        if let Scope::Own = self.scope {
            return Sources::open(options).map_err(|e| failure::live(e, &again));
        }
        let namespaces = kernel::namespaces_of(&self.scope);
        let is_one = namespaces.len() == 1 && self.scope != Scope::All;
        // Together they take the room that one would.
        let count = u32::try_from(namespaces.len()).unwrap_or(u32::MAX).max(1);
        let options = LiveOptions {
            buffer_bytes: options.buffer_bytes.min((options.buffer_bytes / count).max(MIN_BUFFER)),
            ..options.clone()
        };
        let mut lives = Vec::new();
        let mut refused = None;
        for namespace in &namespaces {
            let number = namespace.inode();
            let opened = namespace.enter(|| Live::open(&options));
            match (number, opened) {
                (Ok(number), Ok(Ok(live))) => {
                    lives.push((live, (!is_one).then(|| told::describe_namespace(number))));
                }
                // Of all, some may have no such interface, or be gone by now.
                (_, Ok(Err(error))) if self.scope == Scope::All => {
                    refused = Some(failure::live(error, &again))
                }
                (_, Ok(Err(error))) => return Err(failure::live(error, &again)),
                (Err(error), _) | (_, Err(error)) => {
                    let failure = kernel::namespace_failure(error, &again);
                    if self.scope != Scope::All {
                        return Err(failure);
                    }
                    refused = Some(failure);
                }
            }
        }
        match refused {
            Some(failure) if lives.is_empty() => Err(failure),
            _ => Ok(Sources::new(lives)),
        }
    }

    /// Runs something where the capture is, if that is one place.
    pub(super) fn run<T: Send>(&self, run: impl FnOnce() -> T + Send) -> Result<T, Failure> {
        let here = Namespace::Current;
        let namespace = match &self.scope {
            Scope::Some(some) if some.len() == 1 => some.first().unwrap_or(&here),
            _ => &here,
        };
        namespace.enter(run).map_err(|error| kernel::namespace_failure(error, &command_line()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
