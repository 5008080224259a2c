# `make up GATEWAY_PORT=8081 DATA=/tmp/data` : variables reach the commands through the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-requirements-dev

.DEFAULT_GOAL := help
.PHONY: help install up demo test chaos check lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv, with every package at its locked version

$(INSTALLED): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo 'Python 3.11 or newer is needed: make install PYTHON=python3.13' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

up: install ## Run Temporal, broker, workers and gateway until Ctrl-C
	@$(BIN)/python -m devstack up

demo: install ## Play the six patterns on a stack of its own, and check every answer
	@$(BIN)/python -m devstack demo $(if $(KEEP),--keep)

test: install ## Run the tests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

chaos: install ## Run the long storms: kills, pauses, a held database; every unit compared (CHAOS_SEED=1)
	CHAOS=full $(BIN)/python -m pytest tests/chaos -p no:randomly -s

check: install ## Format, lint, types, and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Write requirements.txt and requirements-dev.txt anew from pyproject.toml
	@command -v uv >/dev/null || [ -x $(BIN)/uv ] || { $(MAKE) install && $(BIN)/python -m pip install --quiet uv; }
	@PATH="$$PATH:$(BIN)"; set -e; \
		lock='uv pip compile pyproject.toml --quiet --upgrade --universal --generate-hashes --no-header --annotation-style line'; \
		$$lock --output-file requirements.txt; \
		$$lock --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean: ## Remove .venv, data and caches
	rm -rf $(VENV) data .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
