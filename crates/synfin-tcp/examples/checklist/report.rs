//! Requirements and marks, held against each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::marks::{self, Mark, Site};
use super::requirements::{GROUPS, Requirement};

/// Where marks are looked for. A test of the laboratory shows what our TCP does as well as one of its own.
const FOLDERS: [&str; 6] = [
    "crates/synfin-tcp/src",
    "crates/synfin-tcp/tests",
    "crates/synfin-wire/src",
    "crates/synfin-lab/src",
    "crates/synfin-lab/tests",
    "crates/synfin-lab/scripts",
];

/// What was found of a requirement.
#[derive(Default)]
struct Found {
    code: Vec<Site>,
    tests: Vec<Site>,
}

/// The checklist.
pub(crate) struct Report {
    found: BTreeMap<String, Found>,
    /// Holes, and marks that are none.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// Of the sources under the root of the repository.
    pub(crate) fn of(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        Ok(Self::of_marks(marks::collect(&root, &FOLDERS)?))
    }

    /// Of these marks.
    pub(crate) fn of_marks(marks: Vec<Mark>) -> Self {
        let mut report = Self { found: BTreeMap::new(), faults: Vec::new() };
        for mark in marks {
            report.take(mark);
        }
        for requirement in GROUPS.iter().flat_map(|group| group.requirements) {
            report.judge(requirement);
        }
        report
    }

    fn take(&mut self, Mark { id, site, is_among_tests }: Mark) {
        let place = format!("{}:{}", site.file, site.line);
        if !GROUPS.iter().flat_map(|group| group.requirements).any(|requirement| requirement.id == id) {
            self.faults.push(format!("{place}: RFC 9293 has no {id}"));
            return;
        }
        let found = self.found.entry(id.clone()).or_default();
        match (&site.test, is_among_tests) {
            (Some(_), _) => found.tests.push(site),
            (None, false) => found.code.push(site),
            (None, true) => {
                self.faults.push(format!("{place}: {id} stands among tests, but at none of them"))
            }
        }
    }

    fn judge(&mut self, Requirement { id, words, reason, .. }: &Requirement) {
        let nothing = Found::default();
        let Found { code, tests } = self.found.get(*id).unwrap_or(&nothing);
        let missing = match (code.is_empty(), tests.is_empty()) {
            (true, true) => "neither code nor test",
            (true, false) => "no code",
            (false, true) => "no test",
            (false, false) if reason.is_some() => {
                self.faults.push(format!("{id} ({words}) has code and test, and a reason why it has not"));
                return;
            }
            (false, false) => return,
        };
        if reason.is_none() {
            self.faults.push(format!("{id} ({words}) has {missing}, and no reason is written"));
        }
    }

    /// The table, as far as it is wanted.
    pub(crate) fn table(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut table = String::new();
        let (mut shown, mut reasoned) = (0, 0);
        for group in GROUPS {
            let mut is_begun = false;
            for requirement in group.requirements.iter().filter(|requirement| is_wanted(requirement.id)) {
                if !std::mem::replace(&mut is_begun, true) {
                    let _infallible = writeln!(table, "\n{}", group.name);
                }
                self.row(&mut table, requirement);
                *(if requirement.reason.is_some() { &mut reasoned } else { &mut shown }) += 1;
            }
        }
        let _infallible = writeln!(
            table,
            "\n{} requirements: {shown} with code and test, {reasoned} with a reason why not, {} faults",
            shown + reasoned,
            self.faults.len()
        );
        table
    }

    fn row(&self, table: &mut String, Requirement { id, section, words, reason }: &Requirement) {
        let _infallible = writeln!(table, "  {id:<8} {words} ({section})");
        let nothing = Found::default();
        let Found { code, tests } = self.found.get(*id).unwrap_or(&nothing);
        for Site { file, line, .. } in code {
            let _infallible = writeln!(table, "             code {file}:{line}");
        }
        for Site { file, line, test } in tests {
            let _infallible =
                writeln!(table, "             test {file}:{line} {}", test.as_deref().unwrap_or_default());
        }
        if let Some(reason) = reason {
            let _infallible = writeln!(table, "             none: {reason}");
        }
    }
}
