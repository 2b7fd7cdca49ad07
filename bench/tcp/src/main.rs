//! Measures synfin-tcp beside smoltcp: the same work, in turn, in one run.

mod device;
mod host;
mod ours;
mod recovery;
mod smol;
mod stream;
mod throughput;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_else(|| "all".into());
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(15);
    if which == "profile" {
        throughput::profile(rounds);
    }
    if matches!(which.as_str(), "all" | "throughput") {
        throughput::compare(rounds);
    }
    if matches!(which.as_str(), "all" | "recovery") {
        recovery::compare(rounds as u64);
    }
}
