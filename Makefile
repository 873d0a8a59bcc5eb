# `make` alone tells what there is. Works with GNU make 4.3 and a POSIX sh; CARGO_TARGET_DIR is respected.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help hub plugins demo test lint bench

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
HUB := $(TARGET)/debug/lienthong
# The connectors that come with the hub, and where their components go.
PLUGINS := $(sort $(patsubst %/plugin.toml,%,$(wildcard plugins/*/plugin.toml)))
export LIENTHONG_PLUGINS := $(TARGET)/plugins

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A development build: minutes sooner than a release one, and what runs hot is optimised all the same.
# The whole workspace, so that features are those of the tests and nothing is compiled twice.
hub:
	@test -x '$(HUB)' || echo 'compiling the hub (about 8 minutes the first time)'
	@$(CARGO) build --locked --workspace --bins

plugins: hub ## Build the connectors to WebAssembly components
	@echo 'building the connectors (a minute or two the first time)'
	@'$(HUB)' plugin build $(PLUGINS) --out '$(LIENTHONG_PLUGINS)'

demo: plugins ## Run a small city, live; ONCE=1 ends by itself and checks every sum
	@echo 'starting the city of Bảo Lộc'
	@'$(TARGET)/debug/demo' --city examples/bao-loc --data '$(TARGET)/demo' --plugins '$(LIENTHONG_PLUGINS)' $(if $(filter-out 0,$(ONCE)),--once)

test: plugins ## Run every test: the hub, its connectors, and both together
	@echo 'testing the hub'
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked; else $(CARGO) test --workspace --locked; fi
	@echo 'testing the connectors'
	@$(CARGO) test --manifest-path plugins/Cargo.toml --workspace --locked

lint: ## Check the format, the lints, and what the dependencies bring
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path plugins/Cargo.toml
	$(CARGO) clippy --workspace --all-targets --features lienthong-tests/bench --locked -- -D warnings
	$(CARGO) clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings
	.ci/cargo-deny --locked check --hide-inclusion-graph bans licenses sources
	.ci/cargo-deny --locked --manifest-path plugins/Cargo.toml --target wasm32-unknown-unknown check --hide-inclusion-graph bans licenses sources

bench: ## Measure against peers, in a release build; M=M4 for one measure, QUICK=1 for a short trial
	@echo 'building for release (an hour the first time)'
	@$(CARGO) build --release --locked --workspace --bins --features lienthong-tests/bench
	@'$(TARGET)/release/bench' $(if $(filter-out 0,$(QUICK)),--quick) $(M)
