# Two commands do everything: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Without uv it is installed into the environment first; "make env UV=" uses pip alone.
UV := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)

.PHONY: demo test env lint format types clean

demo: env  ## The whole matrix on the mini world, then where the leaderboard is
	@$(BIN)/bench run --all

test: env  ## The whole test suite
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --durations 10 $(ARGS)

env: $(READY)  ## Only the environment, .venv

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Next: make env PYTHON=python3.11"; exit 2; }
ifeq ($(UV),)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) with pip (PyTorch is large: some minutes on a fast line)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
else
ifeq ($(UV),$(BIN)/uv)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || echo "Getting uv into $(VENV) with pip, because it installs faster (UV= to go on with pip alone)"
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
else
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)
endif
	@echo "Installing into $(VENV) with uv (PyTorch is large: about a minute on a fast line)"
	@$(UV) pip install --quiet --python $(BIN)/python -e '.[dev]'
endif
	@touch $(READY)

lint: env  ## Formatting and lint rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: env  ## Static types
	@$(BIN)/mypy

format: env  ## Rewrite formatting
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:  ## Remove what a run produced (not the environment)
	rm -rf runs
