#!/usr/bin/env bash
# Resolve *.in into cpu.lock, gpu.lock and adapters.lock. torch's CPU build is asked of pip as it is configured, and only
# where that finds nothing of PyTorch's own index, as the Makefile does.
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
cp cpu.lock adapters.lock # uv keeps the versions that it finds there where it can, and pip has them in its cache
"${resolve[@]}" adapters.in --override adapters.overrides --find-links "$wheels" -o adapters.lock
