# `make` alone tells what there is. Works with GNU make 4.3 and a POSIX sh; CARGO_TARGET_DIR is respected.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help hub plugins demo test lint bench crash fuzz soak lake-faults growth

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
HUB := $(TARGET)/debug/lienthong
# The connectors that come with the hub, and where their components go.
PLUGINS := $(sort $(patsubst %/plugin.toml,%,$(wildcard plugins/*/plugin.toml)))
export LIENTHONG_PLUGINS := $(TARGET)/plugins

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A development build: minutes sooner than a release one, and what runs hot is optimised all the same.
# The whole workspace, so that features are those of the tests and nothing is compiled twice.
hub:
	@test -x '$(HUB)' || echo 'compiling the hub (about 8 minutes the first time)'
	@$(CARGO) build --locked --workspace

plugins: hub ## Build the connectors to WebAssembly components
	@echo 'building the connectors (a minute or two the first time)'
	@'$(HUB)' plugin build $(PLUGINS) --out '$(LIENTHONG_PLUGINS)'

demo: plugins ## Run a small city, live; ONCE=1 ends by itself and checks every sum
	@echo 'starting the city of Bảo Lộc'
	@'$(TARGET)/debug/demo' --city examples/bao-loc --data '$(TARGET)/demo' --plugins '$(LIENTHONG_PLUGINS)' $(if $(filter-out 0,$(ONCE)),--once)

test: plugins ## Run every test: the hub, its connectors, and both together
	@tests/lake_tools >/dev/null
	@echo 'testing the hub'
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked; else $(CARGO) test --workspace --locked; fi
	@echo 'testing the connectors'
	@$(CARGO) test --manifest-path plugins/Cargo.toml --workspace --locked

lint: ## Check the format, the lints, and what the dependencies bring
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path plugins/Cargo.toml
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings
	.ci/cargo-deny --locked check --hide-inclusion-graph bans licenses sources
	.ci/cargo-deny --locked --manifest-path plugins/Cargo.toml --target wasm32-unknown-unknown check --hide-inclusion-graph bans licenses sources

# The seed is printed; LIENTHONG_SEED brings it back.
lake-faults: hub ## Thousands of commits to an object store that fails on purpose; N=… of them
	@LIENTHONG_LAKE_COMMITS=$(or $(N),5000) $(CARGO) test --workspace --locked --test hub -- --nocapture bucket::each_offset

soak: plugins ## Run everything at once for MINUTES (10 unless given), and see that nothing grows
	LIENTHONG_SOAK_MINUTES=$(or $(MINUTES),10) $(CARGO) test --locked --workspace --test hub -- --ignored --exact --nocapture soak::memory_stays_flat_under_everything_at_once

fuzz: ## Any bytes at every door, for a while each: SECONDS=60; TARGET=decode for one; HUB=0 leaves out the hub's own
	@tests/fuzz/run $(or $(SECONDS),60) '$(or $(HUB),1)' $(TARGET)

bench: ## Measure against peers, in a release build; M=M4 for one measure, QUICK=1 for a short trial
	@echo 'building for release (an hour the first time)'
	@$(CARGO) build --release --locked --workspace --exclude lienthong-crash --exclude lienthong-faults --bins
	@'$(TARGET)/release/bench' $(if $(filter-out 0,$(QUICK)),--quick) $(M)

growth: ## Measure 1 to 1,000 channels, 1 to 10 million records and restarts, in a release build
	@$(CARGO) build --release --locked --workspace --exclude lienthong-crash --exclude lienthong-faults --bins
	@'$(TARGET)/release/growth'

crash: hub ## Kill hubs, cut their power, fill their disks; SEED= KILLS= CUTS= MINUTES= KINDS="kills power …"
	@'$(TARGET)/debug/crash' $(KINDS) $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(if $(CUTS),--cuts $(CUTS)) \
		$(if $(OTHERS),--others $(OTHERS)) $(if $(PENDING),--pending $(PENDING)) $(if $(MINUTES),--minutes $(MINUTES))
