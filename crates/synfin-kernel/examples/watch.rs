//! Prints every state change as it happens: `cargo run --example watch [PORT…]`, as root.

use std::io::{BufWriter, Write};

use synfin_kernel::{EventOptions, Report, Session, SessionOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports = std::env::args().skip(1).map(|port| port.parse()).collect::<Result<_, _>>()?;
    let events = EventOptions { ports, ..EventOptions::default() };
    let mut session = Session::open(&SessionOptions { events, ..SessionOptions::default() })?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    loop {
        let mut result = Ok(());
        session.poll(None, |report| {
            if result.is_ok() {
                result = print(&mut out, &report);
            }
        })?;
        result?;
        out.flush()?;
    }
}

fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    match report {
        Report::Change(change) => {
            let step = &change.change;
            write!(out, "{} {} {} {} → {}", step.at_ns, step.local, step.remote, step.from, step.to)?;
            if let Some(process) = step.process {
                write!(out, " {}[{}]", process.name.as_str(), process.pid)?;
            }
            writeln!(out)
        }
        Report::Existing(one) => writeln!(out, "{} {} {}", one.local, one.remote, one.state),
        other => writeln!(out, "{other:?}"),
    }
}
