# `make` alone tells what there is. Works with GNU make 4.3 and a POSIX sh; CARGO_TARGET_DIR is respected.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help hub plugins plugins-all demo test test-javascript test-python lint bench growth crash lake-faults fuzz soak tutorials

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
HUB := $(TARGET)/debug/lienthong
# The connectors that come with the hub, and where their components go. Those in Rust are all that Bảo Lộc needs; the others need Node.js
# and Python, and a minute or two each when a hub first starts with them.
RUST_PLUGINS := $(sort $(patsubst %/Cargo.toml,%,$(wildcard plugins/*-*/Cargo.toml)))
OTHER_PLUGINS := $(filter-out $(RUST_PLUGINS),$(sort $(patsubst %/plugin.toml,%,$(wildcard plugins/*/plugin.toml))))
# Guests of the tests in these languages.
GUESTS := $(sort $(patsubst %/plugin.toml,%,$(wildcard tests/plugins/*/plugin.toml)))
JAVASCRIPT := $(sort $(patsubst %/package.json,%,$(wildcard plugins/*/package.json)))
PYTHON := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
export LIENTHONG_PLUGINS := $(TARGET)/plugins
CITY ?= bao-loc

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A development build: minutes sooner than a release one, and what runs hot is optimised all the same.
# The whole workspace, so that features are those of the tests and nothing is compiled twice.
hub:
	@test -x '$(HUB)' || echo 'compiling the hub (about 8 minutes the first time)'
	@$(CARGO) build --locked --workspace

plugins: hub ## Build the connectors in Rust to WebAssembly components
	@echo 'building the connectors (a minute or two the first time)'
	@'$(HUB)' plugin build $(RUST_PLUGINS) --out '$(LIENTHONG_PLUGINS)'

plugins-all: plugins ## Build those in JavaScript and Python as well; they need Node.js 20 and Python 3.10
	@'$(HUB)' plugin build $(OTHER_PLUGINS) $(GUESTS) --out '$(LIENTHONG_PLUGINS)'

demo: $(if $(filter bao-loc,$(CITY)),plugins,plugins-all) ## Run a small city, live; ONCE=1 ends by itself and checks every sum; CITY=da-lat is another one
	@echo 'starting the city: examples/$(CITY)'
	@'$(TARGET)/debug/demo' --city 'examples/$(CITY)' --data '$(TARGET)/demo' --plugins '$(LIENTHONG_PLUGINS)' $(if $(filter-out 0,$(ONCE)),--once)

test: plugins-all test-javascript test-python ## Run every test: the hub, its connectors, and both together
	@tests/lake_tools >/dev/null
	@echo 'testing the hub'
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked; else $(CARGO) test --workspace --locked; fi
	@echo 'testing the connectors in Rust'
	@$(CARGO) test --manifest-path plugins/Cargo.toml --workspace --locked

test-javascript: ## Test the SDK and the connectors in JavaScript, without the hub
	@for folder in $(JAVASCRIPT); do \
		echo "testing $$folder" && \
		{ [ -d $$folder/node_modules ] || npm ci --prefix $$folder --ignore-scripts --no-audit --no-fund --loglevel=error; } && \
		npm test --silent --prefix $$folder || exit 1; \
	done

test-python: ## Test the SDK and the connectors in Python, without the hub
	@for folder in $(PYTHON); do \
		echo "testing $$folder" && \
		PYTHONPATH=$$folder/src:plugins/sdk-py/src .ci/python -m unittest discover -s $$folder/tests || exit 1; \
	done

lint: ## Check the format, the lints, and what the dependencies bring
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path plugins/Cargo.toml
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings
	.ci/cargo-deny --locked check --hide-inclusion-graph bans licenses sources
	.ci/cargo-deny --locked --manifest-path plugins/Cargo.toml --target wasm32-unknown-unknown check --hide-inclusion-graph bans licenses sources
	.ci/python -m ruff format --check --config plugins/ruff.toml plugins tests/plugins
	.ci/python -m ruff check --config plugins/ruff.toml plugins tests/plugins
	MYPYPATH=plugins/sdk-py/src .ci/python -m mypy --config-file plugins/mypy.ini plugins/sdk-py/src/lienthong_sdk plugins/foodsafety-inspections/src

tutorials: hub ## Follow the vendors' tutorial in each language, command by command
	@$(CARGO) test --locked --workspace --test hub -- --include-ignored tutorial::

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
