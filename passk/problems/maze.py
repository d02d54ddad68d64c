"""Text mazes: `S` start, `E` goal, `.` free, `*` wall. An answer is a path of the letters L R U D.

The format is that of the Pass@k Training paper (arXiv 2508.10751, RUC-AIBOX/Passk_Training_Maze). Each cell is a wall
with probability `walls`, S and E are uniform on the free cells, and mazes without a path are rejected. A maze is *easy*
if its shortest path is as long as the Manhattan distance, and *hard* if it needs a detour of two or more moves. A hash
of the maze's text decides its split, so train and test are disjoint for all seeds, sizes and sets.

A grid of size n is a text of n lines. Cell (row, column) is the character row * (n + 1) + column, and the same number
is its bit in an integer. The line ends separate the rows, so a step sideways never wraps.
"""

import hashlib
import random
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems.record import Problem, Spec

VERSION = 1
# All characters of a compact prompt and its response; the tiny model's tokenizer is built from them.
ALPHABET = "\nSE.*LRUD>"

TEMPLATES = {
    "compact": "{maze}\n>",
    "instruct": """\
Find a way through the maze below. It is a square grid of text, one character a cell:
- `S` is where you start
- `E` is where you have to end
- `.` is free: you can walk on it
- `*` is a wall: you cannot enter it

Starting on `S`, reach `E` by moving one cell at a time, never onto a wall and never off the grid. \
The moves are L (left), R (right), U (up) and D (down).

You may think first. Then write the moves of your path, in order and with nothing between them, inside \
<answer></answer>, for example <answer>RRDLD</answer>.

## Maze
{maze}

Give your path from `S` to `E` inside <answer></answer>.""",
}
DEMONSTRATIONS = {"compact": "{path}", "instruct": "<answer>{path}</answer>"}


class GeneratedMazes(Spec):
    """What the specifications of all generated mazes share."""

    templates: ClassVar = TEMPLATES
    slot: ClassVar = "{maze}"
    judged_by: ClassVar = "maze or maze_strict"

    size: int = Field(ge=1, lt=10**9, description="number of mazes")
    width: int = Field(5, ge=2, le=64, description="width and height of the grid, cells")
    border: bool = Field(False, description="walls around the grid, as in the published mazes")
    template: Literal["compact", "instruct"] = Field("compact", description="template of the prompt")
    random_move_prob: float = Field(0.0, ge=0, lt=1, description="share of random legal moves in the demonstrations")
    verifier: Literal["maze", "maze_strict"] = Field("maze", description="maze_strict requires the answer tags")

    def wording(self) -> str:
        return TEMPLATES[self.template]


class MazeProblems(GeneratedMazes):
    """Specification of generated mazes. A hash of the maze decides its split."""

    about: ClassVar = "generated mazes of any size"

    source: Literal["maze"]
    walls: float = Field(0.3, ge=0, lt=1, description="probability that a cell is a wall")
    easy_fraction: float = Field(0.5, ge=0, le=1, description="share of mazes whose shortest path needs no detour")
    path_length: tuple[int, int] = Field(
        (2, 14), strict=False, description="length of the shortest path, from and to, in moves"
    )


# A maze is a test maze if the first byte of its hash is below this number: a tenth of 256.
_TEST_BYTES = 26
# Cells drawn without a new maze before an error, after some seconds: 400,000 tries at 5x5. Even rare kinds of mazes
# appear once in thousands of tries.
_PATIENCE = 10_000_000


