# Every target makes what it needs: on a fresh clone `make demo` and `make test` work alone.
PYTHON ?= python3.11
BIN := .venv/bin
DEMO ?= demo
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# mirdata asks for clients of three clouds too, 90 MB that pin an old python-dateutil; its loaders
# of files on disk use none of them, so the tests do without.
MIRDATA := mirdata chardet Deprecated et_xmlfile importlib_resources mido openpyxl pretty_midi tqdm

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types imports format bench test-io clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed  ## make .venv with kmusic in it

demo: .venv/.installed  ## the main job on the embedded default, into DEMO (demo/)
	$(BIN)/kmusic demo --out $(DEMO)

test: .venv/.test  ## run the tests
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

check: lint types imports  ## lint, types and import rules

lint: .venv/.dev  ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev  ## mypy, strict
	$(BIN)/mypy

imports: .venv/.dev  ## who may import whom
	$(BIN)/lint-imports

format: .venv/.dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed  ## measure speed side by side
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

test-io: .venv-io/.installed  ## tests of the TensorFlow I/O decoder, in its own environment
	.venv-io/bin/python -m pytest -m io -q tests/audio/test_tfio.py tests/datasets/test_graph_reader.py

clean:  ## remove environments and what tools leave behind
	rm -rf .venv .venv-io .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/.installed: .venv/.made setup.cfg pyproject.toml constraints.txt
	$(PIP_INSTALL) -e .
	touch $@

.venv/.test: .venv/.installed
	$(PIP_INSTALL) -e ".[test]"
	$(PIP_INSTALL) --no-deps $(MIRDATA)
	touch $@

.venv/.dev: .venv/.test
	$(PIP_INSTALL) -e ".[dev]"
	touch $@

.venv-io/.installed: constraints-io.txt
	$(PYTHON) -m venv .venv-io
	.venv-io/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-io.txt -e ".[test,io]"
	touch $@
