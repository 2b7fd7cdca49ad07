# Sourced by benchmarks that make traffic: a folder, network namespaces and processes that are gone when the script is,
# however it ends.
#
# shellcheck shell=bash

# Servers and network tools live in sbin, which is not on every user's path.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

fail() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; exit 1; }

# need TOOL…
need() {
  local tool
  for tool in "$@"; do
    type -P "$tool" >/dev/null || fail "$tool is missing: type scripts/setup.sh bench"
  done
}

# need_root COMMAND: what to type as root.
need_root() { [ "$(id -u)" = 0 ] || fail "network namespaces need root. Type: sudo $1"; }

# begin_scratch: makes the folder $work. What else shall go at the end is added to $partial.
begin_scratch() {
  partial=()
  namespaces=()
  work=$(mktemp -d)
  chmod 755 "$work" # nginx's workers read it as another user
  trap end_scratch EXIT
  trap 'exit 130' INT TERM
}

# add_namespace NAME
add_namespace() {
  ip netns add "$1"
  namespaces+=("$1")
}

# What still runs in the background is all that the script has started and not waited for.
end_scratch() {
  local running space
  trap - EXIT INT TERM
  running=$(jobs -p)
  # shellcheck disable=SC2086 # a number each
  [ -z "$running" ] || kill -TERM $running 2>/dev/null || true
  wait
  for space in ${namespaces[@]+"${namespaces[@]}"}; do
    ip netns delete "$space" 2>/dev/null || true
  done
  rm -rf "$work" ${partial[@]+"${partial[@]}"}
}
