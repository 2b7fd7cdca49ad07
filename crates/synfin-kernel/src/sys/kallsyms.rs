//! Addresses of the kernel's functions, which only root may read, and only where `kernel.kptr_restrict` allows it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

/// The addresses of these functions, in order; all of them or none.
pub(crate) fn addresses<const N: usize>(names: [&str; N]) -> Option<[u64; N]> {
    let mut found = [0; N];
    let mut lines = BufReader::with_capacity(1 << 16, File::open("/proc/kallsyms").ok()?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).ok()? > 0 {
        // address, type, name, and for a module's its name in brackets
        let mut fields = line.split(u8::is_ascii_whitespace);
        if let (Some(address), Some(_), Some(name)) = (fields.next(), fields.next(), fields.next())
            && let Some((_, slot)) =
                names.iter().zip(&mut found).find(|(wanted, _)| wanted.as_bytes() == name)
        {
            *slot = u64::from_str_radix(str::from_utf8(address).ok()?, 16).ok()?;
            if found.iter().all(|&address| address != 0) {
                return Some(found);
            }
        }
        line.clear();
    }
    None
}
