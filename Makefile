# What people type. `make demo` and `make test` need a Rust toolchain and make: they install what else is missing.

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= frames pcapng options http endpoints scenario drill
BENCH_FILE   ?= target/bench/big.pcap

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo build install test setup-run setup-test fmt clippy apart nextest doctest doc deny checklist bench fuzz

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup-run ## Run the main job: a server, a client and a trace of both, on loopback
	cargo build --release --locked -p synfin
	@cargo run --release --locked -q -p synfin -- demo

build: setup-run ## Build target/release/synfin
	cargo build --release --locked -p synfin

install: setup-run ## Install synfin to cargo's bin folder
	cargo install --locked --path crates/synfin
	@echo 'To capture without being root: sudo setcap cap_net_raw,cap_net_admin+ep "$$(command -v synfin)"'

test: setup-test fmt clippy apart nextest doctest doc deny ## Pass every test; what CI runs

setup-run:
	@scripts/setup.sh run

setup-test:
	@scripts/setup.sh test

fmt: ## Check the formatting (cargo fmt repairs it)
	cargo fmt --all --check

clippy: ## Lint, warnings denied
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Both have dependencies that the product must not have, and workspaces of their own. libFuzzer itself takes a C++ compiler
# to build, and is linked only to run: whatever stands in its place will do.
apart: ## Check that the fuzz targets and the benchmark beside smoltcp compile
	CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a cargo check --locked --quiet --manifest-path fuzz/Cargo.toml
	cargo check --locked --quiet --manifest-path bench/tcp/Cargo.toml

nextest: ## Run unit, property and integration tests; those of test binaries named root* need root
	cargo nextest run --workspace --locked

doctest: ## Run the examples in the documentation
	cargo test --workspace --doc --locked

doc: ## Build the documentation, warnings denied
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# The advisory database comes from the network: without it the other checks still count.
deny: ## Check licences, sources and advisories of dependencies, where cargo-deny is installed
	@if ! cargo deny --version >/dev/null 2>&1; then \
	  echo 'cargo-deny is not installed: licences and sources of dependencies are not checked'; \
	else \
	  set -ex; \
	  cargo deny --locked check --hide-inclusion-graph bans licenses sources; \
	  if timeout 60 cargo deny --locked fetch db >/dev/null 2>&1; then \
	    cargo deny --locked check --hide-inclusion-graph --disable-fetch advisories; \
	  else \
	    echo 'the advisory database cannot be fetched: advisories are not checked'; \
	  fi; \
	fi

checklist: ## Print RFC 9293's requirements, each with the code that does it and the test that shows it
	@cargo run --quiet --locked -p synfin-tcp --example checklist

bench: ## Measure reading a capture of 2 million packets beside tcptrace and tshark, and our TCP beside smoltcp
	@scripts/setup.sh bench
	bench/capture.sh $(BENCH_FILE)
	bench/read.sh $(BENCH_FILE)
	bench/tcp.sh

# libFuzzer's hooks are unstable flags of the compiler; RUSTC_BOOTSTRAP lets a stable toolchain take them.
fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@scripts/setup.sh fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
	  words=''; \
	  if [ -e fuzz/dictionaries/$$target.dict ]; then words=-dict=fuzz/dictionaries/$$target.dict; fi; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) $$words; \
	done
