# Everything here runs in .venv, which is made from requirements.lock the first time it is needed.
# Another interpreter: make PYTHON=/path/to/python3.13 …

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter found that is new enough; looked for only when an environment is made.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test test-quick test-faults fuzz ui lint format types pytest lock sample docs revision clean environment
.DELETE_ON_ERROR:

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sort | sed -E 's/:.*## /\t/' | expand -t 13

run: $(VENV) ## Load everything in data/raw into the warehouse and publish
	@$(BIN)/msoic run

ui: $(VENV) ## Dagster's pages on http://127.0.0.1:3000 (its runs are kept in .dagster_home)
	@$(BIN)/msoic ui

test: lint types pytest ## All that must pass before a change goes in

pytest: $(VENV) ## Only the tests, on all processors
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

# What a change of words or declarations breaks first; none of them reads a spreadsheet.
QUICK := test_documents.py test_recipes.py test_periods.py test_texts.py workbooks/test_values.py \
	kpis/test_definitions.py reconciliation/test_rules.py

test-quick: $(VENV) ## The tests of documents and declarations, which take seconds
	$(BIN)/python -m pytest -q $(addprefix msoic_pipeline_tests/,$(QUICK))

test-faults: $(VENV) ## Attack whole runs: hostile files, kills (MSOIC_KILLS=100), full disks; takes hours
	$(BIN)/python -m pytest -m faults msoic_pipeline_tests/faults

# The fuzzer is no part of what is locked: it has an environment of its own, with it beside all that is.
FUZZ_VENV := .venv-fuzz
FUZZER := atheris==3.0.0
SECONDS ?= 600

fuzz: $(FUZZ_VENV)/.installed ## Fuzz what reads files, for SECONDS=600; finds and corpus are kept in .fuzz
	$(FUZZ_VENV)/bin/python -m msoic_pipeline_tests.faults.fuzz $(SECONDS)

$(FUZZ_VENV)/.installed: requirements.lock
	@$(check-python)
	rm -rf $(FUZZ_VENV)
	$(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps --requirement requirements.lock
	$(FUZZ_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps $(FUZZER)
	@touch $@

lint: $(VENV) ## Style, likely mistakes, and that imports run one way
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo

format: $(VENV) ## Lay the code out, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV) ## Type check
	$(BIN)/mypy

sample: $(VENV) ## Make the sample data in data/raw again
	$(BIN)/python -m sample_data

# A page is written aside first: it is kept where making it fails.
docs: $(VENV) ## Write docs/data-dictionary.md from the model and docs/commands.md from the commands
	$(BIN)/msoic dictionary > .data-dictionary.tmp && mv .data-dictionary.tmp docs/data-dictionary.md || { rm -f .data-dictionary.tmp; exit 1; }
	$(BIN)/python -m tools.commands_page > .commands.tmp && mv .commands.tmp docs/commands.md || { rm -f .commands.tmp; exit 1; }

revision: $(VENV) ## Write the next revision of the tables: make revision WORDS="what changes"
	@$(BIN)/python -m msoic_pipeline.warehouse.migrations "$(WORDS)"

clean: ## Remove the environment, caches, staging and output; the warehouse and the UI's history stay
	rm -rf $(VENV) $(FUZZ_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis data/staging data/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## Work requirements.lock out afresh from pyproject.toml (LOCK_FLAGS=--upgrade takes newer releases too)
	@$(check-python)
	@tool=$$(mktemp -d) && trap 'rm -rf "$$tool"' EXIT && \
	$(PYTHON) -m venv "$$tool" && "$$tool/bin/python" -m pip install --quiet --disable-pip-version-check uv && \
	"$$tool/bin/uv" pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-strip-extras --no-header --no-annotate --quiet $(LOCK_FLAGS) --output-file requirements.lock && \
	echo "requirements.lock: $$(grep -c == requirements.lock) packages"

# ---- the environment ------------------------------------------------------------------------------
# Two stamps: the packages of the lock file, installed from nothing whenever what it says changes; and
# this project on top of them, which is quick. A stamp is written last, so a half-made one is made again.

# The lock file is complete, so pip has nothing to work out: --no-deps; `pip check` then sees that it was.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --progress-bar off --quiet

define check-python
if [ -z "$(strip $(PYTHON))" ]; then \
	echo "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1; \
fi; \
if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	echo "$(PYTHON) is not Python 3.11 or newer ($$($(PYTHON) --version 2>&1)). Name one that is: make PYTHON=/path/to/python3.12 …" >&2; exit 1; \
fi; \
if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	echo "$(PYTHON) cannot make environments: its venv module is not installed (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; \
fi
endef

$(VENV): $(VENV)/.installed ;

$(VENV)/.locked: requirements.lock
	@if cmp -s requirements.lock $@; then touch $@; else $(MAKE) --no-print-directory environment; fi

environment: # from nothing, so that nothing of an older lock file is left
	@$(check-python)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --no-deps --requirement requirements.lock
	@cp requirements.lock $(VENV)/.locked

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip --disable-pip-version-check check || { echo "requirements.lock does not fit pyproject.toml: make lock" >&2; exit 1; }
	@touch $@
