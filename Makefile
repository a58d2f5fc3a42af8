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

# A process per core, each with one thread; a file's tests stay together, so that what they share is made once.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy
