//! RFC 9293's Appendix B has no hole: each requirement has code and a test, or a written reason.

use std::path::Path;

#[path = "../../examples/checklist/marks.rs"]
mod marks;
#[path = "../../examples/checklist/report.rs"]
mod report;
#[path = "../../examples/checklist/requirements.rs"]
mod requirements;

#[test]
fn no_requirement_is_without_code_and_test_or_a_reason() {
    let report = report::Report::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    assert!(report.faults.is_empty(), "\n{}", report.faults.join("\n"));
    let table = report.table(|_| true);
    assert!(table.contains("MUST-69") && table.contains(" 0 faults"), "{table}");
}

/// The RFC itself is the judge of which there are.
#[test]
fn the_list_is_the_appendix() {
    let rfc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/rfc9293.txt");
    let Ok(rfc) = std::fs::read_to_string(&rfc) else {
        println!("skipped: {} is not there", rfc.display());
        return;
    };
    let (_, appendix) = rfc.rsplit_once("TCP Requirement Summary\n").unwrap();
    let mut expected: Vec<_> = appendix
        .lines()
        .filter_map(|line| line.split('|').nth(2).map(str::trim))
        .filter(|id| ["MUST-", "SHLD-", "MAY-", "REC-"].iter().any(|kind| id.starts_with(kind)))
        .collect();
    let ours = requirements::GROUPS.iter().flat_map(|group| group.requirements);
    let mut ours: Vec<_> = ours.map(|requirement| requirement.id).collect();
    let len = ours.len();
    [&mut expected, &mut ours].into_iter().for_each(|ids| {
        ids.sort_unstable();
        ids.dedup();
    });
    assert_eq!(ours, expected);
    assert_eq!(ours.len(), len, "each once");
}

const SAMPLE: &str = "
// MUST-1: at the code
fn code() { let c = '{'; let s = \"{ // MUST-9\"; let r = r#\"}\"#; let l: &'static str = s; }

#[cfg(test)]
mod tests {
    // MUST-2 at no test
    const X: u8 = 1;

    /// MUST-3, SHLD-99: above a test
    #[test]
    fn shows() {
        if X == 1 { return; }
        // MUST-4, inside of it
    }

    fn helper() {
        // MUST-5 in a helper
    }
}

// MUST-6: code again
";

#[test]
fn marks_know_what_they_stand_at() {
    let found = marks::scan("crates/x/src/a.rs", SAMPLE);
    let found: Vec<_> = found
        .iter()
        .map(|mark| (mark.id.as_str(), mark.site.line, mark.site.test.as_deref(), mark.is_among_tests))
        .collect();
    let expected = [
        ("MUST-1", 2, None, false),
        ("MUST-2", 7, None, true),
        ("MUST-3", 10, Some("shows"), true),
        ("SHLD-99", 10, Some("shows"), true),
        ("MUST-4", 14, Some("shows"), true),
        ("MUST-5", 18, None, true),
        ("MUST-6", 22, None, false),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_wrong_with_a_mark_is_said() {
    let faults = report::Report::of_marks(marks::scan("crates/x/src/a.rs", SAMPLE)).faults;
    let says = |what: &str| faults.iter().any(|fault| fault.contains(what));
    assert!(says("a.rs:10: RFC 9293 has no SHLD-99"));
    assert!(says("a.rs:7: MUST-2 stands among tests, but at none of them"));
    assert!(says("MUST-1 (the window is an unsigned number) has no test, and no reason is written"));
    assert!(says("MUST-3 (a checksum is checked) has no code"));
    assert!(!says("MUST-51"), "it has a reason");
}
