# Every target works from a fresh clone; the environment is made when it is first needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test lint types general

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/cell-tracker-gnn demo --output demo-result

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy
