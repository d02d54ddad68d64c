"""Print the import graph of the packages: rooms, floors, arrows and circles.

    python -m dev.imports

A room is a folder of Python files. A room stands one floor above the highest room that it imports. Imports inside
functions count too, and `passk/__init__.py` is no room. The exit status is 1 if there is a circle.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = ("passk", "flows", "tasks", "reports")


def files(*tops: str, root: Path = ROOT) -> list[Path]:
    """Return every Python file below the top folders (default: the product's), relative to the checkout."""
    return sorted(file.relative_to(root) for top in tops or TOP for file in (root / top).rglob("*.py"))


def room(file: Path) -> str:
    """Return the folder of a file as a dotted name: passk/store/sql.py is in passk.store."""
    return ".".join(file.parent.parts)


@cache
def imported(file: Path, root: Path = ROOT) -> frozenset[str]:
    """Return every module that a file imports, wherever in the file; `from a import b` gives a and a.b."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse((root / file).read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(modules)


def arrows(root: Path = ROOT) -> dict[tuple[str, str], set[Path]]:
    """Return each pair of rooms of which the first imports the second, with the files that do."""
    known = {room(file) for file in files(root=root)}
    pairs: dict[tuple[str, str], set[Path]] = {}
    for file in files(root=root):
        for module in imported(file, root):
            parts = module.split(".")
            above = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
            target = next((name for name in above if name in known), None)
            if target and target not in (room(file), "passk"):
                pairs.setdefault((room(file), target), set()).add(file)
    return pairs


def rooms(root: Path = ROOT) -> dict[str, set[str]]:
    """Return each room with the rooms that it imports."""
    imported_rooms: dict[str, set[str]] = {room(file): set() for file in files(root=root)}
    for source, target in arrows(root):
        imported_rooms[source].add(target)
    return {name: targets for name, targets in imported_rooms.items() if name != "passk"}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return circles of rooms, each from a room back to it. Without one arrow of each, the graph has none."""
    left = {name: set(targets) for name, targets in graph.items()}
    circles_of_graph = []
    while True:
        try:
            TopologicalSorter(left).prepare()
            return circles_of_graph
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]
            circles_of_graph.append(circle)
            left[circle[0]].discard(circle[1])


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room, 1 for those that import none. Raise CycleError for a circle."""
    levels: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        levels[name] = 1 + max((levels[target] for target in graph[name]), default=0)
    return levels


def main() -> None:
    graph = rooms()
    why = arrows()
    if all_circles := circles(graph):
        for circle in all_circles:
            print(f"circle: {' -> '.join(circle)}")
            for source, target in pairwise(circle):
                print(f"    {source} -> {target}: {', '.join(map(str, sorted(why[source, target])))}")
        raise SystemExit(f"{len(graph)} rooms, {len(why)} arrows, {len(all_circles)} circles")
    levels = floors(graph)
    for level in sorted(set(levels.values()), reverse=True):
        print(f"floor {level}: {', '.join(sorted(name for name, floor in levels.items() if floor == level))}")
    print(f"{len(graph)} rooms, {max(levels.values())} floors, {len(why)} arrows, no circle")


if __name__ == "__main__":
    main()
