//! What the commands that ask Linux's own TCP share.

pub(crate) mod filter;
pub(crate) mod fuse;
pub(crate) mod json;
pub(crate) mod namespaces;
pub(crate) mod out;
pub(crate) mod span;
pub(crate) mod text;

use std::convert::Infallible;

use synfin_kernel::{Capability, EventsError, Namespace, Scope, SessionError, SnapshotError, Status};

use crate::cli::ScopeArgs;
use crate::failure::Failure;

/// The namespaces that were asked for.
pub(crate) fn scope(args: &ScopeArgs) -> Scope {
    if args.all_netns {
        return Scope::All;
    }
    if args.netns.is_empty() {
        return Scope::Own;
    }
    let parsed: Result<_, Infallible> = args.netns.iter().map(|text| text.parse::<Namespace>()).collect();
    match parsed {
        Ok(some) => Scope::Some(some),
        Err(never) => match never {},
    }
}

/// Each of them that there is now.
pub(crate) fn namespaces_of(scope: &Scope) -> Vec<Namespace> {
    match scope {
        Scope::Own => vec![Namespace::Current],
        Scope::Some(some) => some.clone(),
        Scope::All => Namespace::all().into_values().collect(),
    }
}

/// What to type where a namespace cannot be entered.
pub(crate) fn namespace_failure(error: std::io::Error, again: &str) -> Failure {
    snapshot_failure(SnapshotError::Namespace(error), again)
}

/// Whether more than one namespace may be shown, so that each line has to say which.
pub(crate) fn has_several(scope: &Scope) -> bool {
    match scope {
        Scope::Own => false,
        Scope::Some(some) => some.len() > 1,
        Scope::All => true,
    }
}

/// What to type where there is no session.
pub(crate) fn failure(error: SessionError, again: &str) -> Failure {
    let hint = match &error {
        SessionError::Events(EventsError::NotPermitted) => Some(format!("sudo {again}")),
        SessionError::Events(EventsError::NoBtf | EventsError::Load(_) | EventsError::Attach { .. }) => {
            Some("synfin doctor says what this kernel offers; synfin sockets needs no events".to_owned())
        }
        SessionError::Snapshot(error) => snapshot_hint(error, again),
        _ => None,
    };
    with_hint(Failure::from(anyhow::Error::new(error).context("cannot watch the kernel's TCP")), hint)
}

/// What to type where sockets cannot be listed.
pub(crate) fn snapshot_failure(error: SnapshotError, again: &str) -> Failure {
    let hint = snapshot_hint(&error, again);
    with_hint(Failure::from(error), hint)
}

fn snapshot_hint(error: &SnapshotError, again: &str) -> Option<String> {
    let SnapshotError::Namespace(source) = error else { return None };
    Some(match source.kind() {
        // A file that stands for no namespace is an invalid argument to setns(2).
        std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidInput => {
            "--netns takes a process, a path such as /proc/811/ns/net, or a name that ip netns lists"
                .to_owned()
        }
        _ => format!("sudo {again}"),
    })
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Says what this kernel does not offer, and what that costs: in a line, or in detail.
pub(crate) fn tell_missing(report: &[Capability], is_verbose: bool) {
    let missing = || report.iter().filter(|capability| !capability.is_working());
    if is_verbose {
        for capability in missing() {
            if let Status::Missing { why, .. } = &capability.status {
                eprintln!("not available: {} ({why}): {}", capability.name, capability.without);
            }
        }
    } else if missing().next().is_some() {
        let names: Vec<_> = missing().map(|capability| capability.name).collect();
        eprintln!("this kernel does not offer all: {} (-v says what that costs)", names.join(", "));
    }
}
