# `make up GATEWAY_PORT=8081 DATA=/tmp/data` : variables reach the commands through the environment.
PYTHON ?= python3
VENV ?= .venv
# They mostly wait; each has servers of its own. Storms keep two cores busy, so they come last.
TEST_PROCESSES ?= 2
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-requirements-dev
VENV_BENCH ?= .venv-bench
INSTALLED_BENCH := $(VENV_BENCH)/.installed-requirements-bench
RESTATE := benchmarks/restate/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help install up demo quick test chaos bench check lock env clean

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

quick: install ## Run the tests that start no process, for every save and every commit
	$(BIN)/python -m pytest -p tests.quick --numprocesses $(TEST_PROCESSES) -q -r fE

test: install ## Run the tests, with coverage
	$(BIN)/python -m pytest --ignore tests/chaos --numprocesses $(TEST_PROCESSES) --dist loadfile --cov --cov-report=
	$(BIN)/python -m pytest tests/chaos --numprocesses $(TEST_PROCESSES) --dist loadfile --cov --cov-append --cov-report=term

chaos: install ## Run the long storms: kills, pauses, a held database; every unit compared (CHAOS_SEED=1)
	CHAOS=full $(BIN)/python -m pytest tests/chaos -p no:randomly -s

bench: $(INSTALLED_BENCH) $(RESTATE) ## Measure the patterns beside their peers (BENCH='--scale 0.1' for a quick look)
	@$(VENV_BENCH)/bin/python -m benchmarks.compare $(BENCH)

$(INSTALLED_BENCH): requirements-bench.txt
	$(PYTHON) -m venv $(VENV_BENCH)
	$(VENV_BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Without npm the comparison leaves Restate out, and says so.
$(RESTATE): benchmarks/restate/package.json
	@if command -v npm >/dev/null; then \
		npm install --prefix $(dir $<) --no-package-lock --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else echo 'npm is missing, and with it the Restate server.' >&2; fi

check: install ## Format, lint, types, and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Write requirements.txt, -dev.txt and -bench.txt anew from pyproject.toml
	@command -v uv >/dev/null || [ -x $(BIN)/uv ] || { $(MAKE) install && $(BIN)/python -m pip install --quiet uv; }
	@PATH="$$PATH:$(BIN)"; set -e; \
		lock='uv pip compile pyproject.toml --quiet --upgrade --universal --generate-hashes --no-header --annotation-style line'; \
		$$lock --output-file requirements.txt; \
		$$lock --group dev --constraint requirements.txt --output-file requirements-dev.txt; \
		$$lock --group bench --constraint requirements-dev.txt --output-file requirements-bench.txt

env: install ## Write .env.example from the settings
	$(BIN)/python -m tests.packaging.env_example

clean: ## Remove .venv, data and caches
	rm -rf $(VENV) $(VENV_BENCH) benchmarks/restate/node_modules data .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
