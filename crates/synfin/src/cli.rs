//! The command line: every option with its help. Options that mean the same are spelled the same everywhere.

#[cfg(feature = "kernel")]
mod kernel;

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use synfin_lab::units::{Chance, Rate, Size, Time};
use synfin_lab::{Outage, Rule};
use synfin_view::Show;

#[cfg(feature = "kernel")]
pub(crate) use self::kernel::{KernelFormat, ScopeArgs, SocketsArgs, StatesArgs};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Shows every TCP connection from SYN to FIN.
#[derive(Parser, Debug)]
#[command(
    name = "synfin",
    version,
    styles = STYLES,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    long_about = "Shows every TCP connection from SYN to FIN: its packets, the states of both ends and the HTTP \
                  messages, on one timeline, drawn as the ladder that every textbook has.",
    after_help = "Start here:\n  \
        synfin demo                                     a server, a client and a trace, all in one\n  \
        sudo synfin trace -i lo 'tcp port 8080'         watch what happens now\n  \
        synfin read capture.pcap                        look at what happened\n  \
        synfin lab                                      what TCP does when packets are lost\n\n\
        Exit status: 0 fine, 1 nothing matched, 2 an error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show the connections in capture files
    Read(ReadArgs),
    /// Show connections as they happen
    Trace(TraceArgs),
    /// Fetch a page over loopback and show the connection: nothing to set up
    Demo(DemoArgs),
    /// Show every change of a state as it happens: what Linux's own TCP says
    #[cfg(feature = "kernel")]
    States(StatesArgs),
    /// Show all sockets, with their states and processes
    #[cfg(feature = "kernel")]
    Sockets(SocketsArgs),
    /// Say what works on this machine, what does not, and what to type
    Doctor(DoctorArgs),
    /// Run our own TCP over a link that you describe, in virtual time
    Lab(Box<LabArgs>),
    /// Drill our own TCP with packetdrill scripts, in virtual time
    Drill(DrillArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print a manual page
    Man(ManArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    synfin read capture.pcapng                        a line for each connection\n  \
    synfin read capture.pcapng --connection 3         the ladder of number 3\n  \
    synfin read a.pcap b.pcap.gz 'tcp port 443'       several files, filtered\n  \
    synfin read capture.pcap --show packets,states    what happened, in order\n  \
    synfin read capture.pcap --format json | jq .     for programs\n  \
    tcpdump -i eth0 -U -w - tcp | synfin read -       while it is captured\n\n\
    FILTER is libpcap's filter language (see pcap-filter(7)). What names an existing file is a file; the \
    filter begins with the first word that does not.\n\n\
    Exit status: 0 fine, 1 nothing matched, 2 an error.")]
pub(crate) struct ReadArgs {
    /// Capture files (pcap, pcapng, also inside gzip or zstd; - for standard input), then a filter
    #[arg(value_name = "FILE… [FILTER]", required = true, num_args = 1..)]
    pub(crate) files_and_filter: Vec<String>,
    /// Check TCP checksums and leave out packets whose checksum is wrong, or ignore checksums
    #[arg(long, value_enum, default_value_t = Checksums::Ignore)]
    pub(crate) checksums: Checksums,
    /// Write the packets that match, with comments on the remarkable ones, to a pcapng file
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    sudo synfin trace -i lo 'tcp port 8080'           packets, and a ladder each\n  \
    sudo synfin trace -i lo -- curl http://localhost/ the connections of a command\n  \
    sudo synfin trace -w trace.pcapng port 443        keep packets for Wireshark\n  \
    sudo synfin trace --show connections              a line each, once it is over\n  \
    sudo synfin trace --netns 811                     in the network namespace of process 811\n\n\
    FILTER is libpcap's filter language (see pcap-filter(7)). Ctrl-C ends the trace, and nothing is lost.\n\n\
    To capture without sudo, once:\n  \
    sudo setcap cap_net_raw,cap_net_admin+ep \"$(command -v synfin)\"\n\n\
    Exit status: that of the command after --; without one: 0 fine, 1 nothing matched, 2 an error.")]
pub(crate) struct TraceArgs {
    /// Interface to capture on; `any` for all of them
    #[arg(short, long, value_name = "IFACE", default_value = "any")]
    pub(crate) interface: String,
    /// Which packets, in libpcap's filter language
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Run this command, show the connections of its processes, and exit as it does
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
    /// Check TCP checksums and leave out packets whose checksum is wrong, or ignore checksums
    #[arg(long, value_enum, default_value_t = Checksums::Ignore)]
    pub(crate) checksums: Checksums,
    /// Write the packets, with comments on the remarkable ones, to a pcapng file
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Capture at most so many bytes of each packet; 0 means all
    #[arg(short, long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) snap_length: u32,
    /// Room for packets in the kernel, in MiB: more of it rides out bursts
    #[arg(short = 'B', long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=2047))]
    pub(crate) buffer: u32,
    /// Also capture packets that are not addressed to this machine
    #[arg(long)]
    pub(crate) promiscuous: bool,
    #[cfg(feature = "kernel")]
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The ladder goes to standard output; the packets to a pcapng file that Wireshark opens."
)]
pub(crate) struct DemoArgs {
    /// Where to write the packets, instead of a new file in the temporary folder
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 everything works, 1 something is missing, 2 an error.")]
pub(crate) struct DoctorArgs {
    /// Say of what works, too, what would be lost without it
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    synfin lab                                        the ready scenarios\n  \
    synfin lab lost-syn                               one of them\n  \
    synfin lab --loss 5% --delay 40ms --seed 3        a request and its answer over such a link\n  \
    synfin lab --rule 'drop the 2nd FIN'              lose exactly that\n  \
    synfin lab cubic --plot cubic.svg                 the congestion window over time\n  \
    synfin lab my.toml -w my.pcapng                   a scenario of your own, for Wireshark\n  \
    synfin lab textbook --print                       a scenario as TOML, to begin with\n\n\
    Packets are shown as they are sent, whether they arrive or not. The same scenario with the same seed gives the \
    same bytes.\n\n\
    Exit status: 0 fine, 1 nothing matched, 2 an error.")]
pub(crate) struct LabArgs {
    /// A ready scenario, or a TOML file; without one, and with options, a request and its answer
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: Option<String>,
    /// Print the scenario as TOML instead of running it
    #[arg(long, requires = "scenario")]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    /// Bytes of the answer, in a talk of one request and one answer
    #[arg(long, value_name = "BYTES", help_heading = "Talk")]
    pub(crate) bytes: Option<Size>,
    /// Bytes of the request
    #[arg(long, value_name = "BYTES", help_heading = "Talk")]
    pub(crate) request: Option<Size>,
    /// Where chance comes from
    #[arg(long, value_name = "NUMBER", help_heading = "Talk")]
    pub(crate) seed: Option<u64>,
    /// IPv6 instead of IPv4
    #[arg(long, help_heading = "Talk")]
    pub(crate) ipv6: bool,
    /// End after so much virtual time, such as 10min
    #[arg(long, value_name = "TIME", help_heading = "Talk")]
    pub(crate) limit: Option<Time>,
    /// End after so many packets
    #[arg(long, value_name = "PACKETS", help_heading = "Talk")]
    pub(crate) max_packets: Option<u64>,
    /// Draw the congestion window, what is in flight and the round-trip time over time, as SVG
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) plot: Option<PathBuf>,
    /// Write the packets, with comments on what the link did to them, to a pcapng file
    #[arg(short = 'w', long = "write", value_name = "FILE", help_heading = "Output")]
    pub(crate) write: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) view: ViewArgs,
}

/// The link, both ways alike; a TOML file can have them differ.
#[derive(Args, Debug)]
#[command(next_help_heading = "Link")]
pub(crate) struct LinkArgs {
    /// Such as 10Mbit/s
    #[arg(long)]
    pub(crate) rate: Option<Rate>,
    /// One way, such as 20ms
    #[arg(long, value_name = "TIME")]
    pub(crate) delay: Option<Time>,
    /// At most so much more delay
    #[arg(long, value_name = "TIME")]
    pub(crate) jitter: Option<Time>,
    /// Packets that fit into the queue before the line
    #[arg(long, value_name = "PACKETS")]
    pub(crate) queue: Option<u64>,
    /// Packets lost by chance, such as 1%
    #[arg(long, value_name = "CHANCE")]
    pub(crate) loss: Option<Chance>,
    /// Packets held back so that others overtake them
    #[arg(long, value_name = "CHANCE")]
    pub(crate) reorder: Option<Chance>,
    /// Packets that arrive twice
    #[arg(long, value_name = "CHANCE")]
    pub(crate) duplicate: Option<Chance>,
    /// Packets that arrive with a bit turned
    #[arg(long, value_name = "CHANCE")]
    pub(crate) corrupt: Option<Chance>,
    /// Largest packet in bytes; who sends a larger one is told by ICMP
    #[arg(long, value_name = "BYTES")]
    pub(crate) mtu: Option<u32>,
    /// When the link is down, such as 2s-5s; may be given again
    #[arg(long, value_name = "TIMES")]
    pub(crate) outage: Vec<Outage>,
    /// What happens to a packet by name, such as 'drop the 2nd FIN from the client'; may be given again
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Vec<Rule>,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    synfin drill handshake.pkt                        one script\n  \
    synfin drill scripts/                             all *.pkt files below a folder\n  \
    synfin drill -v scripts/rfc9293                   every packet and call, with its time\n  \
    synfin drill --profile linux tcp/                 scripts that take Linux's values for granted\n  \
    sudo synfin drill --against linux scripts/        where Linux does otherwise, and why\n\n\
    A script that needs what is not there is unsupported, and never passed. docs/drill.md says what there is.\n\n\
    Exit status: 0 none failed, 1 some failed, 2 an error.")]
pub(crate) struct DrillArgs {
    /// Scripts, or folders with scripts (*.pkt)
    #[arg(value_name = "SCRIPT", required = true)]
    pub(crate) scripts: Vec<PathBuf>,
    /// What scripts take for granted of the host; without it, what a script says itself (// profile: linux), or rfc
    #[arg(long, value_enum)]
    pub(crate) profile: Option<ProfileArg>,
    /// Run the scripts against the Linux kernel too, through a TUN device in real time, and say where the two differ
    #[cfg(feature = "kernel")]
    #[arg(long, value_enum)]
    pub(crate) against: Option<Against>,
    /// The longest script, by the times that it names, that is waited for on Linux
    #[cfg(feature = "kernel")]
    #[arg(long, value_name = "TIME", default_value = "45s", requires = "against")]
    pub(crate) longest: Time,
    /// Fail also where a packet comes out at the end that no line expects, and compare TS ecr
    #[arg(long)]
    pub(crate) strict: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = DrillFormat::Text)]
    pub(crate) format: DrillFormat,
    /// Say nothing of scripts that are unsupported
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Name every script, and show what happened before a failure
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ProfileArg {
    /// Nothing beyond the RFCs
    Rfc,
    /// Linux's buffers, windows, timeouts and acknowledgements
    Linux,
}

#[cfg(feature = "kernel")]
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Against {
    /// This machine's kernel: takes root
    Linux,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum DrillFormat {
    /// For people
    Text,
    /// JSON Lines: an object a line
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The page of this subcommand, instead of that of synfin itself
    pub(crate) subcommand: Option<String>,
}

/// What to show, and how.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "Output",
    mut_arg("quiet", |quiet| quiet.help("Say nothing but what was asked for: no progress, no totals"))
)]
pub(crate) struct ViewArgs {
    /// What to show, separated by commas: connections, ladder, packets, messages, states, findings; of the lab's own TCPs also
    /// variables
    #[arg(long, value_name = "WHAT")]
    pub(crate) show: Option<Show>,
    /// Only the connection of this number; may be given again
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Vec<u64>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    pub(crate) format: FormatArg,
    /// Times of day instead of seconds since the first packet (in lists and tables)
    #[arg(long, display_order = AFTER_FILE)]
    pub(crate) clock: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Where the file of [`OutputArgs`] stands in the help: behind all that other structures say about output.
const FILE: usize = 1000;
/// Room for one more option behind it.
const AFTER_FILE: usize = FILE + 1;

/// Where output goes, and how it looks there: the same of every command that shows something.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output", next_display_order = AFTER_FILE + 1)]
pub(crate) struct OutputArgs {
    /// Write to this file instead of standard output
    #[arg(id = "output", short, long, value_name = "FILE", display_order = FILE)]
    pub(crate) file: Option<PathBuf>,
    /// Whether to use colours: auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = ColorArg::Auto)]
    pub(crate) color: ColorArg,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Say nothing but what was asked for: no totals
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what is being done
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum FormatArg {
    /// For people
    Text,
    /// JSON Lines: an object a line
    Json,
    /// Comma-separated values, with a header row
    Csv,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ColorArg {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Checksums {
    /// Captures taken on the sending host have checksums that the network card was to fill in
    Ignore,
    /// Leave out packets whose checksum is wrong, as their receiver did
    Check,
}
