//! The options of what asks Linux's own TCP.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::OutputArgs;
use crate::kernel::span;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    sudo synfin states                                  every change, after the sockets that are there\n  \
    sudo synfin states tcp port 8080                    of these connections only\n  \
    sudo synfin states --summary --duration 10s         how many changes, how long in each state\n  \
    sudo synfin states --format json > states.jsonl     for programs\n  \
    sudo synfin states --netns 811                      in the network namespace of process 811\n\n\
    FILTER has the words of the capture language that make sense of a socket: tcp, ip, ip6, host, net, port, \
    portrange, src (this end), dst (the other end), and, or, not, parentheses.\n\n\
    Exit status: 0 fine, 1 nothing matched, 2 an error.")]
pub(crate) struct StatesArgs {
    /// Which sockets, such as 'port 80 and host 10.0.0.1'
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// End after this time: 10s, 500ms, 2m
    #[arg(short, long, value_name = "TIME", value_parser = span::parse)]
    pub(crate) duration: Option<Duration>,
    /// Instead of every change, at the end: how many of each, and the time in each state
    #[arg(short, long)]
    pub(crate) summary: bool,
    /// Also what changes no state: segments sent again, resets, dropped packets, with the kernel's reasons
    #[arg(long)]
    pub(crate) events: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Times of day instead of seconds since the beginning
    #[arg(long)]
    pub(crate) clock: bool,
    /// Room for events in the kernel, in MiB: more of it rides out bursts
    #[arg(short = 'B', long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) buffer: u32,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    sudo synfin sockets -ntpl                           listeners, as netstat shows them\n  \
    sudo synfin sockets -antp port 8080                 all sockets of a port, with their processes\n  \
    synfin sockets -a --watch                           again every two seconds\n\n\
    The letters are netstat's. FILTER: as for synfin states.\n\n\
    Exit status: 0 fine, 1 nothing matched, 2 an error.")]
pub(crate) struct SocketsArgs {
    /// Which sockets, such as 'port 80 and host 10.0.0.1'
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Listening sockets too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Listening sockets only
    #[arg(short, long)]
    pub(crate) listening: bool,
    /// Show the processes
    #[arg(short, long)]
    pub(crate) processes: bool,
    /// Numbers instead of the names in /etc/hosts and /etc/services
    #[arg(short, long)]
    pub(crate) numeric: bool,
    /// TCP: always so, taken for the habit's sake
    #[arg(short, long)]
    pub(crate) tcp: bool,
    /// Again and again, after so much time (2s where none is given)
    #[arg(
        short = 'c',
        long,
        value_name = "TIME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2s",
        value_parser = span::parse
    )]
    pub(crate) watch: Option<Duration>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) print: PrintArgs,
}

/// Which network namespaces.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScopeArgs {
    /// In this network namespace: a process, a path, or a name of ip netns; may be given again
    #[arg(long, value_name = "PATH|PID")]
    pub(crate) netns: Vec<String>,
    /// In all network namespaces
    #[arg(long, conflicts_with = "netns")]
    pub(crate) all_netns: bool,
}

/// How to print what the kernel says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct PrintArgs {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = KernelFormat::Text)]
    pub(crate) format: KernelFormat,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum KernelFormat {
    /// For people
    Text,
    /// JSON Lines: an object a line
    Json,
}
