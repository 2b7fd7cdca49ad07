//! Where the shared captures are.

use std::path::{Path, PathBuf};

/// The folder of shared captures beside the project, if it is there.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// Every capture in it.
pub(crate) fn all() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = folder().into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
