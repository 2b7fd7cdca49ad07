//! synfin shows every TCP connection from SYN to FIN.
//!
//! The command line is thin: it opens sources, hands observations to the tracker and findings to the printer.

mod beside;
mod cli;
mod commands;
mod comments;
mod failure;
mod interrupt;
#[cfg(feature = "kernel")]
mod kernel;
mod output;
mod progress;
mod rights;
mod session;
mod targets;
mod told;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use failure::Failure;

/// What an exit status means, decided here alone.
enum Outcome {
    /// Something matched, everything worked.
    Fine,
    /// Nothing matched.
    Nothing,
    /// What the traced command exited with.
    Status(u8),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    match run(cli) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Nothing) => ExitCode::from(1),
        Ok(Outcome::Status(status)) => ExitCode::from(status),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Read(args) => commands::read::run(&args),
        Command::Trace(args) => commands::trace::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        #[cfg(feature = "kernel")]
        Command::States(args) => commands::states::run(&args),
        #[cfg(feature = "kernel")]
        Command::Sockets(args) => commands::sockets::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Lab(args) => commands::lab::run(&args),
        Command::Drill(args) => commands::drill::run(&args),
        Command::Completions(args) => commands::pages::completions(&args),
        Command::Man(args) => commands::pages::man(&args),
    }
}

/// Help and version are no errors; a usage error is one, told like every error and with the same status.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Whoever closed the pipe has read enough.
        let _ = error.print();
        return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let meant = std::env::args().nth(1);
    #[cfg(not(feature = "kernel"))]
    if let Some(name @ ("states" | "sockets")) = meant.as_deref() {
        failure::not_built_in(name).print();
        return ExitCode::from(2);
    }
    let command = meant.as_deref().filter(|name| Cli::command().find_subcommand(name).is_some());
    failure::usage(&error.render().to_string(), command).print();
    ExitCode::from(2)
}
