//! Prints RFC 9293's Appendix B: each requirement, the code that does it and the test that shows it.
//!
//! ```text
//! cargo run -p synfin-tcp --example checklist            all of it
//! cargo run -p synfin-tcp --example checklist MUST-23    what begins with MUST-23
//! ```
//!
//! Fails where a requirement has neither code and test nor a written reason.

mod marks;
mod report;
mod requirements;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = match report::Report::of(&root) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("checklist: cannot read the sources: {error}");
            return ExitCode::from(2);
        }
    };
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    print!("{}", report.table(|id| wanted.is_empty() || wanted.iter().any(|prefix| id.starts_with(prefix))));
    for fault in &report.faults {
        eprintln!("checklist: {fault}");
    }
    if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
