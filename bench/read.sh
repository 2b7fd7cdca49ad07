#!/usr/bin/env bash
# Reads one capture with synfin, tcptrace and tshark, in turn, and prints for each the median time, packets a second and
# the most memory, and how synfin compares.
#
#   bench/read.sh [FILE]       default target/bench/big.pcap, which bench/capture.sh makes
#
#   ROUNDS=5            of synfin and tcptrace
#   TSHARK_ROUNDS=1     of tshark, which takes much longer and several GB for 2 million packets (0: leave it out)
#   SYNFIN=…            the binary; default: built from this tree
set -euo pipefail

file=${1:-target/bench/big.pcap}
rounds=${ROUNDS:-5}
tshark_rounds=${TSHARK_ROUNDS:-1}

fail() { printf 'read: %s\n' "$*" >&2; exit 1; }
[ -s "$file" ] || fail "$file is not there: type bench/capture.sh $file"
time=$(type -P time) || fail 'time is missing: type scripts/setup.sh bench'
for tool in tcptrace tshark capinfos; do
  type -P "$tool" >/dev/null || fail "$tool is missing: type scripts/setup.sh bench"
done
if [ -n "${SYNFIN:-}" ]; then
  synfin=$SYNFIN
else
  here=$(cd "$(dirname "$0")/.." && pwd)
  cargo build --release --locked -q --manifest-path "$here/Cargo.toml" -p synfin
  synfin=${CARGO_TARGET_DIR:-$here/target}/release/synfin
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME COMMAND…: adds a line "seconds kilobytes" to NAME's list. What the command prints goes to a file, so that
# nobody waits for a terminal.
measure() {
  local name=$1
  shift
  "$time" -o "$work/time" -f '%e %M' "$@" >"$work/$name.out" 2>"$work/$name.err" ||
    { tail -n5 "$work/$name.err" >&2; fail "$name failed"; }
  [ -s "$work/$name.out" ] || fail "$name printed nothing"
  local seconds kilobytes
  read -r seconds kilobytes < <(tail -n1 "$work/time")
  echo "$seconds $kilobytes" >>"$work/$name"
  printf '  %-9s %8s s %10s kB\n' "$name" "$seconds" "$kilobytes"
}

packets=$(capinfos -M -c -T -r "$file" | awk '{ print $NF }')
printf '%s: %d packets, %d MB, %s\n' "$file" "$packets" $(($(stat -L -c %s "$file") / 1000000)) "$(uname -sr), $(nproc) processors"

# Everyone finds the file in the page cache.
cat "$file" >/dev/null
for ((n = 1; n <= rounds || n <= tshark_rounds; n++)); do
  [ "$n" -gt "$rounds" ] || measure synfin "$synfin" read --show connections "$file"
  [ "$n" -gt "$rounds" ] || measure tcptrace tcptrace -n "$file"
  [ "$n" -gt "$tshark_rounds" ] || measure tshark tshark -n -q -z conv,tcp -r "$file"
done

median() { sort -n -k"$2,$2" "$work/$1" | awk -v k="$2" '{ v[NR] = $k } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
most() { sort -n -k2,2 "$work/$1" | awk 'END { print $2 }'; }
own=$(median synfin 1) own_memory=$(most synfin)
printf '\n%-9s %10s %14s %10s %10s %10s\n' '' 'median s' 'packets/s' 'peak MB' 'time x' 'memory x'
for name in synfin tcptrace tshark; do
  [ -s "$work/$name" ] || continue
  awk -v name="$name" -v s="$(median "$name" 1)" -v kb="$(most "$name")" -v packets="$packets" -v own="$own" -v own_kb="$own_memory" 'BEGIN {
    if (s < 0.01) s = 0.01; if (own < 0.01) own = 0.01
    printf "%-9s %10.2f %14.0f %10.0f %10.2f %10.2f\n", name, s, packets / s, kb / 1000, s / own, kb / own_kb
  }'
done
echo 'time x, memory x: as many times as synfin takes'
