#!/usr/bin/env bash
# Installs what is missing to build, test or benchmark synfin; says what and why, and nothing else is touched.
#
#   scripts/setup.sh run     what the build and `make demo` need
#   scripts/setup.sh test    … and what `make test` needs
#   scripts/setup.sh bench   … run's, and the peers that `make bench` measures against
#   scripts/setup.sh fuzz    … run's, and what `make fuzz` needs
#
# On Debian and Ubuntu it installs, as root or through sudo. On other systems it says what to type.
# When nothing is missing it takes a fraction of a second and needs neither network nor privileges.
set -euo pipefail

# Versions known to build with the toolchain in Cargo.toml (rust-version). Any version already installed will do.
NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
FUZZ_VERSION=0.13.2

# One line a need: Debian package | probe | why.
# A probe is `cmd NAME` (a command on the path) or `hdr FILE` (a C header that the compiler finds).
RUN_NEEDS='
gcc|cmd cc|compiles the C parts of dependencies (zstd) and links
libc6-dev|hdr stdlib.h|C library headers for that compiler
pkg-config|cmd pkg-config|finds the C libraries to link
libpcap-dev|hdr pcap/pcap.h|live capture and the capture filter language
'
# Apart from the others, because only the kernel side needs it: the eBPF program is C, compiled during the build.
KERNEL_NEEDS='
clang|cmd clang|compiles the eBPF program of the kernel side
'
TEST_NEEDS='
tshark|cmd tshark|the oracle that packet lists and sequence numbers are compared with
tcpdump|cmd tcpdump|makes captures for tests, and reads ours
nginx|cmd nginx|the web server whose connections are traced
curl|cmd curl|the client whose connections are traced
iproute2|cmd ip|network namespaces for tests that run as root
zstd|cmd zstd|compressed captures
gzip|cmd gzip|compressed captures
net-tools|cmd netstat|the list that ours of sockets is compared with
'
BENCH_NEEDS='
nginx|cmd nginx|serves the benchmark traffic
curl|cmd curl|asks whether it serves
wrk|cmd wrk|makes the benchmark traffic
iproute2|cmd ip|the namespaces that the traffic stays in
ethtool|cmd ethtool|turns segmentation offload off, so that packets are of the size a network carries
tcpdump|cmd tcpdump|captures the benchmark traffic
tcptrace|cmd tcptrace|a peer to measure against
tshark|cmd tshark|a peer to measure against
bpftrace|cmd bpftrace|a peer to measure against
procps|cmd pgrep|finds the processes of a peer
hyperfine|cmd hyperfine|measures short commands
time|cmd time|measures peak memory
'
FUZZ_NEEDS='
g++|cmd c++|compiles libFuzzer
'

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Servers and network tools live in sbin, which is not on every user's path; cargo's own tools need not be either.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-${HOME:-}/.cargo}/bin"

has() {
  case $1 in
    # `type -P`, because `time` is also a word of the shell.
    cmd) type -P "$2" >/dev/null ;;
    hdr) type -P cc >/dev/null && printf '#include <%s>\n' "$2" | cc -E -x c - >/dev/null 2>&1 ;;
  esac
}

# Runs a command as root, showing it first.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    printf '  #%s\n' "$(printf ' %q' "$@")"
    "$@" </dev/null
  else
    printf '  $ sudo%s\n' "$(printf ' %q' "$@")"
    sudo "$@"
  fi
}

# Debian starts a service as soon as it is installed. Tests start their own nginx on ports of their own, and port 80
# is not ours to take: refuse service starts while installing, as Debian's policy-rc.d interface provides for.
POLICY=/usr/sbin/policy-rc.d
policy_is_ours=no
hold_services() {
  [ -e $POLICY ] && return
  policy_is_ours=yes
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$POLICY && chmod 755 $POLICY"
}
release_services() {
  [ $policy_is_ours = no ] && return
  policy_is_ours=no
  as_root rm -f $POLICY
}

apt_install() {
  local command=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  if [ "$(id -u)" != 0 ] && ! type -P sudo >/dev/null; then
    fail "not root, and there is no sudo. As root, type:
  apt-get update && apt-get install --no-install-recommends $*"
  fi
  as_root "${command[@]}" update
  local with_nginx=no
  case " $* " in *' nginx '*) with_nginx=yes ;; esac
  if [ $with_nginx = yes ]; then
    say 'nginx is installed without being started, now or at boot (systemctl enable --now nginx would undo that)'
    trap release_services EXIT
    hold_services
  fi
  as_root "${command[@]}" install -y --no-install-recommends "$@"
  if [ $with_nginx = yes ]; then
    if type -P systemctl >/dev/null; then
      as_root systemctl --quiet disable nginx.service || say 'nginx could not be disabled: it may start at the next boot'
    fi
    release_services
  fi
}

