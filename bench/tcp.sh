#!/usr/bin/env bash
# Measures synfin-tcp beside smoltcp, both in one program and in turn, and prints tables with the ratios.
#
#   bench/tcp.sh [all|throughput|recovery|idle] [ROUNDS]      default: all, 15 rounds (or seeds)
#
# Needs a Rust toolchain, 3 GB of memory for the million connections, and two minutes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cargo build --release --locked -q --manifest-path "$here/tcp/Cargo.toml"
exec "${CARGO_TARGET_DIR:-$here/tcp/target}/release/synfin-bench-tcp" "$@"
