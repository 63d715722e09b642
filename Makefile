# A fresh clone needs Python 3.11 to 3.13 with pip, make and git; everything else comes from the lock.
#   make verify ARGS="--only STEM"    arguments pass through to the command behind a target
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK_OPTIONS := --all-extras --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help env verify derive test lint docs bench lock clean

help:  ## this list
	@sed -nE 's/^([a-z]+):.*## /  make \1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

env: $(READY)  ## build the environment from the hash-pinned lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	"PYTHON=$(PYTHON): must be Python 3.11 to 3.13, is %d.%d" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

verify: $(READY)  ## check every claim and write report/index.html
	$(BIN)/python -m validation $(ARGS)

derive: $(READY)  ## derive the theorems step by step, symbolically
	$(BIN)/python -m derivations $(ARGS)

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY)  ## formatting, lint rules, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(READY)  ## write docs/_build/html, readable offline
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html $(ARGS)

bench: $(READY)  ## speed ratios as a table
	$(BIN)/python -m benchmarks $(ARGS)

lock:  ## write requirements.lock anew (ARGS=--upgrade: newest versions)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml $(LOCK_OPTIONS) $(ARGS) --output-file requirements.lock

clean:  ## remove what the other targets wrote, the environment excepted
	rm -rf report docs/_build docs/theory docs/api docs/diagrams dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
