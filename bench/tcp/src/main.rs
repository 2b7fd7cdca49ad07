//! Measures synfin-tcp beside smoltcp.
mod host;
mod ours;
mod pool;
mod smol;
mod stream;
mod throughput;

use host::Setup;

fn main() {
    let total: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1 << 30);
    let which = std::env::args().nth(1).unwrap_or_default();
    for (name, mtu, has_checksums) in [("1500", 1500, true), ("65535", 65535, true), ("65535 none", 65535, false)] {
        for buffer in [128 << 10, 1 << 20, 4 << 20] {
            let setup = Setup { mtu, buffer, has_checksums, is_network: false };
            if which != "smol" {
            let ours = throughput::run::<ours::Ours>(&setup, total);
            println!("{name} {buffer} ours {:.2} GB/s", ours / 1e9);
            }
            if which != "ours" {
            let smol = throughput::run::<smol::Smol>(&setup, total);
            println!("{name} {buffer} smol {:.2} GB/s", smol / 1e9);
            }
        }
    }
}
