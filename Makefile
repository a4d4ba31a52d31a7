# Each target does all of its own set-up in .venv; nothing needs to be installed first
# but Python 3.11 or newer with venv, and a C compiler.
#
#   make demo [PHOTO=my.jpg]   blur a photograph, restore it, write demo.png
#   make test                  the whole test suite
#   make sanitize              the engine's tests with every memory access checked
#   make bench                 speed beside ONNX Runtime, OpenVINO and PyTorch
#   make bench-gpu             speed of the GPU engine beside PyTorch; needs an NVIDIA GPU
#                              whose driver knows CUDA 13
#   make evaluate DATA=/path/to/test [SETS=Set5] [SIGMAS="0.8 1.6"] [RESULTS=out]
#                 [ONLY=naming] [PHOTOS=/path/to/photos]
#                              quality beside other methods, names of blurs beside
#                              the truth, and what is made of blur and noise that are
#                              given; a part writes no report unless RESULTS names a
#                              folder; of PHOTOS it tells what is read of their blur
#   make train-models PHOTOS=/path/to/photographs [WITHOUT=/path/to/test] [OUT=models]
#                              the models that ship, and what names blurs; takes hours,
#                              and goes on where it was interrupted; photographs that
#                              are in WITHOUT, too, are left out
#   make docs                  the documentation, docs/_build/html
#   make lint                  ruff and cython-lint
#   make map                   the table of modules in CONTRIBUTING.md

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL := $(VENV)/wheels/.built
SOURCES := setup.py pyproject.toml $(shell find pydbcnn -type f -not -name '*.pyc' \
	-not -name '*.so' -not -name 'bindings.c')
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo test test-minimum sanitize bench bench-gpu evaluate train-models docs lint map clean

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py $(if $(PHOTO),"$(PHOTO)")

test: $(VENV)/.test
	$(BIN)/pytest $(PYTEST_ARGS)

# The lower bounds of pyproject.toml, in an environment of their own.
test-minimum:
	$(PYTHON) -m venv .venv-minimum
	.venv-minimum/bin/pip install --quiet -c tests/minimum.txt '.[test]'
	.venv-minimum/bin/pytest $(PYTEST_ARGS)

# The engine with AddressSanitizer and UndefinedBehaviorSanitizer, which GCC brings:
# its own tests run every instruction set, and those that fit and predict run once for
# each.  The first report ends it: on standard error, hence the capture.
#
# Python itself is built without, so the library must be there before it.  Leaks are
# not looked for: at its end, Python leaves most of its objects to the system.
SANITIZED = LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
SANITIZED_PYTEST = $(SANITIZED) .venv-sanitize/bin/pytest -x -v --capture=sys \
	$(PYTEST_ARGS)
ENGINE_TESTS = $(addprefix tests/backends/, test_cpu.py test_choice.py test_guards.py)
LEARNING_TESTS = tests/training tests/pixels $(addprefix tests/estimators/, \
	test_deblurrer.py test_deblurrer_learning.py)
PRINT_ISAS = from pydbcnn.backends.cpu import available_isas; print(*available_isas())

sanitize: .venv-sanitize/.installed
	$(SANITIZED_PYTEST) $(ENGINE_TESTS)
	isas=$$($(SANITIZED) .venv-sanitize/bin/python -P -c "$(PRINT_ISAS)") && \
	for isa in $$isas; do \
		export PYDBCNN_ISA=$$isa; \
		$(SANITIZED_PYTEST) $(LEARNING_TESTS) || exit; \
	done

.venv-sanitize/.installed: $(SOURCES)
	$(PYTHON) -m venv .venv-sanitize
	CC=gcc PYDBCNN_SANITIZE=1 .venv-sanitize/bin/pip install --quiet '.[test]'
	touch $@

bench: $(VENV)/.bench
	$(BIN)/pytest benchmarks $(PYTEST_ARGS)

# A GPU is asked for before gigabytes are installed.  CuPy and PyTorch come together, so
# that both take the same libraries of CUDA.
NEED_DRIVER = import sys; \
	from pydbcnn.backends._cuda.device import describe_gpu, driver_version; \
	driver_version() or sys.exit(f"GPU {describe_gpu()}")

bench-gpu: $(VENV)/.installed
	@$(BIN)/python -P -c '$(NEED_DRIVER)'
	$(MAKE) $(VENV)/.bench,cuda13x
	$(BIN)/pytest benchmarks/gpu $(PYTEST_ARGS)

# Each subfolder of DATA with photographs is a set. Over the three sets of the report,
# and all sigmas, the run replaces what is published. ONLY=restoring, ONLY=naming or
# ONLY=filtering makes one of the three reports.
evaluate: $(VENV)/.evaluate
	$(BIN)/python benchmarks/evaluate.py $(if $(DATA),"$(DATA)") \
		$(if $(SETS),--sets $(SETS)) $(if $(SIGMAS),--sigmas $(SIGMAS)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(PHOTOS),--photos $(PHOTOS)) \
		$(if $(RESULTS),--results "$(RESULTS)")

# The folder is asked for before anything is installed.
OUT ?= models
LEFT_OUT = $(if $(WITHOUT),--without "$(WITHOUT)")

train-models: $(if $(PHOTOS),$(VENV)/.installed)
	@if [ ! -d "$(PHOTOS)" ]; then \
		echo 'PHOTOS="$(PHOTOS)" is no folder: make train-models' \
			'PHOTOS=/path/to/photographs [OUT=$(OUT)] wants one with sharp' \
			'photographs, in it or below.' >&2; \
		exit 2; \
	fi
	$(BIN)/python benchmarks/train_namer.py "$(PHOTOS)" --out "$(OUT)" $(LEFT_OUT)
	$(BIN)/python benchmarks/train_models.py "$(PHOTOS)" --out "$(OUT)" $(LEFT_OUT)

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(abspath $(BIN)):$$PATH" cython-lint pydbcnn # it calls pycodestyle

map: $(VENV)/.test
	$(BIN)/python -P tests/test_structure.py

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The wheel is built once; installing it with an extra then builds nothing again.
$(WHEEL): $(BIN)/python $(SOURCES)
	rm -rf $(@D) build/lib* # whose modules may have moved
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
	rm -rf $(VENV) .venv-minimum .venv-sanitize build dist *.egg-info docs/_build \
		docs/auto_examples docs/generated docs/api/generated
