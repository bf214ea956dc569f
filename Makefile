# Two commands do everything: `make run` and `make test`. `make verify` is for long runs.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help run test verify evaluate lint build bench guard prefilter setup-build setup-test setup-bench clean

CARGO ?= cargo
# Where `make run` keeps its hit log, key and control socket.
STATE ?= run
CAPTURE ?= tests/data/captures/first-day/capture.pcapng
LISTEN ?= 127.0.0.1:9477
CONSOLE ?= 127.0.0.1:9468

help:
	@echo 'make run               build, replay a bundled capture through the daemon, leave /metrics up'
	@echo 'make run IFACE=eth0    (as root) the same on live traffic of an interface'
	@echo 'make test              every test; at most 15 minutes on 2 cores'
	@echo 'make verify            long runs: fuzzing, large replays; keeps records in docs/measurements'
	@echo 'make evaluate          people and trial accounts: made offices with known truth, scored'
	@echo 'make bench             benchmarks: single frames, and the whole beside tcpdump, tshark, ndpiReader'
	@echo 'make guard             instructions a frame against the record (callgrind; part of make verify)'
	@echo 'make prefilter         the kernel programs again from their source (needs clang)'

setup-build:
	@tests/setup build

setup-test: setup-build
	@tests/setup test

build: setup-build
	$(CARGO) build --release --locked

run: build
	@mkdir -p $(STATE)
ifdef IFACE
	exec target/release/poortwacht run --interface $(IFACE) --listen $(LISTEN) \
	  --hits $(STATE)/hits.jsonl --key $(STATE)/pseudonym.key --control $(STATE)/control.sock \
	  --cases $(STATE)/cases --console $(CONSOLE)
else
	@echo 'Replaying $(CAPTURE); metrics at http://$(LISTEN)/metrics, hits in $(STATE)/hits.jsonl; end with Ctrl-C.'
	@echo 'The link that the log shows opens the console for its first administrator, once.'
	exec target/release/poortwacht run --read $(CAPTURE) --listen $(LISTEN) \
	  --hits $(STATE)/hits.jsonl --key $(STATE)/pseudonym.key --control $(STATE)/control.sock \
	  --cases $(STATE)/cases --console $(CONSOLE)
endif

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

test: setup-test lint
	$(CARGO) test --locked

setup-bench: setup-build
	@tests/setup bench

# Needs 2 GB in the folder for temporary files (or BENCH_DIR=), which are given back.
bench: setup-bench
	$(CARGO) bench --locked

# The object is in the tree, so that building needs no clang; tests/prefilter.rs compares the two.
KERNEL := src/capture/prefilter/prefilter.bpf src/capture/live/xdp/redirect.bpf
prefilter: setup-test
	for it in $(KERNEL); do \
	  clang -O2 -target bpf -mcpu=v2 -Wall -Wextra -Werror -c $$it.c -o $$it.o && \
	  llvm-strip --strip-unneeded $$it.o || exit 1; \
	done

# Fails beyond 5 % more than benches/plane/instructions.txt; RECORD=--record writes that anew.
guard: setup-bench
	benches/plane/guard $(RECORD)

# FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 300
verify: setup-test
	tests/verify $(FUZZ_SECONDS)

# Confounder person-days; the bars ask for 30,000 at least.
PERSON_DAYS ?= 31000
EVALUATION ?= docs/measurements/$(shell date -u +%F)-evaluation.md
# A range of seeds is played once: say how many of the evaluation range to skip.
SKIP ?= $(error say SKIP=N, the first evaluation seed that was never played, less 1000000)
evaluate: build
	{ echo '# Evaluation: people and trial accounts'; echo; \
	  echo "Command: \`make evaluate SKIP=$(SKIP) PERSON_DAYS=$(PERSON_DAYS)\`. Machine: $$(nproc) processors," \
	    "$$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $$(uname -r)."; echo; \
	  target/release/poortwacht evaluate --seeds evaluation --skip $(SKIP) --person-days $(PERSON_DAYS); } > $(EVALUATION)
	@echo '$(EVALUATION)'

clean:
	$(CARGO) clean
	rm -rf $(STATE)
