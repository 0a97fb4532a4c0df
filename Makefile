# Each target creates the virtual environment, installs with the constraints and does the job.
# Overridable: PYTHON (the interpreter that creates it), VENV (where), ARGS (passed on).

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

bin   := $(VENV)/bin
stamp := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test lint types format build bench kill-matrix kills planted-errors seeds mutation clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(stamp): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet --constraint constraints.txt hatchling
	$(bin)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[dev]"
	@touch $(stamp)

run: $(stamp)    ## every theorem of every installed suite, on toy models
	$(bin)/alignprops run $(ARGS)

test: $(stamp)   ## the project's own tests
	$(bin)/python -m pytest -n 2 $(ARGS)

lint: $(stamp)   ## ruff: rules and format
	$(bin)/ruff check .
	$(bin)/ruff format --check .

format: $(stamp) ## ruff: mend rules and format in place
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

types: $(stamp)  ## mypy, strict
	$(bin)/mypy

build: $(stamp)  ## sdist and wheel into dist/
	$(bin)/python -m build --no-isolation

bench: $(stamp)  ## the side-by-side table of benchmarks/
	$(bin)/python -m benchmarks $(ARGS)

kill-matrix: $(stamp) ## which theorem refutes which counterfeit
	$(bin)/python -m benchmarks.kill_matrix $(ARGS)

kills: $(stamp)  ## training runs, killed ten times each and resumed
	$(bin)/python -m benchmarks.kills $(ARGS)

planted-errors: $(stamp) ## errors planted in a copy of the sources; each must turn the run red
	$(bin)/python -m benchmarks.planted_errors $(ARGS)

seeds: $(stamp)  ## the toy tier over many seeds: ARGS="--minutes 30 --processes 2"
	$(bin)/python -m benchmarks.seeds $(ARGS)

mutation: $(stamp) ## the share of a mutation tool's mutants that the suites refute
	$(bin)/python -m pip install --quiet --constraint constraints.txt cosmic-ray
	$(bin)/python -m benchmarks.mutation $(ARGS)

clean:           ## remove the environment and what was built
	rm -rf $(VENV) dist alignprops-report
