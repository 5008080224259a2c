# `make up GATEWAY_PORT=8081 DATA=/tmp/data` : variables reach the commands through the environment.
VENV ?= .venv
# A test process mostly waits for its own servers: four keep two cores busy.
TEST_PROCESSES ?= 4
IN_PROCESSES := --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations 40
BIN := $(VENV)/bin
VENV_BENCH ?= .venv-bench
VENV_LOCK ?= .venv-lock
VENV_AUDIT ?= .venv-audit
VENV_CHART ?= .venv-chart
RESTATE := benchmarks/compare/systems/restate/node_modules/.installed

# Many containers set it. Without bytecode every process that a test starts compiles each module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up demo quick test production coverage chaos bench check pattern lock wheels images sbom advisories chart env clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Make .venv, with every package at its locked version (PYTHON=python3.13)
	@tools/install.sh $(VENV) requirements-dev.txt 230

up: install ## Run Temporal, broker, workers and gateway until Ctrl-C
	@$(BIN)/python -m devstack up

demo: install ## Play the six patterns on their own stack and check every answer
	@$(BIN)/python -m devstack demo $(if $(KEEP),--keep)

quick: install ## Run the tests that need no server, for every save and every commit
	$(BIN)/python -m pytest -p tests.quick -p tests.forks -m 'not production' -q -r fE

test: install ## Run the tests
	$(BIN)/python -m pytest -m 'not production' $(IN_PROCESSES)

production: install ## Run the tests on production's servers: docker-compose.yml without containers, Apache Kafka, storms, alerts
	$(BIN)/python -m pytest tests/production
	$(BIN)/python -m pytest -m production --ignore tests/production $(IN_PROCESSES)

coverage: install ## Run the tests and list the lines that they do not reach; takes twice the CPU time
	@$(MAKE) --no-print-directory test PYTEST_ADDOPTS='--cov --cov-report=term'

chaos: install ## Run the long storms: kills, pauses, a locked database; check every unit (CHAOS_SEED=1)
	CHAOS=full $(BIN)/python -m pytest tests/chaos -p no:randomly -s

bench: $(RESTATE) ## Compare the patterns with Restate, DBOS and a naive Temporal (BENCH='--minutes 12' for an end)
	@tools/install.sh $(VENV_BENCH) requirements-bench.txt 160
	@$(VENV_BENCH)/bin/python -m benchmarks compare $(BENCH)

# Without npm the comparison runs without Restate.
$(RESTATE): benchmarks/compare/systems/restate/package.json
	@if command -v npm >/dev/null; then \
		npm install --prefix $(dir $<) --no-package-lock --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else echo 'npm is missing: the comparison runs without Restate. Install npm to include it.' >&2; fi

check: install ## Format, lint, types, direction of imports, and plain words
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.packaging.words

pattern: install ## Lay out a new pattern: six files and three rows (NAME=loyalty SERVICE=LoyaltyPoints)
	@$(BIN)/python -m tools.pattern $(if $(NAME),'$(NAME)' $(if $(SERVICE),'$(SERVICE)'),--help)

# Only with the locked uv: another version may write the files differently.
lock: ## Write the requirements files from pyproject.toml, keeping versions that fit (UPGRADE=1: the newest)
	@tools/install.sh $(VENV_LOCK) requirements-lock.txt 18
	@tools/lock.sh $(VENV_LOCK)/bin/uv
	@$(MAKE) --no-print-directory wheels

wheels: ## Check that every locked package has a wheel for each platform and Python
	@tools/install.sh $(VENV_LOCK) requirements-lock.txt 18
	@tools/wheels.sh $(VENV_LOCK)/bin/uv

images: ## Pin the images of Dockerfile and docker-compose.yml by digest; needs Docker (UPGRADE=1: the tags' newest)
	@$(or $(PYTHON),python3) tools/pin_images.py

sbom: ## Write sbom.json: the image's packages with versions and hashes, in CycloneDX
	@tools/install.sh $(VENV_AUDIT) requirements-audit.txt 20
	@tools/sbom.sh $(VENV_AUDIT)/bin/cyclonedx-py sbom.json

advisories: ## Fail if a package of the image has a published advisory; skipped without a network
	@tools/install.sh $(VENV_AUDIT) requirements-audit.txt 20
	@$(VENV_AUDIT)/bin/python tools/advisories.py requirements.txt

chart: install ## Check the Helm chart, with a helm that Go builds into the user's cache; skipped without Go
	@HELM=$$(tools/helm.sh) && { [ -z "$$HELM" ] || { tools/install.sh $(VENV_CHART) requirements-chart.txt 15 && \
		HELM=$$HELM KUBERNETES_VALIDATE=$(VENV_CHART)/bin/kubernetes-validate \
		$(BIN)/python -m pytest tests/packaging/test_chart.py; }; }

env: install ## Write what follows from code: .env.example, docs/configuration.md, sizing.md, cost.md, and parts of others
	$(BIN)/python -m tests.packaging.env_example
	$(BIN)/python -m tests.packaging.configuration
	$(BIN)/python -m tests.packaging.chart_schema
	$(BIN)/python -m tests.packaging.comparison
	$(BIN)/python -m tests.packaging.sizing
	$(BIN)/python -m tests.packaging.cost_page
	$(BIN)/python -m tests.packaging.access_matrix
	$(BIN)/python -m tests.packaging.metrics_page
	$(BIN)/python -m tools.boards

clean: ## Remove .venv, data and caches
	rm -rf $(VENV) $(VENV_BENCH) $(VENV_LOCK) $(VENV_AUDIT) $(VENV_CHART) sbom.json benchmarks/compare/systems/restate/node_modules data .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