# What to type where we do not install by ourselves.
advise() {
  local mode=$1 run test bench fuzz install
  # shellcheck disable=SC1091 # the running system's own file
  case $(if [ "$(uname -s)" = Darwin ]; then echo macos; else . /etc/os-release 2>/dev/null; echo " ${ID:-} ${ID_LIKE:-} "; fi) in
    macos)
      install='brew install'
      run='pkgconf libpcap llvm' test='wireshark nginx zstd' bench='wrk tcptrace hyperfine gnu-time' fuzz=''
      say 'first, for the C compiler: xcode-select --install'
      say 'macOS has no network namespaces and no eBPF: captures work, the tests and benchmarks built on those need Linux'
      ;;
    *' fedora '* | *' rhel '*)
      install='sudo dnf install'
      run='gcc glibc-devel pkgconf-pkg-config libpcap-devel clang'
      test='wireshark-cli tcpdump nginx curl iproute zstd gzip' bench='wrk ethtool tcptrace bpftrace procps-ng hyperfine time' fuzz='gcc-c++'
      ;;
    *' arch '*)
      install='sudo pacman -S --needed'
      run='gcc pkgconf libpcap clang'
      test='wireshark-cli tcpdump nginx curl iproute2 zstd gzip' bench='wrk ethtool tcptrace bpftrace procps-ng hyperfine time' fuzz=''
      ;;
    *' alpine '*)
      install='sudo apk add'
      run='gcc musl-dev linux-headers pkgconf libpcap-dev clang'
      test='bash tshark tcpdump nginx curl iproute2 zstd gzip' bench='wrk ethtool tcptrace bpftrace procps hyperfine coreutils' fuzz='g++'
      ;;
    *)
      fail "this system is not known here. Install what Debian calls: $2"
      ;;
  esac
  local wanted=$run
  case $mode in
    test) wanted="$run $test" ;;
    bench) wanted="$run $test $bench" ;;
    fuzz) wanted="$run $fuzz" ;;
  esac
  say 'this script installs on Debian and Ubuntu only. Here, type:'
  printf '  %s %s\n' "$install" "$wanted"
  [ "$mode" != bench ] || say 'a peer that this system does not package (wrk, tcptrace) has to be built from its source'
  exit 1
}

install_packages() {
  local mode=$1 missing=() package probe why
  while IFS='|' read -r package probe why; do
    [ -n "$package" ] || continue
    # shellcheck disable=SC2086 # a probe is two words
    has $probe && continue
    case " ${missing[*]-} " in *" $package "*) continue ;; esac
    [ ${#missing[@]} -gt 0 ] || say 'missing:'
    printf '  %-12s %s\n' "$package" "$why"
    missing+=("$package")
  done <<<"$2"
  [ ${#missing[@]} -gt 0 ] || return 0
  type -P apt-get >/dev/null || advise "$mode" "${missing[*]}"
  say "installing ${missing[*]}:"
  apt_install "${missing[@]}"
}

need_rust() {
  type -P cargo >/dev/null || fail 'there is no Rust toolchain. Get one from https://rustup.rs, then run this again'
}

# rustfmt and clippy are components of the toolchain, left out of rustup's minimal profile.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  type -P rustup >/dev/null || fail "cargo $1 is missing: install $2 from where this Rust toolchain came from"
  say "missing: $2 (a component of the toolchain)"
  printf '  $ rustup component add %s\n' "$2"
  rustup component add "$2"
}

# Built without optimisation: these tools start other programs, and it halves the wait.
install_cargo_tool() {
  printf '  $ cargo install --locked --debug %s\n' "$1"
  env -u CARGO_TARGET_DIR cargo install --locked --debug --quiet "$1" </dev/null
}

need_nextest() {
  type -P cargo-nextest >/dev/null && return
  say 'missing: cargo-nextest, which runs the tests (built from source, some minutes)'
  install_cargo_tool "cargo-nextest@$NEXTEST_VERSION"
}

# Building it takes longer than all our tests. On a CI machine that starts empty each time that is not worth it: there
# it is used where the image has it. Everyone else builds it once.
want_deny() {
  type -P cargo-deny >/dev/null && return
  if [ -n "${CI:-}" ]; then
    say 'cargo-deny is not on this CI machine: its checks are left out'
    return
  fi
  say 'missing: cargo-deny, which checks licences and sources of dependencies (built from source, some minutes)'
  install_cargo_tool "cargo-deny@$DENY_VERSION" || say 'cargo-deny cannot be had here: its checks are left out'
}

need_fuzz() {
  type -P cargo-fuzz >/dev/null && return
  say 'missing: cargo-fuzz, which drives the fuzz targets (built from source)'
  install_cargo_tool "cargo-fuzz@$FUZZ_VERSION"
}

mode=${1:-run}
case $mode in
  run | test | bench | fuzz) need_rust ;;
  *) fail "usage: $0 run|test|bench|fuzz" ;;
esac
case $mode in
  run) install_packages run "$RUN_NEEDS$KERNEL_NEEDS" ;;
  test) install_packages test "$RUN_NEEDS$KERNEL_NEEDS$TEST_NEEDS" ;;
  bench) install_packages bench "$RUN_NEEDS$KERNEL_NEEDS$BENCH_NEEDS" ;;
  fuzz) install_packages fuzz "$RUN_NEEDS$KERNEL_NEEDS$FUZZ_NEEDS" ;;
esac
case $mode in
  test)
    need_component fmt rustfmt
    need_component clippy clippy
    need_nextest
    want_deny
    ;;
  fuzz) need_fuzz ;;
esac
