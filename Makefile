# Every target works from a fresh clone; the environment is made when it is first needed.
# PYTHON chooses the Python of the environment: make test PYTHON=python3.12
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif

.PHONY: setup demo test doctest lint types docs bench

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs]"
	$(BIN)/python -c "open('$@', 'w').close()"

demo: setup
	$(BIN)/cell-tracker-gnn demo --output demo-result

# A process per core, each with one thread; a file's tests stay together, so that what they share is made once.
test: export OMP_NUM_THREADS = 1
test: setup
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# The examples of the docstrings, which "make test" runs as well.
doctest: setup
	$(BIN)/python -m pytest src

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/sphinx-build --quiet --fail-on-warning --builder html docs build/docs
	@echo "The site is build/docs/index.html"

# What needs no data and no other tracker's environment; docs/benchmarks.md has the commands of the rest.
bench: setup
	$(BIN)/python benchmarks/simulated.py --work build/bench --trackers ours,overlap,nearest --output build/bench/simulated.json
	$(BIN)/python benchmarks/linking.py
