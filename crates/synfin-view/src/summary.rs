//! What has to be said at the end, once.

use std::fmt::Write as _;

use synfin_flow::Summary;

use crate::style::{Paint, Style};
use crate::text::wrap;
use crate::units::{Grouped, counted};

/// Totals in a line, and a line for everything that makes them less than the whole truth: packets dropped, events lost,
/// files that broke off, frames that could not be read. The totals are of all that was looked at; of its connections,
/// `shown` were shown.
#[must_use]
pub fn footer(summary: &Summary, shown: u64, style: &Style) -> String {
    // A figure that is added to the summary must find its place here.
    let Summary {
        frames,
        // Only the sum of frames needs these.
        aggregated: _,
        fragments: _,
        packets,
        not_tcp,
        malformed,
        bad_checksums,
        duplicates,
        lost_fragments,
        connections,
        evicted,
        packets_dropped,
        events_lost,
        truncated_files,
    } = *summary;
    let mut text = counted(connections, "connection");
    match shown {
        _ if shown >= connections => {}
        0 => text.push_str(", none of them shown"),
        _ => {
            let _ = write!(text, ", {} of them shown", Grouped(shown));
        }
    }
    let _ = write!(text, ", {}", counted(packets, "packet"));
    if frames != packets {
        let _ = write!(text, " in {}", counted(frames, "frame"));
    }
    if not_tcp > 0 {
        let _ = write!(text, ", {} not TCP", Grouped(not_tcp));
    }
    if duplicates > 0 {
        let _ = write!(text, ", {} seen twice", Grouped(duplicates));
    }
    text.push('\n');
    let mut warn = |count: u64, what: &str, why: &str| {
        if count > 0 {
            let (on, off) = if style.color { (Paint::Warning.on(), Paint::OFF) } else { ("", "") };
            text.push_str(on);
            wrap(&mut text, style, 0, "! ", &format!("{} {why}", counted(count, what)));
            text.push_str(off);
        }
    };
    warn(
        packets_dropped,
        "packet",
        "dropped before they were captured: a larger buffer or a narrower filter helps",
    );
    warn(events_lost, "kernel event", "lost: some states are inferred or missing");
    warn(evicted, "connection", "given up while still open, because there were too many at once");
    warn(truncated_files, "file", "broke off in the middle of a record");
    warn(malformed, "frame", "not understood: cut off, or not what the headers claim");
    warn(bad_checksums, "packet", "left out for a wrong checksum");
    warn(lost_fragments, "fragment", "of IP packets that never became whole");
    text
}
