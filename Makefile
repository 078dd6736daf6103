# Every command of a working day. `make help` lists them; all of them run inside .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
DEFAULT_CONFIG := examples/shop/axon.yaml
CONFIG ?= $(DEFAULT_CONFIG)
SHOP := data/shop
REGISTRY ?= models
UV_VERSION := 0.13.8
# No progress bars and no notices: what pip still prints is an error.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

# Starting each candidate is the only proof: a name on PATH may be an empty shim, and Debian ships Python without ensurepip.
USABLE := import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
FIND_PYTHON = for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	if "$$candidate" -c '$(USABLE)' 2>/dev/null; then echo "$$candidate"; exit 0; fi; done; \
	echo "expected Python 3.11, 3.12 or 3.13 with its venv module; found none among: $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)." >&2; \
	echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make setup PYTHON=/path/to/python3.12" >&2; \
	exit 1

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# --- the environment ---

.PHONY: setup
setup: $(STAMP) ## build .venv from the hashed lock file (again only when the lock or pyproject.toml changed)

$(BIN)/python:
	@python=$$($(FIND_PYTHON)); echo "Creating .venv with $$("$$python" --version)"; "$$python" -m venv --clear .venv

# Compiling apart, over all cores, takes half of what pip needs for it; some packages carry files that never compile.
$(STAMP): requirements/dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing $$(grep -c '==' requirements/dev.lock) locked packages into .venv (a minute or two, 3 GB) ..."
	@$(PIP) install --require-hashes --no-deps --no-compile -r requirements/dev.lock
	@$(BIN)/python -W ignore -m compileall -qq -j 0 .venv/lib >/dev/null 2>&1 || true
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: $(STAMP) ## resolve requirements/*.lock anew from pyproject.toml (make lock UPGRADE=--upgrade for newer versions)
	$(PIP) install uv==$(UV_VERSION)
	$(call COMPILE,dev,$(UPGRADE))
	$(call COMPILE,train,--extra redis $(UPGRADE) -c requirements/dev.lock)
	$(call COMPILE,serve,--extra redis $(UPGRADE) -c requirements/dev.lock)
	$(call COMPILE,serve-onnx,--extra redis $(UPGRADE) -c requirements/dev.lock)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		$(UPGRADE) requirements/peers.in -o requirements/peers.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--override requirements/serving-peers.override $(UPGRADE) requirements/serving-peers.in -o requirements/serving-peers.lock

COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--extra $(1) $(2) pyproject.toml -o requirements/$(1).lock

# --- what a change must pass ---

.PHONY: check
check: lint types imports pages ## lint, types, imports and the documentation's links and lists

.PHONY: lint
lint: $(STAMP) ## ruff, formatting and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

.PHONY: types
types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

.PHONY: imports
imports: $(STAMP) ## the import contracts between rooms
	$(BIN)/lint-imports

.PHONY: pages
pages: $(STAMP) ## follow the documentation's links, compare its lists with the code; its commands are run by test
	$(BIN)/pytest tests/docs -q -k "not commands_and_snippets_run"

.PHONY: docs
docs: $(STAMP) ## run the documentation's commands and snippets, follow its links
	$(BIN)/pytest tests/docs -q

.PHONY: test
test: $(STAMP) ## the whole test suite, a file at a time on every core
	$(BIN)/pytest -n auto --dist loadfile

.PHONY: cov
cov: $(STAMP) ## the whole test suite with branch coverage
	$(BIN)/pytest --cov --cov-report=term

.PHONY: format
format: $(STAMP) ## let ruff fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(STAMP) ## speed and memory, printed as ratios
	$(BIN)/python -m benchmarks

PEERS := .venv-peers
PEERS_STAMP := $(PEERS)/.installed
PEERS_PIP := $(PEERS)/bin/python -m pip --disable-pip-version-check --no-input -qq
# Not in the lock: where the index has no wheel for processors alone, it brings the libraries of accelerators along.
TORCH := torch==2.13.0

