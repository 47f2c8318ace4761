# Everything a developer types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test test-faults check format docs screenshots bench lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

run: $(VENV)/.run ## Install and start Odus with sample data
	@$(BIN)/odus demo

test: $(VENV)/.dev ## Install what the tests need and run them all
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

test-faults: $(VENV)/.dev ## The long forms: 20 kills of each process, 980 faulty moves of money, 2,000 random sets of customers to list
	ODUS_TEST_KILLS=20 ODUS_TEST_LIST_EXAMPLES=2000 ODUS_TEST_PAYMENT_EXAMPLES=500 \
		$(BIN)/python -m pytest tests/faults tests/customers/test_list_model.py tests/payments/test_state_machine.py $(ARGS)

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

docs: $(VENV)/.dev ## Write the tables in docs/*.md anew
	$(BIN)/python -m tests.reference.tables

screenshots: $(VENV)/.dev ## Take pictures of every page of the Dashboard
	$(BIN)/python -m tests.browser.screenshots

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
$(VENV)/.run: requirements.lock pyproject.toml package-lock.json hatch_build.py | $(BIN)/python
	@echo 'Installing Odus (once, about a minute) …'
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo 'Installing what development needs …'
	@$(PIP) --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m tests.browser.chromium
	@touch $@
