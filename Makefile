# Each target does all of its own set-up: a virtual environment in .venv, made once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: gate test lint peers bench audit reference clean

# The main job: the hardened function through the gate set. Leaves reports/<run>/report.html and result.json.
gate: $(VENV)/.run
	$(BIN)/doorbuster run

test: $(VENV)/.dev lint
	$(BIN)/pytest -n 2

# The judge beside Porcupine, an independent checker, on 5,000 random histories. Needs Go, which comes with the wheel.
peers: $(VENV)/.dev
	DOORBUSTER_PEER_HISTORIES=5000 $(BIN)/pytest -q tests/peers

# Every figure of speed, beside what it is measured against; leaves benchmarks/latest.json. Wants a quiet machine.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.bench

# Known vulnerabilities in what constraints.txt names. Needs an index that answers questions about them.
audit: $(VENV)/.dev
	$(PIP) pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	  || { echo "doorbuster needs Python 3.11 to 3.14; say which: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.run

# docs/reference.md, from the code.
reference: $(VENV)/.dev
	$(BIN)/python -m tests.docs.reference
	$(BIN)/python -m tests.docs.checks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
