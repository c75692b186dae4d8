# Each target does its own set-up: a virtual environment in .venv, filled from pyproject.toml.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
export PYTHONUNBUFFERED = 1
# Some machines pin OpenBLAS to an old kernel; NumPy then runs at half speed.
unexport OPENBLAS_CORETYPE
unexport OPENBLAS_L2_SIZE

.PHONY: demo test check oracle long native-test sanitize format bench learn profile import-time clean help

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: $(VENV)/.installed   ## train on the handwritten digits and show the result
	$(BIN)/gradus train digits --out runs/demo --force

test: $(VENV)/.test        ## the tests
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.check      ## format, lint, strict types, docstrings, README and docs examples
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules src/gradus README.md docs

oracle: $(VENV)/.oracle    ## the same numbers as PyTorch
	$(BIN)/python -m pytest -n auto -m oracle --timeout 600

long: $(VENV)/.test        ## tests of minutes: 15,000 random programs, 10,000 fits, 40 whole runs a workload
	$(BIN)/python -m pytest -m long

native-test: $(VENV)/.native   ## the C++ tests, with all 2^32 floats (up to half an hour)
	native/tests/run.sh $(BIN)

sanitize: $(VENV)/.native  ## the native tests under address, undefined and thread sanitizers (10 minutes)
	native/tests/sanitize.sh $(BIN)

format: $(VENV)/.check     ## put the code into the house's form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench      ## gradus beside other frameworks; writes docs/benchmarks
	$(BIN)/python -m benchmarks

learn: $(VENV)/.learn      ## the presets beside scikit-learn's models on tables; hours, can be stopped and taken up
	$(BIN)/python -m benchmarks.learning

profile: $(VENV)/.installed ## what the time of gradus' training steps goes to, instruction by instruction
	$(BIN)/python -m benchmarks.instructions

import-time: $(VENV)/.installed   ## what `import gradus` costs beside `import numpy`
	$(BIN)/python -m benchmarks.startup

clean:           ## remove what the targets made
	rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# One editable install, then one stamp an extra: a target installs what it needs and no more, and
# the native code is built once.
$(VENV)/.installed: pyproject.toml CMakeLists.txt $(wildcard native/*.hpp native/*.cpp) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

STAMPS := $(addprefix $(VENV)/.,test check oracle native bench learn)
$(STAMPS): $(VENV)/.%: $(VENV)/.installed
	$(BIN)/python .ci/requirements.py $* | xargs $(BIN)/python -m pip install --quiet
	@touch $@
