#!/usr/bin/env bash
# Resolve *.in into cpu.lock, gpu.lock and adapters.lock. pip downloads torch's CPU build from its configured index, or
# else from PyTorch's own, as in the Makefile.
set -euo pipefail
cd "$(dirname "$0")"
bin=../.venv/bin
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
torch=$(sed -n 's/^\(torch==.*\)/\1/p' cpu.in)
$bin/pip download -q --no-deps -d "$wheels" "$torch" ||
    $bin/pip download -q --no-deps -d "$wheels" --index-url "$TORCH_INDEX" "$torch"
resolve=("$bin/uv" pip compile -q --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header --no-annotate --no-emit-find-links "$@")
"${resolve[@]}" cpu.in --override cpu.overrides --find-links "$wheels" -o cpu.lock
"${resolve[@]}" gpu.in -o gpu.lock
cp cpu.lock adapters.lock # uv keeps the versions of an existing lock if possible, and pip has cached them
"${resolve[@]}" adapters.in --override adapters.overrides --find-links "$wheels" -o adapters.lock
