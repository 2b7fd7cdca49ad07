//! Files that are about to be written, and what must not be lost to them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::anyhow;

use crate::failure::Failure;

/// Standard input, which may be a file.
const STDIN: &str = "/dev/stdin";

/// Refuses to write a file that is being read, whose packets would be gone, and to write two things to one file.
pub(crate) fn check(inputs: &[String], packets: Option<&Path>, output: Option<&Path>) -> Result<(), Failure> {
    for target in [packets, output].into_iter().flatten() {
        let is_target = |input: &String| {
            is_same(Path::new(if input == crate::commands::read::STDIN { STDIN } else { input }), target)
        };
        if inputs.iter().any(is_target) {
            let failure = Failure::from(anyhow!("cannot write {}: it is being read", target.display()));
            return Err(failure.with_hint("write to another file"));
        }
    }
    match (packets, output) {
        (Some(packets), Some(output)) if packets == output || is_same(packets, output) => {
            let failure = anyhow!("cannot write {}: -w and -o name the same file", packets.display());
            Err(Failure::from(failure).with_hint("-w takes the packets, -o what is shown: name two files"))
        }
        _ => Ok(()),
    }
}

/// Whether both names lead to the same regular file, whatever links are on the way.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| (m.dev(), m.ino()));
    identity(one).is_some_and(|file| identity(other) == Some(file))
}
