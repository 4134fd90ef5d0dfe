# Two commands for a newcomer: `make run` and `make test`. Only Python 3.11+ and make are assumed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8420
PROCESSES ?= auto
DATA_DIR ?= .wardian
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start hundreds of hosts, each of which would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help: ## Show this.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/run.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Wardian needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which to use: make run PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Installing Wardian into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --editable '.[build]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "Installing the development tools …"
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/bench.stamp: $(VENV)/run.stamp
	@echo "Installing the peers to compare with …"
	@$(BIN)/pip install --quiet --editable '.[bench]'
	@touch $@

run: $(VENV)/run.stamp ## Build and install the sample plugins, make real calls, and keep serving.
	@$(BIN)/wardian demo --samples sample-plugins --data-dir $(DATA_DIR) --port $(PORT)

demo: $(VENV)/run.stamp ## The same once, on a data directory and a port of its own.
	@$(BIN)/wardian demo --samples sample-plugins --once --data-dir .wardian-demo --port 0

test: $(VENV)/dev.stamp ## Run every test that this machine has the tools for, on all its processors.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m "not quiet" --numprocesses $(PROCESSES) --dist worksteal
	@echo "And now those that need the machine to themselves …"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m quiet

bench: $(VENV)/bench.stamp ## Measure Wardian beside its peers; docs/benchmarks.md says what else to pass.
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(ROWS),"$(ROWS)") \
		$(if $(QUICK),--quick) $(if $(CHART),--chart) $(if $(BENCH_JSON),--json "$(BENCH_JSON)")

simulate: $(VENV)/dev.stamp ## Play agents, and draw what came of it into docs/images/agents.svg.
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=tests $(BIN)/python -m simulation

corpus: $(VENV)/dev.stamp ## Run the component scripts (.wast) under DIR, in process and through workers.
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=tests $(BIN)/python -m corpus "$(or $(DIR),tests/corpus/own)" \
		--workers $(if $(CORPUS_JSON),--json "$(CORPUS_JSON)")

check: $(VENV)/dev.stamp ## Format, lint, types, import contracts.
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/dev.stamp ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet . || true

contract: $(VENV)/dev.stamp ## Derive the contract's data from wit/.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m wardian.worlds.derive wit/v1 > v1.json.new
	@mv v1.json.new host/wardian/worlds/v1.json

docs: $(VENV)/dev.stamp ## Write docs/reference from the code.
	@$(BIN)/python docs/generate.py

freeze: $(VENV)/dev.stamp ## Take what was added to the HTTP API into docs/reference/openapi-v*.json.
	@$(BIN)/python docs/freeze.py

clean: ## Remove what was built and installed; the data directory stays.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find sample-plugins sdk -name node_modules -prune -exec rm -rf {} +
	find sample-plugins -name '*.wasm' -delete

.PHONY: help run demo test bench simulate corpus check format contract docs freeze clean
