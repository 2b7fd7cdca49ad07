//! netstat's table, in Linux's own words, with the timer that `netstat -o` shows.

use std::fmt::Write as _;

use synfin_kernel::{Processes, Socket};

use crate::kernel::json::timer;
use crate::kernel::text::End;

/// One line for each socket, and a title.
pub(super) fn write(
    out: &mut Vec<u8>,
    sockets: &[Socket],
    processes: &Processes,
    with_processes: bool,
    with_namespace: bool,
    has_color: bool,
) {
    let addresses = sockets.iter().flat_map(|socket| [socket.local, socket.remote]);
    let width = addresses.map(|address| End(address).to_string().len()).max().unwrap_or_default().max(15);
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write!(
        text,
        "Proto Recv-Q Send-Q {:width$} {:width$} {:<11} {:<18}",
        "Local Address", "Foreign Address", "State", "Timer"
    );
    if with_namespace {
        text += " Namespace  ";
    }
    if with_processes {
        text += " PID/Program name";
    }
    end_line(out, &mut text);
    for socket in sockets {
        let proto = if socket.local.is_ipv6() { "tcp6" } else { "tcp" };
        let _ = write!(text, "{proto:<5} {:>6} {:>6} ", socket.receive_queue, socket.send_queue);
        let (local, remote) = (End(socket.local).to_string(), End(socket.remote).to_string());
        let (on, off) = if has_color { ("\x1b[36m", "\x1b[0m") } else { ("", "") };
        let _ = write!(text, "{local:width$} {remote:width$} {on}{:<11}{off} ", socket.state.linux_name());
        let left = match timer(socket.timer) {
            Some((name, left)) => format!("{name} ({:.2} s)", left.as_secs_f64()),
            None => "off".to_owned(),
        };
        let _ = write!(text, "{left:<18}");
        if with_namespace {
            let _ = write!(text, " {:<11}", socket.id.namespace);
        }
        if with_processes {
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
                text += " -";
            }
        }
        end_line(out, &mut text);
    }
}

fn end_line(out: &mut Vec<u8>, text: &mut String) {
    out.extend_from_slice(text.trim_end().as_bytes());
    out.push(b'\n');
    text.clear();
}
