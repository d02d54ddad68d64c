"""Print the import graph of the packages: rooms, floors, arrows and circles.

    python -m dev.imports

A room is a folder of Python files. A room stands one floor above the highest room that it imports. Imports inside
functions count too, and `passk/__init__.py` is no room.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = ("passk", "flows", "tasks", "reports")


def files() -> list[Path]:
    """Return every Python file of the product, relative to the checkout."""
    return sorted(file.relative_to(ROOT) for top in TOP for file in (ROOT / top).rglob("*.py"))


def room(module: Path) -> str:
    """Return the folder of a file as a dotted name: passk/store/sql.py is in passk.store."""
    return ".".join(module.parent.parts)


def imported(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in the file; `from a import b` yields a and a.b."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms() -> dict[str, set[str]]:
    """Return each room with the rooms that it imports."""
    graph: dict[str, set[str]] = {room(file): set() for file in files()}
    for file in files():
        for module in imported(file):
            parts = module.split(".")
            prefixes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
            target = next((name for name in prefixes if name in graph), None)
            if target and target not in (room(file), "passk"):
                graph[room(file)].add(target)
    return {name: targets for name, targets in graph.items() if name != "passk"}


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room, 1 for those that import none. Raise CycleError for a circle."""
    levels: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        levels[name] = 1 + max((levels[target] for target in graph[name]), default=0)
    return levels


def main() -> None:
    graph = rooms()
    try:
        levels = floors(graph)
    except CycleError as error:
        raise SystemExit(f"circle: {' -> '.join(error.args[1])}") from None
    for level in sorted(set(levels.values()), reverse=True):
        print(f"floor {level}: {', '.join(sorted(name for name, floor in levels.items() if floor == level))}")
    arrows = sum(map(len, graph.values()))
    print(f"{len(graph)} rooms, {max(levels.values())} floors, {arrows} arrows, no circle")


if __name__ == "__main__":
    main()
