//! Runs `synfin trace`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;

use crate::ran::command;
pub(crate) use crate::ran::{Ran, SYNFIN};

impl Ran {
    /// The JSON objects of a type on standard output.
    pub(crate) fn objects_of(&self, name: &str) -> Vec<Value> {
        self.objects().into_iter().filter(|object| object["type"] == name).collect()
    }

    /// The only connection.
    pub(crate) fn connection(&self) -> Value {
        let mut connections = self.objects_of("connection");
        assert_eq!(connections.len(), 1, "{}", self.stdout);
        connections.remove(0)
    }

    /// Its endpoints' last states: the client's, then the server's.
    pub(crate) fn last_states(&self) -> [String; 2] {
        let connection = self.connection();
        ["client", "server"].map(|side| {
            connection["states"][side].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned()
        })
    }
}

/// Runs synfin to its end.
pub(crate) fn synfin(args: impl IntoIterator<Item: AsRef<OsStr>>) -> Ran {
    command(args).output().unwrap().into()
}

/// A trace that goes on until it is ended.
pub(crate) struct Trace {
    pub(crate) process: Child,
    stderr: BufReader<ChildStderr>,
}

impl Trace {
    /// Starts `synfin trace` with these arguments, and waits until it captures.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        let args = ["trace"].into_iter().chain(args);
        let mut process = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("capturing on "), "{line}");
        Self { process, stderr }
    }

    /// Ends it with this signal.
    pub(crate) fn end(self, signal: Signal) -> Ran {
        kill(signal, self.process.id());
        self.wait()
    }

    /// Waits for it to end by itself.
    pub(crate) fn wait(mut self) -> Ran {
        let mut rest = String::new();
        // Both are little, or nothing is read from standard output before the end.
        let ran = self.process.wait_with_output().unwrap();
        self.stderr.read_to_string(&mut rest).unwrap();
        Ran { stderr: rest, ..Ran::from(ran) }
    }
}

/// Sends a signal.
pub(crate) fn kill(signal: Signal, process: u32) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).unwrap();
    kill_process(process, signal).unwrap();
}

/// How many packets `capinfos` finds in a capture file.
pub(crate) fn packets_by_capinfos(file: &Path) -> usize {
    let output = Command::new("capinfos").args(["-c", "-M", "-T", "-r"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_whitespace().last().unwrap().parse().unwrap()
}

/// How many packets tshark finds in a capture file.
pub(crate) fn packets_by_tshark(file: &Path) -> usize {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields", "-e", "frame.number"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().count()
}
