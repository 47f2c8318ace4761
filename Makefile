# Everything a developer types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test test-faults check format bench lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(VENV)/.run ## Install and start Odus with sample data
	@$(BIN)/odus demo

test: $(VENV)/.dev ## Install what the tests need and run them all
	$(BIN)/python -m pytest $(ARGS)

test-faults: $(VENV)/.dev ## The long forms of the fault tests: 20 kills of each process
	ODUS_TEST_KILLS=20 $(BIN)/python -m pytest tests/faults $(ARGS)

check: $(VENV)/.dev ## Lint, types, layers, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check --lint src

format: $(VENV)/.dev ## Put the sources in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --quiet --reformat src

bench: $(VENV)/.dev ## Measure every figure, or one: make bench BENCH=get
	$(BIN)/python -m bench $(if $(BENCH),--only $(BENCH)) $(ARGS)

lock: $(VENV)/.dev ## Renew the lock files from pyproject.toml
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

LOCK := --quiet --universal --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

clean: ## Remove what can be made again; data stays
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Odus itself is installed without its dependencies, which the lock files name, hash by hash.
$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo 'Installing Odus (once, about a minute) …'
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo 'Installing what development needs …'
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
