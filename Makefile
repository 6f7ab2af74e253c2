# The words of this house. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
TOOLS := .tools/bin
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run check fix test stories bench profile docs

help: ## list these words
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## / - /'

setup: $(STAMP) ## make the virtual environment in .venv

$(STAMP): pyproject.toml tools/setup
	@PYTHON=$(PYTHON) tools/setup $(VENV)
	@touch $@

run: setup ## run the first example for real (Ctrl-C stops it)
	@$(BIN)/stead up -f examples/web.yaml

check: setup ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: setup ## repair what check complains of, where a machine can
	$(BIN)/ruff format src tests bench
	$(BIN)/ruff check --fix src tests bench

test: setup check ## everything: contracts, unit tests, stories, real processes and real clients
	@tools/clients
	@tools/images
	$(BIN)/python -m pytest -n 2 -m "not shell"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "shell and not alone"
	$(BIN)/python -m pytest -m alone tests/runtimes
	@tools/as-user -m pytest -n 2 --dist loadfile -m "shell and anyone and not alone" -p no:cacheprovider
	@tools/as-user --lent -m pytest -m "shell and anyone" -p no:cacheprovider tests/shells/test_tiers.py tests/programs \
		tests/runtimes/test_multiplying.py

stories: setup ## simulated lives of StatefulSets, by seed
	$(BIN)/python -m tests.stories.many $(SEEDS)

bench: setup ## measure; results in .bench/
	$(BIN)/python -m bench $(WORDS)

profile: setup ## where the time goes: WHAT=ordered, parallel, roll or requests
	$(BIN)/python -m bench --profile $(or $(WHAT),ordered)
