//! What is told of scripts: each that went otherwise, and how many went how.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use synfin_lab::drill::{Script, Verdict};

use crate::Outcome;
use crate::cli::{DrillArgs, DrillFormat};
use crate::failure::{self, Failure};

/// Tells of scripts as they are run.
pub(super) struct Report<'a> {
    args: &'a DrillArgs,
    passed: u64,
    failed: u64,
    unsupported: u64,
    errors: u64,
    linux: Option<Linux>,
}

/// How scripts went on Linux.
#[derive(Clone, Copy, Default, Serialize)]
struct Linux {
    passed: u64,
    failed: u64,
    unsupported: u64,
    /// Scripts that passed here and failed there.
    differ: u64,
    /// Of these, those that say why.
    explained: u64,
    /// Scripts that say why Linux differs, where it does not.
    stale: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a DrillArgs) -> Self {
        Self { args, passed: 0, failed: 0, unsupported: 0, errors: 0, linux: None }
    }

    pub(super) fn on_verdict(&mut self, script: &Script, verdict: &Verdict) -> Result<(), Failure> {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            _ => self.unsupported += 1,
        }
        let text = match self.args.format {
            DrillFormat::Text => self.text(script, verdict),
            DrillFormat::Json => line(&Line::of(script, verdict))?,
        };
        print(&text)
    }

    /// How a script went on Linux that has gone so here.
    #[cfg(feature = "kernel")]
    pub(super) fn on_linux(
        &mut self,
        script: &Script,
        ours: &Verdict,
        theirs: &Verdict,
    ) -> Result<(), Failure> {
        let linux = self.linux.get_or_insert_default();
        let differs = *ours == Verdict::Passed && matches!(theirs, Verdict::Failed(_));
        let why = [script.linux_differs.as_slice(), &script.linux_may_differ].concat();
        match theirs {
            Verdict::Passed => linux.passed += 1,
            Verdict::Failed(_) => linux.failed += 1,
            _ => linux.unsupported += 1,
        }
        linux.differ += u64::from(differs);
        linux.explained += u64::from(differs && !why.is_empty());
        linux.stale += u64::from(*theirs == Verdict::Passed && !script.linux_differs.is_empty());
        let text = match self.args.format {
            DrillFormat::Json => {
                line(&Line { against: Some("linux"), why: &why, ..Line::of(script, theirs) })?
            }
            DrillFormat::Text => self.beside(script, differs, theirs, &why),
        };
        print(&text)
    }

    #[cfg(feature = "kernel")]
    fn beside(&self, script: &Script, differs: bool, theirs: &Verdict, why: &[String]) -> String {
        match theirs {
            Verdict::Failed(_) => {
                let text = self.text(script, theirs);
                let word = if differs { "Linux differs" } else { "Linux failed " };
                let mut text = text.replacen("failed       ", &format!("{word}  "), 1);
                match why {
                    [] if differs => text += "    because  nobody has written down why\n",
                    reasons => {
                        for reason in reasons {
                            text += &format!("    because  {reason}\n");
                        }
                    }
                }
                text
            }
            Verdict::Passed if !script.linux_differs.is_empty() => {
                format!("Linux passed   {}, though it says why it would not\n", script.name)
            }
            Verdict::Passed if self.args.verbose => format!("Linux passed   {}\n", script.name),
            Verdict::Unsupported(_) if !self.args.quiet => {
                format!("Linux: {}", self.text(script, theirs))
            }
            _ => String::new(),
        }
    }

    /// A script that could not be read, or not be run.
    pub(super) fn on_error(&mut self, path: &Path, failure: &Failure) -> Result<(), Failure> {
        self.errors += 1;
        failure.print();
        if self.args.format == DrillFormat::Json {
            let (script, what) = (path.display().to_string(), Some(failure.to_string()));
            print(&line(&Line {
                script: &script,
                verdict: "error",
                what: what.as_deref(),
                ..Line::default()
            })?)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Outcome, Failure> {
        let Self { args, passed, failed, unsupported, errors, linux } = self;
        print(&match args.format {
            DrillFormat::Text => {
                let mut text = format!("{passed} passed, {failed} failed, {unsupported} unsupported");
                text += &if errors == 0 { "\n".into() } else { format!(", {errors} could not be run\n") };
                if let Some(Linux { passed, failed, unsupported, differ, explained, stale }) = linux {
                    text += &format!("Linux: {passed} passed, {failed} failed, {unsupported} unsupported\n");
                    text += &format!("{differ} differ, {explained} of them with a written reason");
                    text += &if stale == 0 { "\n".into() } else { format!("; {stale} say why and do not\n") };
                }
                text
            }
            DrillFormat::Json => {
                line(&Summary { v: 1, r#type: "summary", passed, failed, unsupported, errors, linux })?
            }
        })?;
        let unexplained = linux.map_or(0, |linux| linux.differ - linux.explained);
        Ok(match (errors, failed + unexplained) {
            (0, 0) => Outcome::Fine,
            (0, _) => Outcome::Nothing,
            _ => Outcome::Status(2),
        })
    }

    fn text(&self, script: &Script, verdict: &Verdict) -> String {
        let name = &script.name;
        match verdict {
            Verdict::Passed if self.args.verbose => format!("passed       {name}\n"),
            Verdict::Passed => String::new(),
            Verdict::Failed(failure) => {
                let line = failure.place.line;
                let mut text = format!("failed       {name}:{line}: {}\n", failure.what);
                text += &format!("    expected {}\n    came     {}\n", failure.expected, failure.came);
                if self.args.verbose && !failure.history.is_empty() {
                    text += "    before   ";
                    text += &failure.history.join("\n             ");
                    text += "\n";
                }
                text
            }
            Verdict::Unsupported(unsupported) if !self.args.quiet => {
                format!("unsupported  {name}:{}: {}\n", unsupported.place.line, unsupported.what)
            }
            _ => String::new(),
        }
    }
}

/// One script, as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    r#type: &'static str,
    script: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'static str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    history: &'a [String],
    /// Why Linux differs, as the script says.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    why: &'a [String],
}

/// The last line.
#[derive(Serialize)]
struct Summary {
    v: u8,
    r#type: &'static str,
    passed: u64,
    failed: u64,
    unsupported: u64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    linux: Option<Linux>,
}

impl Default for Line<'_> {
    fn default() -> Self {
        Self {
            v: 1,
            r#type: "drill",
            script: "",
            against: None,
            verdict: "",
            line: None,
            what: None,
            expected: None,
            came: None,
            history: &[],
            why: &[],
        }
    }
}

impl<'a> Line<'a> {
    fn of(script: &'a Script, verdict: &'a Verdict) -> Self {
        let begun = Self { script: &script.name, verdict: verdict.name(), ..Self::default() };
        match verdict {
            Verdict::Failed(failure) => Self {
                line: Some(failure.place.line),
                what: Some(&failure.what),
                expected: Some(&failure.expected),
                came: Some(&failure.came),
                history: &failure.history,
                ..begun
            },
            Verdict::Unsupported(unsupported) => {
                Self { line: Some(unsupported.place.line), what: Some(&unsupported.what), ..begun }
            }
            _ => begun,
        }
    }
}

fn line(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(value)? + "\n")
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let done = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    done.map_err(|error| failure::output(error, "standard output"))
}