$(PEERS_STAMP): requirements/peers.lock | $(BIN)/python
	@echo "Installing $$(grep -c '==' requirements/peers.lock) locked packages and PyTorch into $(PEERS) (minutes, 2 GB or more) ..."
	@$(BIN)/python -m venv --clear $(PEERS)
	@$(PEERS_PIP) install --require-hashes --no-deps -r requirements/peers.lock
	@$(PEERS_PIP) install $(TORCH) || echo "$(TORCH) could not be installed: FuxiCTR is left out of the tables" >&2
	@touch $@

.PHONY: bench-quality
bench-quality: $(STAMP) $(PEERS_STAMP) ## quality beside the peers, an hour (in minutes: make bench-quality QUALITY=--quick)
	$(BIN)/python -m benchmarks.quality $(QUALITY)

SERVING_PEERS := .venv-serving
SERVING_STAMP := $(SERVING_PEERS)/.installed
SERVING_PIP := $(SERVING_PEERS)/bin/python -m pip --disable-pip-version-check --no-input -qq

# What does not install is left out of the tables, by name.
$(SERVING_STAMP): requirements/serving-peers.lock | $(BIN)/python
	@echo "Installing $$(grep -c '==' requirements/serving-peers.lock) locked packages into $(SERVING_PEERS) (minutes, 2 GB) ..."
	@$(BIN)/python -m venv --clear $(SERVING_PEERS)
	@$(SERVING_PIP) install --require-hashes --no-deps -r requirements/serving-peers.lock \
		|| echo "Mosec, LitServe and BentoML could not be installed: they are left out of the tables" >&2
	@touch $@

.PHONY: bench-serving
bench-serving: $(STAMP) $(SERVING_STAMP) ## serving beside the peers, 33 minutes, needs wrk (in minutes: make bench-serving SERVING=--quick)
	$(BIN)/python -m benchmarks.serving $(SERVING)

.PHONY: bench-catalog
bench-catalog: $(STAMP) ## a catalog of a million items, imported, filtered and ranked, minutes
	$(BIN)/python -m benchmarks.catalog

.PHONY: bench-logs
bench-logs: $(STAMP) ## logs that no setting was chosen for, through axon init, train and score, ten minutes
	$(BIN)/python -m benchmarks.unknown_logs

.PHONY: bench-swap
bench-swap: $(STAMP) ## a hundred versions swapped in under a steady load, minutes
	$(BIN)/python -m benchmarks.swap

.PHONY: bench-loop
bench-loop: $(STAMP) ## ten rounds of rank, click, join and retrain while tastes turn, minutes
	$(BIN)/python -m benchmarks.closed_loop

# --- from a log to a service ---

# The simulated shop stands in for a log only where the caller names none.
ifeq ($(CONFIG),$(DEFAULT_CONFIG))
LOG := $(SHOP)/log.csv
endif

$(SHOP)/log.csv: | $(STAMP)
	$(BIN)/axon simulate $(SHOP)

# models/ may hold others, such as the shop that was tried before.
NAME_OF := import pathlib, sys; from training.config import load_config; print(load_config(pathlib.Path(sys.argv[1])).name)

.PHONY: run
run: train ## train, publish and serve: the simulated shop, or your log (make run CONFIG=path/to/axon.yaml)
	exec $(BIN)/axon serve --registry $(REGISTRY) --model "$$($(BIN)/python -c '$(NAME_OF)' $(CONFIG))"

.PHONY: train
train: $(STAMP) $(LOG) ## train and publish into models/ (CONFIG=path/to/axon.yaml for your log)
	$(BIN)/axon train $(CONFIG) --registry $(REGISTRY)

.PHONY: serve
serve: $(STAMP) ## serve what models/ holds on port 8000
	exec $(BIN)/axon serve --registry $(REGISTRY)

.PHONY: up
up: ## build the containers, train in one and serve from the other
	docker compose up --build --detach --wait

.PHONY: down
down: ## stop the containers (their volumes stay)
	docker compose down

.PHONY: clean
clean: ## delete .venv, .venv-peers, .venv-serving, caches and the simulated shop; models/ and runs/ stay
	rm -rf .venv $(PEERS) $(SERVING_PEERS) build *.egg-info $(SHOP) .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