def patience(cells: int) -> int:
    """Return the number of mazes of `cells` cells that are drawn without a new one before an error."""
    return max(20_000, _PATIENCE // max(25, cells))


class Maze(NamedTuple):
    """A square maze."""

    size: int
    """Characters in a row, including the border."""
    start: int
    """Cell of S."""
    end: int
    """Cell of E."""
    free: int
    """Bits of all cells that are not walls, including S and E."""

    def text(self) -> str:
        """Return the grid, rows joined by newlines."""
        rows = ["*"] * (self.size * (self.size + 1) - 1)
        rows[self.size :: self.size + 1] = "\n" * (self.size - 1)
        for cell in _cells(self.free):
            rows[cell] = "."
        rows[self.start], rows[self.end] = "S", "E"
        return "".join(rows)

    def manhattan(self) -> int:
        """Return the Manhattan distance from S to E in moves."""
        (row, column), (end_row, end_column) = (
            divmod(self.start, self.size + 1),
            divmod(self.end, self.size + 1),
        )
        return abs(row - end_row) + abs(column - end_column)

    def layers(self) -> list[int]:
        """Return the bits of the cells that are 0, 1, 2, ... moves from E, by a breadth-first search with shifts."""
        down, new, unseen = self.size + 1, 1 << self.end, self.free & ~(1 << self.end)
        layers = []
        while new:
            layers.append(new)
            new = (new << 1 | new >> 1 | new << down | new >> down) & unseen
            unseen &= ~new
        return layers

    def distances(self) -> dict[int, int]:
        """Return the moves to E from each cell that has a path to it."""
        return {cell: moves for moves, layer in enumerate(self.layers()) for cell in _cells(layer)}

    def identity(self) -> tuple[str, str]:
        """Return the maze's id and its split, both from the hash of its text."""
        digest = hashlib.sha256(self.text().encode()).digest()
        return f"maze-{digest.hex()[:12]}", "test" if digest[0] < _TEST_BYTES else "train"

    def problem(self, spec: GeneratedMazes, distances: dict[int, int], rng: random.Random) -> Problem:
        """Return the maze as a problem of `spec` with a demonstration. distances: of the maze."""
        text, (identity, split) = self.text(), self.identity()
        shortest = distances[self.start]
        path = _walk(self, distances, spec.random_move_prob, rng)
        metadata: dict[str, Any] = {"size": self.size, "shortest": shortest, "manhattan": self.manhattan()}
        return Problem(
            id=identity,
            prompt=TEMPLATES[spec.template].replace("{maze}", text),
            answer=text,
            verifier=spec.verifier,
            split=split,
            difficulty="easy" if shortest == self.manhattan() else "hard",
            demonstration=DEMONSTRATIONS[spec.template].replace("{path}", path),
            metadata=metadata,
        )


def check_tags(spec: GeneratedMazes) -> None:
    """Raise ConfigError if the verifier requires tags that the template does not ask for."""
    if spec.verifier == "maze_strict" and spec.template == "compact":
        raise ConfigError(
            "verifier", "maze_strict requires tags that the compact template does not ask for", "use maze"
        )


def check(spec: MazeProblems) -> None:
    """Raise ConfigError if no maze fits the specification."""
    low, high = spec.path_length
    check_tags(spec)
    inner = spec.width - 2 * spec.border
    if inner < 2:
        raise ConfigError(
            "width", f"{spec.width} includes the border and leaves no maze inside", "raise it to 4 or more"
        )
    if not 1 <= low <= high:
        raise ConfigError("path_length", f"from {low} to {high} moves is empty", "write 1 <= from <= to")
    if spec.easy_fraction < 1 and (inner == 2 or spec.walls == 0):
        raise ConfigError(
            "easy_fraction", f"no maze of this size and walls {spec.walls:g} needs a detour", "set easy_fraction to 1"
        )
    if low > 2 * (inner - 1) and spec.easy_fraction > 0:
        raise ConfigError(
            "path_length",
            f"no easy maze of this size has a path of {low} moves",
            f"lower its first value to {2 * (inner - 1)} or less, or set easy_fraction to 0",
        )


def generate(spec: MazeProblems, rng: random.Random) -> list[Problem]:
    """Return `spec.size` different mazes in random order, round(size * easy_fraction) easy ones and the rest hard.

    Mazes are drawn as described above, without replacement, within their split, class and range of lengths. Raise
    ConfigError after many tries without a new maze, since too few mazes of this kind exist.
    """
    wanted = {"easy": round(spec.size * spec.easy_fraction)}
    wanted["hard"] = spec.size - wanted["easy"]
    inside = range(spec.border, spec.width - spec.border)
    cells = [row * (spec.width + 1) + column for row in inside for column in inside]
    most = patience(len(cells))

    problems: list[Problem] = []
    seen: set[str] = set()
    tries = 0
    while any(wanted.values()):
        tries += 1
        if tries > most:
            raise _too_few(spec, wanted, most)
        free = [cell for cell in cells if rng.random() >= spec.walls]
        if len(free) < 2:
            continue
        start, end = rng.sample(free, 2)
        maze = Maze(spec.width, start, end, sum(1 << cell for cell in free))
        identity, split = maze.identity()
        if split != spec.split or identity in seen:
            continue
        distances = maze.distances()
        shortest = distances.get(start)
        if shortest is None or not spec.path_length[0] <= shortest <= spec.path_length[1]:
            continue
        difficulty = "easy" if shortest == maze.manhattan() else "hard"
        if not wanted[difficulty]:
            continue
        wanted[difficulty] -= 1
        tries = 0
        seen.add(identity)
        problems.append(maze.problem(spec, distances, rng))
    rng.shuffle(problems)
    return problems


def _walk(maze: Maze, distance: dict[int, int], random_move_prob: float, rng: random.Random) -> str:
    """Return a path from S that ends at the first visit of E.

    Each move is uniform over the moves of shortest paths or, with probability `random_move_prob`, over all legal moves.
    A path has at most 2 * shortest + 8 moves; moves that would exceed this are not random.
    """
    steps = {"L": -1, "R": 1, "U": -maze.size - 1, "D": maze.size + 1}
    remaining = 2 * distance[maze.start] + 8
    at, path = maze.start, ""
    while at != maze.end:
        legal = {letter: at + step for letter, step in steps.items() if at + step in distance}
        nearer = [letter for letter, cell in legal.items() if distance[cell] < distance[at]]
        move = rng.choice(list(legal) if rng.random() < random_move_prob else nearer)
        if distance[legal[move]] >= remaining:
            move = rng.choice(nearer)
        at, path, remaining = legal[move], path + move, remaining - 1
    return path


def _too_few(spec: MazeProblems, wanted: dict[str, int], tries: int) -> ConfigError:
    difficulty = max(wanted, key=lambda name: wanted[name])
    easy = round(spec.size * spec.easy_fraction)
    requested = easy if difficulty == "easy" else spec.size - easy
    return ConfigError(
        "size",
        (
            f"{requested} different {difficulty} mazes requested, but {tries} tries in a row gave no new one after "
            f"{requested - wanted[difficulty]} (width {spec.width}, walls {spec.walls:g}, split {spec.split}, shortest "
            f"path {spec.path_length[0]} to {spec.path_length[1]})"
        ),
        "lower size, or raise width, or widen path_length",
    )


def _cells(bits: int) -> list[int]:
    cells = []
    while bits:
        lowest = bits & -bits
        cells.append(lowest.bit_length() - 1)
        bits ^= lowest
    return cells
