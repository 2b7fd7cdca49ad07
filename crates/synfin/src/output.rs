//! Where output goes and how it looks there.

use std::fs::File;
use std::io::{self, IsTerminal, Write};

use synfin_view::{Format, Options, Printer, Show, Style, TimeStyle};

use crate::cli::{ColorArg, FormatArg, OutputArgs, ViewArgs};
use crate::failure::{self, Failure};
use crate::progress::Progress;

/// A printer to standard output or to a file.
pub(crate) type Output = Printer<Box<dyn Write>>;

/// What output goes to, for messages.
pub(crate) fn name(args: &OutputArgs) -> String {
    args.file.as_ref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
}

/// Whether output goes to a terminal.
pub(crate) fn is_to_terminal(args: &OutputArgs) -> bool {
    args.file.is_none() && io::stdout().is_terminal()
}

/// Whether to use colours.
pub(crate) fn has_color(args: &OutputArgs, to_terminal: bool) -> bool {
    match args.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => {
            to_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Opens what the options name. `is_live` hands on every line at once; the first one ends the progress bar if both
/// are seen in the same place.
pub(crate) fn open(
    args: &ViewArgs,
    show: Show,
    progress: &Progress,
    is_live: bool,
) -> Result<Output, Failure> {
    let to_terminal = is_to_terminal(&args.output);
    let out: Box<dyn Write> = match &args.output.file {
        Some(path) => {
            Box::new(File::create(path).map_err(|error| failure::output(error, &name(&args.output)))?)
        }
        None if to_terminal => Box::new(progress.cleared_by(io::stdout())),
        None => Box::new(io::stdout()),
    };
    let format = match args.format {
        FormatArg::Text => Format::Text,
        FormatArg::Json => Format::Json,
        FormatArg::Csv => Format::Csv,
    };
    let time = if args.clock { TimeStyle::Clock(jiff::tz::TimeZone::system()) } else { TimeStyle::Relative };
    let options = Options {
        show,
        format,
        style: style(&args.output, to_terminal),
        time,
        only: None,
        is_live: is_live || to_terminal,
    };
    Ok(Printer::new(out, options))
}

/// How text looks on a terminal, and elsewhere.
pub(crate) fn style(args: &OutputArgs, to_terminal: bool) -> Style {
    let width = if to_terminal {
        terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
    } else {
        std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(80)
    };
    Style { width, color: has_color(args, to_terminal), unicode: !args.ascii, fits_lines: to_terminal }
}

/// What to show: as asked for; else the ladder of a connection that was asked for; else `default`.
pub(crate) fn show(args: &ViewArgs, default: Show) -> Show {
    match args.show {
        Some(show) => show,
        None if !args.connection.is_empty() => Show::from(synfin_view::View::Ladder),
        None => default,
    }
}
