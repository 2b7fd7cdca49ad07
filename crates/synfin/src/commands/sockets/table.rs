//! netstat's table, in Linux's own words, with the timer that `netstat -o` shows.

use std::fmt::Write as _;

use synfin_kernel::{Processes, Socket};

use super::names::Names;
use crate::kernel::json::timer;
use crate::kernel::namespaces::Labels;
use crate::kernel::text::End;

/// What is shown of each socket, and how.
#[derive(Debug)]
pub(super) struct Table {
    /// Hosts and ports by name.
    pub(super) names: Option<Names>,
    /// A column with the namespace.
    pub(super) namespaces: Option<Labels>,
    /// A column with the processes.
    pub(super) has_processes: bool,
    pub(super) has_color: bool,
}

impl Table {
    /// One line for each socket, and a title.
    pub(super) fn write(&self, out: &mut Vec<u8>, sockets: &[Socket], processes: &Processes) {
        let show = |address| match &self.names {
            Some(names) => names.show(address),
            None => End(address).to_string(),
        };
        let ends: Vec<_> = sockets.iter().map(|socket| [show(socket.local), show(socket.remote)]).collect();
        let width = ends.iter().flatten().map(String::len).max().unwrap_or_default().max(15);
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = write!(
            text,
            "Proto Recv-Q Send-Q {:width$} {:width$} {:<11} {:<18}",
            "Local Address", "Foreign Address", "State", "Timer"
        );
        if self.namespaces.is_some() {
            text += " Namespace  ";
        }
        if self.has_processes {
            text += " PID/Program name";
        }
        end_line(out, &mut text);
        for (socket, [local, remote]) in sockets.iter().zip(&ends) {
            let proto = if socket.is_ipv6 { "tcp6" } else { "tcp" };
            let _ = write!(text, "{proto:<5} {:>6} {:>6} ", socket.receive_queue, socket.send_queue);
            let (on, off) = if self.has_color { ("\x1b[36m", "\x1b[0m") } else { ("", "") };
            let _ =
                write!(text, "{local:width$} {remote:width$} {on}{:<11}{off} ", socket.state.linux_name());
            let left = match timer(socket.timer) {
                Some((name, left)) => format!("{name} ({:.2} s)", left.as_secs_f64()),
                None => "off".to_owned(),
            };
            let _ = write!(text, "{left:<18}");
            if let Some(labels) = &self.namespaces {
                let _ = write!(text, " {:<11}", labels.of(socket.id.namespace));
            }
            if self.has_processes {
                holders(&mut text, socket, processes);
            }
            end_line(out, &mut text);
        }
    }
}

/// All that have it open: `811/nginx,812/nginx`.
fn holders(text: &mut String, socket: &Socket, processes: &Processes) {
    let mut separator = ' ';
    for known in processes.holders(socket.inode) {
        let process = known.process;
        let _ = write!(text, "{separator}{}/", process.pid);
        // What a terminal would obey is escaped.
        for c in process.name.as_str().chars() {
            if c.is_control() { text.extend(c.escape_unicode()) } else { text.push(c) }
        }
        separator = ',';
    }
    if separator == ' ' {
        text.push_str(" -");
    }
}

fn end_line(out: &mut Vec<u8>, text: &mut String) {
    out.extend_from_slice(text.trim_end().as_bytes());
    out.push(b'\n');
    text.clear();
}
