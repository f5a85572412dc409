# One command per job. From a bare clone: Python 3.11 or later, make and git are enough.

# The first Python on the path that is new enough; choose another with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && echo "$$p" && break; done)
# Test processes that run side by side; each has its own numba cache, as numba's index files do not take two writers.
WORKERS ?= 2
# The first seed that `make soak` draws failures from.
FROM ?= 0
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
KERNELS := $(CURDIR)/.pytest_cache/numba

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

INSTALL := $(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes --requirement
INSTALL_SELF := $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help demo setup test check unit bench peers soak lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s%s\n", $$1, $$2 }'

demo: $(VENV)/.base ## the main job on the embedded market; installs the base alone
	$(BIN)/quotewright demo

setup: $(VENV)/.dev ## .venv complete for development

test: check unit ## everything that CI runs: the checks, then the tests

check: $(VENV)/.dev ## lint, format, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

unit: $(VENV)/.dev ## the tests alone
	$(BIN)/python -m pytest --dist loadfile \
		$(foreach n,$(shell seq $(WORKERS)),--tx "popen//env:NUMBA_CACHE_DIR=$(KERNELS)/$(n)")

soak: $(VENV)/.dev ## the slow tests, minutes rather than seconds; then seeds of `simtest` until Ctrl-C, from FROM on
	$(BIN)/python -m pytest -m slow
	$(BIN)/quotewright simtest --seeds 0 --from $(FROM)

bench: $(VENV)/.dev ## every row of docs/benchmarks.md in one table, about 15 minutes; ONLY=replay, QUICK=1
	-@$(MAKE) --no-print-directory peers
	$(BIN)/python benchmarks/run.py $(if $(ONLY),--only "$(ONLY)") $(if $(QUICK),--quick)

peers: $(PEERS)/.made ## what `make bench` compares with and needs an environment of its own (some 500 MB)

lock: $(VENV)/.dev ## write requirements/ anew from pyproject.toml; UPGRADE=--upgrade takes newer versions
	$(LOCK) pyproject.toml --extra dev --extra bench --extra ccxt --extra dask --extra research --group build --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --group build --constraint requirements/dev.txt --output-file requirements/base.txt
	$(LOCK) requirements/peers.in --output-file requirements/peers.txt

clean: ## remove what the targets above have made, .venv included
	rm -rf $(VENV) $(PEERS) build dist out .benchmarks .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a target below runs again only when a file that it names has changed since.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 is needed and was not found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/.made
	@echo "Installing quotewright and its base (once; some 200 MB, a minute or so)"
	@$(INSTALL) requirements/base.txt
	@$(INSTALL_SELF)
	@touch $@

# Every pin of the base is also a pin of dev, so this installation serves the demo too.
$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.made
	@echo "Installing quotewright and everything its development needs (once; some 400 MB, two minutes or so)"
	@$(INSTALL) requirements/dev.txt
	@$(INSTALL_SELF)
	@touch $(VENV)/.base $@

$(PEERS)/.made: requirements/peers.txt
	$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --only-binary :all: --require-hashes --requirement $<
	@touch $@
