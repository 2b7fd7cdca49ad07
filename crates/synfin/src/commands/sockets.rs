//! `synfin sockets`: who is in which state now, with netstat's letters and columns.

mod names;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use synfin_kernel::{Processes, Scope, Snapshot, SnapshotError, Socket};
use synfin_wire::State;

use crate::Outcome;
use crate::cli::{KernelFormat, SocketsArgs};
use crate::commands::trace::command_line;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::kernel::filter::{self, Filter};
use crate::kernel::json::{self, Object};
use crate::kernel::namespaces::Labels;
use crate::kernel::out::Out;
use crate::kernel::{has_several, namespaces_of, scope, snapshot_failure};
use crate::rights::{self, Needs};
use names::Names;
use table::Table;

/// Ctrl-C is noticed after this time at the latest.
const GLANCE: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &SocketsArgs) -> Result<Outcome, Failure> {
    let filter = Filter::parse(&args.filter).map_err(|e| Failure::from(e).with_hint(filter::HINT))?;
    let mut out = Out::open(&args.print.output)?;
    let interrupt = Interrupt::install()?;
    let scope = scope(&args.scope);
    let table = Table {
        names: (!args.numeric).then(Names::load),
        namespaces: has_several(&scope).then(Labels::load),
        has_processes: args.processes,
        has_color: out.has_color,
    };
    if scope == Scope::All && !args.print.output.quiet && !rustix::process::geteuid().is_root() {
        eprintln!("network namespaces of other users' processes are not seen without root");
        eprintln!("hint: sudo {}", command_line());
    }
    let mut processes = Processes::default();
    let (mut shown, mut has_told) = (0, false);
    if args.watch.is_some() {
        let namespaces = scope != Scope::Own;
        let needs = Needs { processes: args.processes, namespaces, ..Needs::default() };
        rights::keep_only(needs, args.print.output.verbose);
    }
    loop {
        // Sockets first: whose processes are gone by the time these are looked at had nobody to name.
        let mut sockets = take(&scope)?;
        sockets.retain(|socket| is_wanted(args, socket) && filter.matches(socket.local, socket.remote));
        sockets.sort_by_key(|socket| {
            (socket.state != State::Listen, socket.id.namespace, socket.local, socket.remote)
        });
        if args.processes {
            processes.refresh();
        }
        shown += sockets.len();
        if args.watch.is_some() && out.is_terminal {
            out.buffer.extend_from_slice(b"\x1b[H\x1b[2J\x1b[3J");
        }
        print(args, &table, &sockets, &processes, &mut out)?;
        out.flush()?;
        let is_nameless = |socket: &Socket| socket.inode != 0 && processes.owner(socket.inode).is_none();
        if args.processes && !args.print.output.quiet && !has_told && sockets.iter().any(is_nameless) {
            has_told = true;
            eprintln!("some are of processes that cannot be looked at");
            if !rustix::process::geteuid().is_root() {
                eprintln!("hint: sudo {}", command_line());
            }
        }
        let Some(every) = args.watch else { break };
        let next = std::time::Instant::now() + every;
        while !interrupt.is_requested() && std::time::Instant::now() < next {
            std::thread::sleep(GLANCE.min(every));
        }
        if interrupt.is_requested() {
            break;
        }
    }
    Ok(if shown == 0 { Outcome::Nothing } else { Outcome::Fine })
}

fn take(scope: &Scope) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::new();
    for namespace in &namespaces_of(scope) {
        match Snapshot::take(namespace) {
            Ok(mut snapshot) => sockets.append(&mut snapshot.sockets),
            // Of all namespaces some may end while they are gone through.
            Err(SnapshotError::Namespace(_)) if *scope == Scope::All => {}
            Err(error) => return Err(snapshot_failure(error, &command_line())),
        }
    }
    Ok(sockets)
}

/// As netstat has it: -l listeners, -a all, without either all but listeners.
fn is_wanted(args: &SocketsArgs, socket: &Socket) -> bool {
    let is_listener = socket.state == State::Listen;
    // Closed, but not given back by its process yet: no connection.
    let is_anything = socket.state != State::Closed;
    is_anything && if args.listening { is_listener || args.all } else { args.all || !is_listener }
}

fn print(
    args: &SocketsArgs,
    table: &Table,
    sockets: &[Socket],
    processes: &Processes,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut states: BTreeMap<usize, (State, u64)> = BTreeMap::new();
    for socket in sockets {
        let position = State::ALL.iter().position(|state| *state == socket.state).unwrap_or_default();
        states.entry(position).or_insert((socket.state, 0)).1 += 1;
    }
    match args.print.format {
        KernelFormat::Json => {
            let at_ns = jiff::Timestamp::now().as_nanosecond();
            let at_ns = u64::try_from(at_ns).unwrap_or_default();
            for socket in sockets {
                json::socket(&mut out.buffer, socket, processes, at_ns);
                out.end_line()?;
            }
            let counts: Vec<_> =
                states.values().map(|(state, count)| format!(r#""{}":{count}"#, state.name())).collect();
            let mut object = Object::begin(&mut out.buffer, "summary");
            object.number("at_ns", at_ns).number("sockets", sockets.len() as u64);
            object.raw("states", format!("{{{}}}", counts.join(",")).as_bytes());
            object.end();
        }
        KernelFormat::Text => {
            table.write(&mut out.buffer, sockets, processes);
            if !args.print.output.quiet {
                let counts: Vec<_> =
                    states.values().map(|(state, count)| format!("{count} {}", state.linux_name())).collect();
                let total = format!("{} socket{}", sockets.len(), if sockets.len() == 1 { "" } else { "s" });
                let line = [&[total], counts.as_slice()].concat().join(" · ");
                let line = if args.print.output.ascii { line.replace('·', "|") } else { line };
                if args.watch.is_some() {
                    // Above the next round, and gone with this one.
                    out.buffer.extend_from_slice(format!("{line}\n\n").as_bytes());
                } else {
                    out.flush()?;
                    eprintln!("{line}");
                }
            }
        }
    }
    Ok(())
}
