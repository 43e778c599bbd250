# One command for each wish; `make help` lists them. Each sets up what it needs, once.

# The first Python on the path that is new enough, else any: then host/tools/preflight.py says what to do.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
CONFIG ?= pyscript.toml
OUT ?= dist
DEBUG ?=
PREVIOUS ?=
BUS ?=
PAGES ?=
PROVIDER ?= json
ARGS ?=
# Which engines the end-to-end tests run in: chromium, firefox, webkit. None named: Chromium, and the
# others where they are there or can be installed; CI must have all three (tests/e2e/support/engines.py).
ENGINES ?= $(SSO_BUS_ENGINES)
export SSO_BUS_ENGINES := $(ENGINES)
# Which OpenID Connect providers they run against: some of tests/e2e/support/providers/chosen.py, or all.
PROVIDERS ?= $(SSO_BUS_PROVIDERS)
export SSO_BUS_PROVIDERS := $(PROVIDERS)
VENV := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo dev check build package generate test lint types format unit e2e soak mutants prebuilt providers browsers screenshots bench audit lock clean

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(READY) ## Install the pinned tools into .venv (the other commands do this when necessary)

$(READY): requirements.lock host/tools/preflight.py
	@command -v $(PYTHON) >/dev/null || { echo "setup: Python 3.11 or newer is needed. Get it with: sudo apt-get install python3 python3-venv (Debian, Ubuntu), brew install python@3.13 (macOS)" >&2; exit 2; }
	@$(PYTHON) host/tools/preflight.py
	@echo "setup: installing the pinned tools into .venv"
	@$(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --timeout 60 --require-hashes -r requirements.lock
	@touch $@

demo: $(READY) ## Run the demo: host app, bus, identity provider (PROVIDER=oidc, ARGS="--open --fast")
	@$(VENV)/python -m host.demo --provider $(PROVIDER) $(ARGS)

dev: $(READY) ## Run the demo with the unbuilt tree: edit a file in bus/, then reload the page
	@$(VENV)/python -m host.demo --dev $(ARGS)

# python -m host.tools.check ends with 1 for errors and 2 for wrong use; make itself ends with 2 for both.
check: $(READY) ## Check provider or backend, and host pages, before you deploy (CONFIG=my.toml BUS=https://bus.example.com/)
	@$(VENV)/python -m host.tools.check --config $(CONFIG)$(if $(BUS), --bus "$(BUS)")$(foreach page,$(PAGES), --page "$(page)")

build: $(READY) ## Build the static folder (CONFIG=my.toml OUT=dist; PREVIOUS=folder of the last release; DEBUG=1 for a debug build)
	@$(VENV)/python -m host.tools.build --config $(CONFIG) --out $(OUT)$(if $(DEBUG), --debug)$(foreach folder,$(PREVIOUS), --previous "$(folder)")

package: $(READY) ## Make the wheel and the npm package (in dist-packages/)
	@$(VENV)/python -m host.tools.packages

generate: $(READY) ## Generate types, schemas and the AsyncAPI document from the models
	@$(VENV)/python -m host.tools.types

test: lint types unit e2e ## Run everything: lint, types, unit tests, end-to-end tests

lint: $(READY) ## Check the style of Python and JavaScript
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/python -m tests.javascript lint

types: $(READY) ## Check the types of Python and JavaScript
	@$(VENV)/mypy
	@$(VENV)/python -m tests.javascript types

format: $(READY) ## Format Python and JavaScript as `make lint` requires
	@$(VENV)/ruff format .
	@$(VENV)/python -m tests.javascript format

unit: $(READY) ## Run the unit tests on CPython, with coverage
	@$(VENV)/coverage run -m pytest tests/unit
	@$(VENV)/coverage report

e2e: browsers prebuilt providers ## Run the end-to-end tests in real browsers (ENGINES="firefox" PROVIDERS=all ARGS="-k gate")
	@$(VENV)/python -m pytest tests/e2e $(ARGS)

soak: browsers prebuilt ## Run the long tests at full length: 2,000 exchanges, 20,000 generated messages, 10,000 refreshes
	@SSO_BUS_REFRESHES=10000 SSO_BUS_SESSION_HOURS=24 $(VENV)/python -m pytest tests/unit/session/test_soak.py tests/unit/session/test_fault_run.py -s
	@SSO_BUS_SOAK=2000 SSO_BUS_FUZZ_ROUNDS=400 $(VENV)/python -m pytest tests/e2e/test_soak.py tests/e2e/test_fuzz.py -s $(ARGS)

mutants: browsers prebuilt ## Break each rule of SECURITY.md, one at a time, and see that a test fails (ARGS="-k gate")
	@$(VENV)/python -m tests.mutants $(ARGS)

# Downloads, snapshot and compression, once, with progress: not inside the first test.
prebuilt: $(READY)
	@$(VENV)/python -m host.tools.build --out .runtime/prebuilt
	@$(VENV)/python -m tests.e2e.support.node_tools

providers: $(READY) ## Install the OpenID Connect providers that the tests run against (PROVIDERS=all)
	@$(VENV)/python -m tests.e2e.support.providers.installing

browsers: $(READY) ## Find browsers for the tests, or install them
	@$(VENV)/python -m tests.e2e.support.install

screenshots: browsers prebuilt ## Take new screenshots of the inspector for the README
	@$(VENV)/python -m tests.screenshots

bench: browsers ## Measure speed and memory, and write the table in docs/architecture.md (ARGS="--runs 3")
	@$(VENV)/python -m tests.bench $(ARGS)

audit: .venv/audit/ready ## Look up known vulnerabilities in everything that is pinned (needs the network)
	@$(VENV)/python -m host.tools.audit

.venv/audit/ready: $(READY) audit.lock
	@echo "audit: installing pip-audit beside the project's environment"
	@$(VENV)/python -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r audit.lock
	@touch $@

lock: $(READY) ## Pin the newest versions that pyproject.toml allows, with hashes
	@$(VENV)/uv pip compile --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-config --quiet --output-file requirements.lock
	@$(VENV)/uv pip compile --group audit --universal --python-version 3.11 --generate-hashes --no-header --no-config --quiet --output-file audit.lock
	@$(VENV)/uv pip compile --group providers --universal --python-version 3.11 --generate-hashes --no-header --no-config --quiet --output-file providers.lock

clean: ## Remove everything that was built or downloaded
	@rm -rf .venv .runtime node_modules dist dist-packages build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
