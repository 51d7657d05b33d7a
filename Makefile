# Two commands do everything on a fresh machine with git, make and Python 3.11 or newer (with venv):
#   make demo   sets everything up and runs the embedded default
#   make test   sets everything up and passes the tests

PYTHON ?= python3
VENV ?= .venv
RUNS ?= 5
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-engines reference benchmarks clean

demo: $(VENV)/demo.stamp
	$(BIN)/evalh run

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n auto -q -m "not slow and not engine" --cov --cov-report=term-missing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-slow: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m slow -q

# Compiles llama.cpp's server and installs transformers beside each other, in .engines: half an hour and 2 GB, once.
test-engines: $(VENV)/test.stamp
	$(BIN)/python tests/engines/prepare.py
	$(BIN)/python -m pytest -m engine -q -s tests/engines

benchmarks: $(VENV)/demo.stamp .peers/stamp
	$(BIN)/python benchmarks/run_all.py --runs $(RUNS)

reference: $(VENV)/demo.stamp
	rm -rf results/reference
	$(BIN)/evalh run --out results/reference

clean:
	rm -rf $(VENV) .peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "evalh needs Python 3.11 or newer; say which: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "this Python lacks venv; on Debian: apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing evalh and what it needs into $(VENV): a minute or two, once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	@echo "installing what the tests need: a minute or two, once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# Peers that benchmarks are held against live apart: their pins are not ours.
.peers/stamp: benchmarks/peers.txt
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt
	@touch $@
