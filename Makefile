# Two commands do all there is to set up: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements/cpu.lock)
# Asked only where pip, as it is configured, does not find torch's CPU build.
TORCH_INDEX := https://download.pytorch.org/whl/cpu
STAMP := .venv/.installed

help: ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(STAMP) ## the main job on a CPU: train, evaluate, report
	.venv/bin/passk run experiments/maze-cpu.yaml

test: $(STAMP) ## every test, the real engine included
	.venv/bin/python -m pytest

lint: $(STAMP) ## ruff: rules and format
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

lock: $(STAMP) ## resolve requirements/*.in again
	TORCH_INDEX=$(TORCH_INDEX) requirements/lock.sh

$(STAMP): requirements/cpu.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "passk needs Python 3.11: install it, or name it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@command -v c++ >/dev/null || { echo "passk needs a C++ compiler for DeepSpeed's CPU operators: install g++ or clang++" >&2; exit 2; }
	@$(PYTHON) -c 'import sysconfig, pathlib, sys; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' || { echo "passk needs Python's headers: install python3.11-dev" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q --no-deps '$(TORCH)' || .venv/bin/pip install -q --no-deps --index-url $(TORCH_INDEX) '$(TORCH)'
	.venv/bin/pip install -q --no-deps -r requirements/cpu.lock
	.venv/bin/pip install -q --no-deps --no-build-isolation -e .
	.venv/bin/python -m passk.openrlhf.cpu
	touch $@

.PHONY: help demo test lint lock
