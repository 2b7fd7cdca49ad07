//! `synfin completions` and `synfin man`: made from the same definitions as `--help`.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::Outcome;
use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Failure;

/// What the pages belong to.
const VERSION: &str = concat!("synfin ", env!("CARGO_PKG_VERSION"));

pub(crate) fn completions(args: &CompletionsArgs) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "synfin", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}

pub(crate) fn man(args: &ManArgs) -> Result<Outcome, Failure> {
    let mut command = Cli::command();
    command.build();
    let command = match &args.subcommand {
        None => command,
        Some(name) => command.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::from(anyhow!("there is no page: synfin has no subcommand {name}"))
                .with_hint("synfin --help lists them")
        })?,
    };
    let mut page = Vec::new();
    render(command, &mut page)?;
    io::stdout().write_all(&page)?;
    Ok(Outcome::Fine)
}

/// A page with the sections that readers of manual pages look for: what follows the options in `--help` is its own
/// paragraphs here.
fn render(command: clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_uppercase();
    let subcommands = command.has_subcommands();
    let man = Man::new(command).title(name).manual("User Commands").source(VERSION);
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if subcommands {
        man.render_subcommands_section(page)?;
    }
    let mut roff = Roff::new();
    let mut heading = "";
    for paragraph in after.split("\n\n") {
        let (wanted, body) = section(paragraph);
        if wanted == heading {
            roff.control("PP", []);
        } else {
            roff.control("SH", [wanted]);
            heading = wanted;
        }
        // Lines that are indented are typed as they are.
        let is_typed = body.lines().any(|line| line.starts_with(' '));
        if is_typed {
            roff.control("nf", []);
        }
        for line in body.lines() {
            roff.text([roman(line)]);
        }
        if is_typed {
            roff.control("fi", []);
        }
    }
    roff.to_writer(page)
}

/// Under which heading a paragraph of the help stands, and what of it stands there.
fn section(paragraph: &str) -> (&'static str, &str) {
    for (beginning, heading) in
        [("Examples:\n", "EXAMPLES"), ("Start here:\n", "EXAMPLES"), ("Exit status: ", "EXIT STATUS")]
    {
        if let Some(body) = paragraph.strip_prefix(beginning) {
            return (heading, body);
        }
    }
    ("NOTES", paragraph)
}
