//! Counts the frames of capture files, and how fast that goes: `cargo run --release --example count -- FILE…`

use std::time::Instant;

use synfin_capture::{Merged, ReadError, Reader};

fn main() -> Result<(), ReadError> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let begin = Instant::now();
    let readers = files.iter().map(Reader::open).collect::<Result<Vec<_>, _>>()?;
    let mut merged = Merged::new(readers);
    let (mut frames, mut bytes, mut touched) = (0u64, 0u64, 0u64);
    while let Some(record) = merged.next_record()? {
        frames += 1;
        bytes += record.frame.bytes.len() as u64;
        // One byte of each, as the first header check would take.
        touched = touched.wrapping_add(record.frame.bytes.get(12).copied().unwrap_or_default().into());
    }
    while let Some(loss) = merged.poll_loss() {
        println!("{} {}", loss.count, loss.cause.name());
    }
    let seconds = begin.elapsed().as_secs_f64();
    let rate = frames as f64 / seconds / 1e6;
    println!("{frames} frames, {bytes} bytes ({touched:x}) in {seconds:.3} s: {rate:.1} million a second");
    Ok(())
}
