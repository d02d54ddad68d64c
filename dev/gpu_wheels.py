"""Print the wheels that a bare CUDA machine lacks, from a lock of uv. `dev/gpu_wheels.tsv` has the output.

    uv lock && python -m dev.gpu_wheels uv.lock > dev/gpu_wheels.tsv

The machine has Python 3.12, torch 2.11 and what torch depends on. flash-attn has no wheel and is left out.
"""

import re
import sys
import tomllib
from collections import deque
from pathlib import Path
from typing import Any

ENGINES = ("vllm", "openrlhf", "ray", "deepspeed")
"""Packages that give a need its name; all others are needed by passk itself."""
PRESENT = "torch"
BUILDS = "setuptools"
"""The package that builds passk. torch depends on it too, but accepts a release that is too old for pyproject.toml."""
_FITS = re.compile(
    r"-(?:cp312-cp312|cp3\d+-abi3|py3-none|py2\.py3-none|cp312-none|py312-none|py\d+(?:\.py\d+)*-none)"
    r"-(?:any|.*manylinux.*x86_64.*|linux_x86_64)\.whl$"
)
HEAD = ("name", "version", "bytes", "need")


def rows(lock: dict[str, Any], project: str) -> list[tuple[str, str, int, str]]:
    """Return (name, version, bytes, need) of each package in the order of names. 0 bytes: only as a source."""
    packages = {package["name"]: package for package in lock["package"]}
    present = _closure(packages, [PRESENT]) - {BUILDS}
    direct = [each["name"] for each in packages[project].get("dependencies", []) if each["name"] not in ENGINES]
    needs = {name: name for name in ENGINES} | dict.fromkeys([*direct, BUILDS], "passk")
    chosen: dict[str, str] = {}
    queue = deque(needs.items())
    while queue:
        name, need = queue.popleft()
        if name in chosen or name in present:
            continue
        chosen[name] = need
        queue.extend((child, need) for child in _children(packages, name))
    return [(name, packages[name]["version"], _bytes(packages[name]), need) for name, need in sorted(chosen.items())]


def _closure(packages: dict[str, Any], roots: list[str]) -> set[str]:
    seen: set[str] = set()
    queue = list(roots)
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += _children(packages, name)
    return seen


def _children(packages: dict[str, Any], name: str) -> list[str]:
    return [each["name"] for each in packages[name].get("dependencies", []) if each["name"] in packages]


def _bytes(package: dict[str, Any]) -> int:
    sizes = [wheel["size"] for wheel in package.get("wheels", []) if _FITS.search(wheel["url"]) and "size" in wheel]
    return min(sizes, default=0)


if __name__ == "__main__":
    content = tomllib.loads(Path(sys.argv[1]).read_text())
    [root] = [package["name"] for package in content["package"] if "virtual" in package.get("source", {})]
    for line in (HEAD, *rows(content, root)):
        print(*line, sep="\t")
