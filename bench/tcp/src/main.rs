//! Measures synfin-tcp beside smoltcp: the same work, in turn, in one run.

mod device;
mod floor;
mod host;
mod idle;
mod memory;
mod ours;
mod recovery;
mod smol;
mod stream;
mod throughput;

/// Seconds that the processor has worked for this thread: others that want it too do not count.
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

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
    if matches!(which.as_str(), "all" | "idle") {
        idle::compare();
    }
}
