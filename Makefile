.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup model demo test check train study bench lock clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */\1\t/' | expand -t 10

setup: $(VENV)/.ready model ## Build .venv from the lock file and fetch the language model (cached outside the checkout)

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "[setup] creating $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "[setup] installing the pinned packages (about a minute with a warm pip cache)"
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.lock \
		| { grep --line-buffered -E '^(Collecting|Installing|Successfully)' || true; } | cut -c1-100
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

model: $(VENV)/.ready
	@$(BIN)/labwright model fetch || echo "[setup] no language model: rules and templates will be used"

demo: setup ## Plan the example tracer test
	@$(BIN)/labwright plan "I have a 30 cm sand column, 5 cm in diameter, porosity about 0.38, a bromide tracer and a pump from 0.5 to 10 mL/min. I want the dispersion coefficient within 5 % in one working day. How should I run it and when should I sample?"

test: setup ## Run every test
	@HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

check: $(VENV)/.ready ## Lint, format check and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

train: $(VENV)/.ready ## Make the runs, train the surrogate of fields that ships on them and calibrate it
	@$(BIN)/labwright surrogate data
	@$(BIN)/labwright surrogate train
	@$(BIN)/labwright surrogate calibrate

study: build/bench/.ready ## Measure the surrogate of fields against its peers (hours; goes on where it was stopped)
	@build/bench/bin/labwright eval surrogate --rerun --record

bench: build/bench/.ready ## Compare the solvers with their peers (an hour), or WORK="column adjoint" of them
	@build/bench/bin/python -m benchmarks $(WORK)

build/bench/.ready: requirements.lock benchmarks/requirements.txt pyproject.toml
	@test -x build/bench/bin/python || $(PYTHON) -m venv build/bench
	@build/bench/bin/python -m pip install --disable-pip-version-check -q -r requirements.lock
	@build/bench/bin/python -m pip install --disable-pip-version-check -q -r benchmarks/requirements.txt
	@build/bench/bin/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

lock: ## Pin what pyproject.toml admits today into requirements.lock
	@rm -rf build/lock && $(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install -q torch==2.13.0
	@build/lock/bin/python -m pip install -q -e '.[dev]'
	@build/lock/bin/python -m pip freeze --exclude-editable | sed -E 's/\+cpu//; s/ @ .*//' > requirements.lock

clean: ## Remove the environment and the caches of the tools (keeps runs, threads and the model)
	@rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache
