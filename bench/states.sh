#!/usr/bin/env bash
# What it costs to be told of every change of a state: nginx and wrk on the loopback of a network namespace, each request
# on a connection of its own, with nobody beside them and with each of the tools, in turn; and how many requests a second
# remain, as a share of those with nobody beside.
#
#   bench/states.sh
#
#   ROUNDS=5         of each
#   SECONDS_EACH=5   how long one of them takes
#   SYNFIN=…         the binary; default: built from this tree
#
# With each go the events that it lost, the connections that it saw of those that were made (wrk makes up to 20 more than
# it counts, those that are open at the end), and the processor time it took itself. bpftrace prints the same tracepoint.
# Needs root, for the namespaces.
set -euo pipefail

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-5}

here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=bench/scratch.sh
. "$here/bench/scratch.sh"
need ip nginx wrk tshark tcpdump bpftrace nsenter unshare curl
need_root bench/states.sh
if [ -n "${SYNFIN:-}" ]; then
  synfin=$SYNFIN
else
  cargo build --release --locked -q --manifest-path "$here/Cargo.toml" -p synfin
  synfin=${CARGO_TARGET_DIR:-$here/target}/release/synfin
fi

begin_scratch
space=synfin-states-$$
add_namespace "$space"
ip -n "$space" link set lo up
# Not `ip netns exec`, which hides /sys from what it runs.
within=(nsenter --net="/run/netns/$space")
mkdir "$work/site"
echo hello >"$work/site/index.html"
cat >"$work/nginx.conf" <<END
daemon off; worker_processes 2; pid $work/pid; error_log $work/error.log;
events { worker_connections 4096; }
http { access_log off; server { listen 127.0.0.1:8080 backlog=4096; root $work/site; } }
END
"${within[@]}" nginx -c "$work/nginx.conf" -e "$work/error.log" &
nginx=$!
until "${within[@]}" curl -s -o /dev/null http://127.0.0.1:8080/; do
  kill -0 "$nginx" 2>/dev/null || fail "nginx ended: $(tail -n1 "$work/error.log")"
  sleep 0.1
done

# bpftrace needs tracefs, which not every machine mounts: it gets a mount of its own.
cat >"$work/bpftrace.sh" <<'END'
ulimit -l unlimited 2>/dev/null || true
mount -t tracefs none /sys/kernel/tracing 2>/dev/null || true
mount -t debugfs none /sys/kernel/debug 2>/dev/null || true
exec bpftrace -e "$1"
END
program='tracepoint:sock:inet_sock_set_state /args->sport == 8080 || args->dport == 8080/ { printf("%lld %s %d %d %d %d\n", nsecs, comm, args->sport, args->dport, args->oldstate, args->newstate); }'

# load: prints requests a second, and how many there were.
load() {
  "${within[@]}" wrk -t1 -c20 -d"$seconds" -H 'Connection: close' http://127.0.0.1:8080/ |
    awk '/requests in/ { count = $1 } /Requests\/sec/ { rate = $2 } END { print rate, count }'
}

# What each has lost, and how many connections it saw begin.
lost_by_synfin() { tail -n1 "$work/synfin.out" | sed -E 's/.*"events_lost":([0-9]+).*/\1/'; }
seen_by_synfin() { grep -c '"from":"CLOSED","to":"SYN-SENT"' "$work/synfin.out"; }
lost_by_bpftrace() { cat "$work/bpftrace.out" "$work/bpftrace.err" | awk '/^Lost [0-9]+ events/ { n += $2 } END { print n + 0 }'; }
# 2 is SYN-SENT.
seen_by_bpftrace() { awk '$NF == 2 { n++ } END { print n + 0 }' "$work/bpftrace.out"; }
lost_by_tshark() { awk '/dropped from/ { n += $1 } / dropped/ && !/from/ { n += $1 } END { print n + 0 }' "$work/tshark.err"; }
seen_by_tshark() { tcpdump -n -r "$work/tshark.pcapng" 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn' 2>/dev/null | wc -l; }

# ticks_of PROCESS: the processor time that it took, with its children: tshark has one that captures.
ticks_of() {
  for pid in "$1" $(pgrep -P "$1"); do cat "/proc/$pid/stat"; done | awk '{ n += $14 + $15 } END { print n }'
}

# measure NAME READY COMMAND…: one round with a command beside, which is ready when the file READY has something in it.
measure() {
  local name=$1 ready=$2 beside='' rate count ticks=''
  shift 2
  if [ $# -gt 0 ]; then
    : >"$ready"
    "${within[@]}" "$@" >"$work/$name.out" 2>"$work/$name.err" &
    beside=$!
    until [ -s "$ready" ]; do
      kill -0 "$beside" 2>/dev/null || fail "$name ended: $(cat "$work/$name.err")"
      sleep 0.1
    done
    # bpftrace says that it attaches, and not that it has.
    sleep 0.5
  fi
  # What it takes to begin is not what a connection costs.
  [ -z "$beside" ] || ticks=$(ticks_of "$beside")
  read -r rate count < <(load)
  if [ -n "$beside" ]; then
    ticks=$(($(ticks_of "$beside") - ticks))
    kill -INT "$beside" 2>/dev/null || true
    wait "$beside" || true
  fi
  echo "$rate" >>"$work/$name"
  printf '  %-9s %8.0f requests/s' "$name" "$rate"
  if [ -n "$ticks" ]; then
    printf '   lost %-7s saw %s of %s' "$(lost_by_"$name")" "$(seen_by_"$name")" "$count"
    awk -v ticks="$ticks" -v count="$count" -v hz="$(getconf CLK_TCK)" \
      'BEGIN { printf "   %.1f µs of processor each", 1e6 * ticks / hz / count }'
  fi
  printf '\n'
}

printf '%s, %s processors, load %s\n' "$(uname -sr)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
load >/dev/null
for ((n = 1; n <= rounds; n++)); do
  measure none /dev/null
  # Its first line is the listener that is there already.
  measure synfin "$work/synfin.out" "$synfin" states --format json -q tcp port 8080
  measure bpftrace "$work/bpftrace.out" unshare --mount bash "$work/bpftrace.sh" "$program"
  measure tshark "$work/tshark.err" tshark -n -i lo -w "$work/tshark.pcapng" tcp port 8080
done

median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
printf '\n%-9s %12s %8s %8s\n' '' 'requests/s' 'ratio' 'cost'
for name in none synfin bpftrace tshark; do
  # Each beside the round of its own time: the machine is not always the same.
  ratio=$(paste -d' ' "$work/$name" "$work/none" | awk '{ print $1 / $2 }' | median)
  awk -v name="$name" -v rate="$(median <"$work/$name")" -v ratio="$ratio" \
    'BEGIN { printf "%-9s %12.0f %8.3f %6.1f %%\n", name, rate, ratio, 100 * (1 - ratio) }'
done
echo 'ratio: of the requests that are served with nobody beside, in the same round; medians'
