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
# bpftrace, which prints the same tracepoint, takes part where it is installed. Needs root, for the namespace.
set -euo pipefail

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-5}

here=$(cd "$(dirname "$0")/.." && pwd)
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
fail() { printf 'states: %s\n' "$*" >&2; exit 1; }
for tool in ip nginx wrk tshark nsenter; do
  type -P "$tool" >/dev/null || fail "$tool is missing: type scripts/setup.sh bench"
done
[ "$(id -u)" = 0 ] || fail 'network namespaces need root. Type: sudo bench/states.sh'
if [ -n "${SYNFIN:-}" ]; then
  synfin=$SYNFIN
else
  cargo build --release --locked -q --manifest-path "$here/Cargo.toml" -p synfin
  synfin=${CARGO_TARGET_DIR:-$here/target}/release/synfin
fi

work=$(mktemp -d)
chmod 755 "$work" # nginx's workers read it as another user
space=synfin-states-$$
nginx='' beside=''
clean() {
  trap - EXIT INT TERM
  [ -z "$beside" ] || kill -TERM "$beside" 2>/dev/null || true
  [ -z "$nginx" ] || kill -TERM "$nginx" 2>/dev/null || true
  wait
  ip netns delete "$space" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

ip netns add "$space"
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

# load: prints requests a second.
load() {
  "${within[@]}" wrk -t1 -c20 -d"$seconds" -H 'Connection: close' http://127.0.0.1:8080/ |
    awk '/Requests\/sec/ { print $2 }'
}

# measure NAME READY COMMAND…: one round with a command beside, which is ready when the file READY has something in it.
measure() {
  local name=$1 ready=$2 rate
  shift 2
  if [ $# -gt 0 ]; then
    : >"$ready"
    "${within[@]}" "$@" >"$work/$name.out" 2>"$work/$name.err" &
    beside=$!
    until [ -s "$ready" ]; do
      kill -0 "$beside" 2>/dev/null || fail "$name ended: $(tail -n1 "$work/$name.err")"
      sleep 0.1
    done
  fi
  rate=$(load)
  if [ -n "$beside" ]; then
    kill -TERM "$beside" 2>/dev/null || true
    wait "$beside" || true
    beside=''
  fi
  echo "$rate" >>"$work/$name"
  printf '  %-9s %10.0f requests/s' "$name" "$rate"
  if [ "$name" = synfin ]; then
    printf '   %s' "$(tail -n1 "$work/synfin.out" | cut -c1-110)"
  fi
  printf '\n'
}

printf '%s, %s processors, load %s\n' "$(uname -sr)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
load >/dev/null
program='tracepoint:sock:inet_sock_set_state { printf("%lld %s %d %d %d %d\n", nsecs, comm, args->sport, args->dport, args->oldstate, args->newstate); }'
for ((n = 1; n <= rounds; n++)); do
  measure none /dev/null
  # Its first line is the listener that is there already.
  measure synfin "$work/synfin.out" "$synfin" states --format json -q tcp port 8080
  measure tshark "$work/tshark.err" tshark -n -i lo -w "$work/tshark.pcapng" tcp port 8080
  if type -P bpftrace >/dev/null; then
    measure bpftrace "$work/bpftrace.out" bpftrace -e "$program"
  fi
done

median() { sort -n "$work/$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
printf '\n%-9s %14s %10s\n' '' 'requests/s' 'cost'
for name in none synfin tshark bpftrace; do
  [ -s "$work/$name" ] || continue
  awk -v name="$name" -v rate="$(median "$name")" -v none="$(median none)" \
    'BEGIN { printf "%-9s %14.0f %8.1f %%\n", name, rate, 100 * (1 - rate / none) }'
done
echo 'cost: how many of the requests that are served with nobody beside are not, by the medians'
