//! What teaches: help, manual pages and completions.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::run::{Ran, command, synfin};

const SUBCOMMANDS: [&str; 7] = ["read", "trace", "demo", "lab", "drill", "completions", "man"];

fn run(args: &[&str]) -> String {
    synfin(Path::new("."), args).fine()
}

fn help(args: &[&str]) -> String {
    let ran: Ran = command(Path::new("."), args).env("COLUMNS", "100").output().unwrap().into();
    ran.fine()
}

#[test]
fn the_help_of_everything() {
    insta::assert_snapshot!("help", help(&["--help"]));
    for subcommand in SUBCOMMANDS {
        insta::assert_snapshot!(format!("help-{subcommand}"), help(&[subcommand, "--help"]));
    }
    assert_eq!(run(&["--version"]), format!("synfin {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_example_in_the_help_is_understood() {
    let folder = crate::made::folder();
    for subcommand in ["read", "trace", "lab"] {
        let help = help(&[subcommand, "--help"]);
        let examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        for example in examples.take_while(|line| !line.is_empty()) {
            // The last part of a pipe, without what explains it.
            let typed = example.trim().split("   ").next().unwrap();
            let part = typed.split(" | ").find(|part| part.contains("synfin ")).unwrap();
            let words = part.split_once("synfin ").unwrap().1;
            // `--help` at the front lets the parser see all the rest, and nothing run.
            let line = format!(
                "exec {} {} --color sometimes",
                crate::run::SYNFIN,
                words.replace(" -- ", " --color sometimes -- ")
            );
            let output = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains("invalid value 'sometimes' for '--color"), "{typed}: {told}");
        }
    }
}

/// Runs a program that may be missing on what it is to judge, and says what it objects to.
fn judge(program: &str, args: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = match command.spawn() {
        Ok(process) => process,
        Err(e) => {
            println!("skipped: {program}: {e}");
            return None;
        }
    };
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{program}: {told}");
    Some(told)
}

#[test]
fn manual_pages_are_well_formed() {
    let mut pages = vec![vec!["man"]];
    pages.extend(SUBCOMMANDS.map(|subcommand| vec!["man", subcommand]));
    for page in pages {
        let text = run(&page);
        assert!(text.contains(".TH ") && text.contains(".SH NAME"), "{page:?}");
        if let Some(told) = judge("groff", &["-man", "-ww", "-Kutf8", "-Tutf8"], &text) {
            assert_eq!(told, "", "{page:?}");
        }
    }
    assert!(run(&["man", "read"]).contains(".SH EXAMPLES"));
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    for (shell, args) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let script = run(&["completions", shell]);
        assert!(script.contains("connection"), "{shell}");
        assert_eq!(judge(shell, args, &script).unwrap_or_default(), "", "{shell}");
    }
    assert!(!run(&["completions", "powershell"]).is_empty());
    assert!(!run(&["completions", "elvish"]).is_empty());
}

#[test]
fn bash_completes_with_them() {
    let mut script = run(&["completions", "bash"]);
    script += r#"
        complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _synfin synfin "${@: -1}" "${@: -2:1}"; }
        complete_line synfin re; [ "${COMPREPLY[*]}" = read ] || exit 1
        complete_line synfin read --conn; [ "${COMPREPLY[*]}" = --connection ] || exit 2
        complete_line synfin read --format ''; [ "${COMPREPLY[*]}" = 'text json csv' ] || exit 3
    "#;
    if let Some(told) = judge("bash", &["--norc"], &script) {
        assert_eq!(told, "");
    }
}
