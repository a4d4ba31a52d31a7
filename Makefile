# Each target does all of its own set-up in .venv; nothing needs to be installed first
# but Python 3.11 or newer with venv, and a C compiler.
#
#   make demo [PHOTO=my.jpg]   blur a photograph, restore it, write demo.png
#   make test                  the whole test suite
#   make bench                 speed beside ONNX Runtime, OpenVINO and PyTorch
#   make docs                  the documentation, docs/_build/html
#   make lint                  ruff and cython-lint

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL := $(VENV)/wheels/.built
SOURCES := setup.py pyproject.toml $(shell find pydbcnn -type f -not -name '*.pyc' \
	-not -name '*.so' -not -name '_cpu.c')
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo test test-minimum bench docs lint clean

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py $(if $(PHOTO),"$(PHOTO)")

test: $(VENV)/.test
	$(BIN)/pytest $(PYTEST_ARGS)

# The lower bounds of pyproject.toml, in an environment of their own.
test-minimum:
	$(PYTHON) -m venv .venv-minimum
	.venv-minimum/bin/pip install --quiet -c tests/minimum.txt '.[test]'
	.venv-minimum/bin/pytest $(PYTEST_ARGS)

bench: $(VENV)/.bench
	$(BIN)/pytest benchmarks $(PYTEST_ARGS)

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(abspath $(BIN)):$$PATH" cython-lint pydbcnn # it calls pycodestyle

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The wheel is built once; installing it with an extra then builds nothing again.
$(WHEEL): $(BIN)/python $(SOURCES)
	rm -rf $(@D)
	$(PIP) wheel --quiet --no-deps --wheel-dir $(@D) .
	touch $@

$(VENV)/.installed: $(WHEEL)
	$(PIP) install --quiet --force-reinstall --no-deps $(@D)/wheels/*.whl
	$(PIP) install --quiet $(@D)/wheels/*.whl
	touch $@

$(VENV)/.%: $(VENV)/.installed
	$(PIP) install --quiet "$$(echo $(@D)/wheels/*.whl)[$*]"
	touch $@

clean:
	rm -rf $(VENV) .venv-minimum build dist *.egg-info docs/_build docs/auto_examples \
		docs/generated docs/api/generated
