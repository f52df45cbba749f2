# Quarterdeck. `make help` lists what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
DJLINT_FILES := templates
# What never asks which database there is, and need not run on the second one.
DATABASE_BLIND := tests/e2e tests/architecture tests/demo tests/core/breaker tests/core/test_supervisor.py \
    tests/core/test_tracing.py tests/core/test_web_bridge.py tests/core/test_egress.py tests/core/test_api_contract.py \
    tests/ops/queues/sources tests/ops/health/test_hostile_peers.py \
    $(filter-out %composite_kind.py, $(wildcard tests/ops/health/test_*_kind.py))

.PHONY: help run demo test bench faults check audit lock clean format python-gone

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-8s %s\n", $$1, $$2}'

# The system's Python that it is made of may have been removed since.
PYTHON_GONE := $(shell test -e $(VENV)/.created && ! test -x $(BIN)/python && echo yes)
$(VENV)/.created: deploy/find-python.sh $(if $(PYTHON_GONE),python-gone)
	@python=$$(sh deploy/find-python.sh) && "$$python" -m venv --clear $(VENV)
	@touch $@

python-gone:
	@echo "The Python of $(VENV) is gone; making it anew ..."

$(VENV)/.runtime: $(VENV)/.created requirements.txt
	@echo "Installing what Quarterdeck needs into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# Loopback may be checked, so that a first try finds something to check; a variable that is there wins, empty or not.
run: $(VENV)/.runtime ## Start everything on embedded parts and serve the dashboard
	@QUARTERDECK_PROBE_ALLOW_CIDRS="$${QUARTERDECK_PROBE_ALLOW_CIDRS-127.0.0.0/8,::1/128}" exec $(BIN)/python manage.py serve

demo: $(VENV)/.runtime ## Start everything and a fleet of local processes in trouble, apart from your own data
	@exec $(BIN)/python -m deploy.demo

# Whole files, in their order: those that start whole instances and browsers come first, and short ones fill the end.
PYTEST = $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.development ## Run the tests on SQLite and on PostgreSQL
	@$(PYTEST) --database=sqlite
	@$(PYTEST) --database=postgresql $(DATABASE_BLIND:%=--ignore=%)

bench: $(VENV)/.development ## Measure what the platform costs; BENCH="--quick --only pages" for less
	@$(BIN)/python -m tests.bench $(BENCH)

faults: $(VENV)/.development ## Kill, stop and flood the real thing, and hold docs/operations.md to it
	@$(BIN)/python -m pytest -q --database=postgresql -m "long or not long" tests/faults tests/ops/health/engine/test_clock_watch.py

check: $(VENV)/.development ## Lint, type-check, hold the architecture, look for known vulnerabilities
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/djlint $(DJLINT_FILES) --check --quiet
	@$(BIN)/djlint $(DJLINT_FILES) --lint --quiet
	@$(BIN)/bandit -q -r core deploy entities ops manage.py -c pyproject.toml
	@$(MAKE) --no-print-directory audit

audit: $(VENV)/.development ## Look for known vulnerabilities in the pinned dependencies, where the network allows it
	@sh deploy/audit.sh $(BIN)/pip-audit requirements.txt

format: $(VENV)/.development ## Format the code and the templates
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@-$(BIN)/djlint $(DJLINT_FILES) --reformat --quiet

lock: $(VENV)/.development ## Pin every dependency again, with hashes
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

clean: ## Remove the virtual environment and the caches; data in var/ stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
