#!/usr/bin/env bash
# Makes the capture that the benchmarks read: nginx and wrk in two network namespaces joined by a veth pair, tcpdump on
# one end. By default some 2.5 million packets of 110,000 connections in 1.4 GB: a mixture of connections with one
# request and with ten, of answers of 0.1 to 4 kB and of 100 kB, no four-tuple used twice. The packets are those that a
# network would carry: no segmentation offload, checksums filled.
#
#   bench/capture.sh [FILE]        default target/bench/big.pcap; an existing FILE is kept
#
#   CONNECTIONS=110000   how many, about
#   KEEPALIVE=10         of 100 connections, how many carry ten requests
#   LARGE=20             every how many-th answer is of 100 kB (0: none)
#   CONCURRENCY=8        connections at a time; fewer if tcpdump cannot keep up
#
# Needs root, for the namespaces. Nothing leaves them, and nothing remains of them.
set -euo pipefail

file=${1:-target/bench/big.pcap}
connections=${CONNECTIONS:-110000}
keepalive=${KEEPALIVE:-10}
large=${LARGE:-20}
concurrency=${CONCURRENCY:-8}
requests_kept=10  # requests a kept-alive connection carries: nginx closes it after that many
longest=60        # seconds that one round may take
# Connections to one server address. Linux moves on by up to 16 ports for each: after more than some 6,000 it would come
# round and use a four-tuple again.
round=5000

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bench/scratch.sh
. "$here/scratch.sh"

if [ -s "$file" ]; then
  echo "capture: $file is there already"
  exit 0
fi
need ip ethtool nginx wrk tcpdump
need_root "bench/capture.sh $file"

# Some 3 kB for a small answer with its packets, 110 kB for a large one.
answers=$((connections * (100 + (requests_kept - 1) * keepalive) / 100))
megabytes=$((answers * 3 / 1000 + (large > 0 ? answers * 110 / large / 1000 : 0)))
[ "$megabytes" -le 3000 ] || fail "that would be about $megabytes MB: ask for fewer CONNECTIONS or a larger LARGE"
mkdir -p "$(dirname "$file")"
free=$(df --output=avail -BM "$(dirname "$file")" | tail -n1 | tr -dc 0-9)
[ "$free" -gt $((megabytes + 500)) ] || fail "about $megabytes MB are needed, $free MB are free beside $file"

begin_scratch
partial+=("$file.part")
client=synfin-client-$$ server=synfin-server-$$

# Waits, ten seconds at most, until a command succeeds.
await() {
  local what=$1 try
  shift
  for ((try = 0; try < 200; try++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  fail "$what did not become ready"
}

rounds=$(((connections + round - 1) / round))
add_namespace "$client"
add_namespace "$server"
ip link add veth0 netns "$client" type veth peer name veth0 netns "$server"
for side in "$client" "$server"; do
  ip netns exec "$side" ethtool -K veth0 tso off gso off gro off tx off >/dev/null
  ip -n "$side" link set lo up
done
ip -n "$client" address add 10.9.0.1/16 dev veth0
for ((n = 1; n <= rounds; n++)); do ip -n "$server" address add "10.9.1.$n/16" dev veth0; done
ip -n "$client" link set veth0 up
ip -n "$server" link set veth0 up
ip netns exec "$client" sh -c 'echo 10000 65000 >/proc/sys/net/ipv4/ip_local_port_range'

mkdir "$work/root"
for size in 0.1k:100 1k:1000 4k:4000 100k:100000; do
  head -c "${size#*:}" /dev/zero | tr '\0' s >"$work/root/${size%:*}"
done
cat >"$work/nginx.conf" <<END
daemon off;
worker_processes 2;
pid $work/pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  root $work/root;
  client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
  keepalive_requests $requests_kept;
  server { listen 8080 backlog=1024; }
}
END
ip netns exec "$server" nginx -e "$work/error.log" -p "$work" -c "$work/nginx.conf" &
await nginx ip netns exec "$client" bash -c 'exec 3<>/dev/tcp/10.9.1.1/8080'

# -Z root: the file is ours to write. The buffer (KiB) holds what arrives while the disk is busy.
ip netns exec "$server" tcpdump -i veth0 -n -s 0 -B 262144 -Z root -w "$file.part" tcp 2>"$work/tcpdump" &
tcpdump=$!
await tcpdump grep -q 'listening on' "$work/tcpdump"

# talk ADDRESS ANSWERS close|keep
talk() {
  ip netns exec "$client" timeout --foreground "$longest" wrk -t1 -c"$concurrency" -d"$((longest + 5))s" -s "$here/talk.lua" \
    "http://$1:8080" -- "$2" "$large" "$3" >"$work/wrk" 2>&1 ||
    { cat "$work/wrk" >&2; fail "wrk did not get $2 good answers within $longest s"; }
}
echo "capture: $connections connections in $rounds rounds, $keepalive % of them kept alive"
left=$connections
for ((n = 1; n <= rounds; n++)); do
  now=$((left < round ? left : round)) left=$((left - round))
  kept=$((now * keepalive / 100))
  [ "$now" -eq "$kept" ] || talk "10.9.1.$n" $((now - kept)) close
  [ "$kept" -eq 0 ] || talk "10.9.1.$n" $((kept * requests_kept)) keep
done

# What tcpdump still has in its buffer reaches the file before it reports.
kill -INT "$tcpdump"
wait "$tcpdump" || { cat "$work/tcpdump" >&2; fail 'tcpdump failed'; }
dropped=$(awk '/packets? dropped by/ { sum += $1 } END { print sum + 0 }' "$work/tcpdump")
[ "$dropped" -eq 0 ] || fail "tcpdump dropped $dropped packets: ask for less CONCURRENCY"

mv "$file.part" "$file"
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$(dirname "$file")" "$file"
packets=$(awk '/packets? captured/ { print $1 }' "$work/tcpdump")
# wrk opens a few more than it gets answers from.
opened=$(tcpdump -n -r "$file" 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn' 2>/dev/null | awk '{ seen[$3 $5] } END { print length(seen) }')
[ "$opened" -ge "$connections" ] || fail "$file has only $opened connections: a four-tuple was used twice"
printf 'capture: %s: %d packets, %d connections, %d MB\n' "$file" "$packets" "$opened" $(($(stat -c %s "$file") / 1000000))
