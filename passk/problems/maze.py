"""Mazes of text: `S` start, `E` goal, `.` free, `*` wall; answered by the letters L R U D.

The form is that of the Pass@k Training paper (arXiv 2508.10751, RUC-AIBOX/Passk_Training_Maze). Each cell
is a wall with probability `walls`, S and E are uniform on the free cells, and what has no path is thrown
away. A maze is *easy* where its shortest path is as long as the Manhattan distance, and *hard* where a
detour is needed; a detour costs two moves at least. Whether a maze belongs to train or to test is decided
by a hash of its text alone, so the two are disjoint whatever the seeds, sizes and sets.

A grid of size n is kept as its own text of n lines: cell (row, column) is the character row * (n + 1) +
column, and the same number is its bit in an integer. The line ends separate the rows there, so a step
sideways never wraps.
"""

import hashlib
import random
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems.record import Problem, Spec

VERSION = 1
# All that a compact prompt and its response consist of: the tiny model's tokenizer is made from it.
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


class MazeProblems(Spec):
    """Generated mazes. The split is decided by a hash of the maze itself."""

    templates: ClassVar = TEMPLATES
    slot: ClassVar = "{maze}"
    judged_by: ClassVar = "maze or maze_strict"
    about: ClassVar = "generated mazes of any size"

    source: Literal["maze"]
    size: int = Field(ge=1, lt=10**9, description="number of mazes")
    width: int = Field(5, ge=2, le=64, description="width and height of the grid, cells")
    walls: float = Field(0.3, ge=0, lt=1, description="chance of a cell to be a wall")
    easy_fraction: float = Field(0.5, ge=0, le=1, description="share of mazes whose shortest path needs no detour")
    path_length: tuple[int, int] = Field((2, 14), strict=False, description="shortest path, from and to, in moves")
    border: bool = Field(False, description="a wall around the grid, as in the published mazes")
    template: Literal["compact", "instruct"] = Field("compact", description="how the prompt is worded")
    random_move_prob: float = Field(0.0, ge=0, lt=1, description="share of random legal moves in the demonstrations")
    verifier: Literal["maze", "maze_strict"] = Field("maze", description="maze_strict wants the answer's tags")

    def wording(self) -> str:
        return TEMPLATES[self.template]


# Of 256 values of the first byte of a maze's hash, these many mean test: a tenth.
_TEST_BYTES = 26
# Cells drawn without a new maze before giving up, some seconds: 400,000 tries at 5x5. The rarest kind asked
# for in earnest comes once in thousands.
_PATIENCE = 10_000_000


class Maze(NamedTuple):
    size: int
    """characters in a row, the border included"""
    start: int
    end: int
    free: int
    """bits of all cells that are not a wall, S and E among them"""

    def text(self) -> str:
        """The grid, rows joined by newlines."""
        rows = ["*"] * (self.size * (self.size + 1) - 1)
        rows[self.size :: self.size + 1] = "\n" * (self.size - 1)
        for cell in _cells(self.free):
            rows[cell] = "."
        rows[self.start], rows[self.end] = "S", "E"
        return "".join(rows)

    def manhattan(self) -> int:
        (row, column), (end_row, end_column) = (
            divmod(self.start, self.size + 1),
            divmod(self.end, self.size + 1),
        )
        return abs(row - end_row) + abs(column - end_column)

    def layers(self) -> list[int]:
        """Bits of the cells that are 0, 1, 2, ... moves away from E: a breadth-first search by shifts."""
        down, new, unseen = self.size + 1, 1 << self.end, self.free & ~(1 << self.end)
        layers = []
        while new:
            layers.append(new)
            new = (new << 1 | new >> 1 | new << down | new >> down) & unseen
            unseen &= ~new
        return layers


def check(spec: MazeProblems) -> None:
    """Raise ConfigError where no maze at all can be meant."""
    low, high = spec.path_length
    if spec.verifier == "maze_strict" and spec.template == "compact":
        raise ConfigError("verifier: maze_strict wants tags that the compact template does not ask for; use maze")
    inner = spec.width - 2 * spec.border
    if inner < 2:
        raise ConfigError(f"width: {spec.width} leaves no maze inside the border, which counts; make it 4 or more")
    if not 1 <= low <= high:
        raise ConfigError(f"path_length: from {low} to {high} moves is empty; give 1 <= from <= to")
    if spec.easy_fraction < 1 and (inner == 2 or spec.walls == 0):
        raise ConfigError(
            f"easy_fraction: no maze of this size and walls {spec.walls:g} needs a detour; set easy_fraction to 1"
        )
    if low > 2 * (inner - 1) and spec.easy_fraction > 0:
        raise ConfigError(
            f"path_length: no easy maze of this size has a path of {low} moves; "
            f"start at {2 * (inner - 1)} or less, or set easy_fraction to 0"
        )


def generate(spec: MazeProblems, rng: random.Random) -> list[Problem]:
    """`spec.size` different mazes in random order, round(size * easy_fraction) of them easy, the rest hard.

    Within its split, its class and its range of lengths every set is drawn as described above, without
    replacement. Raises ConfigError after many tries without a new maze: there are too few of the kind.
    """
    wanted = {"easy": round(spec.size * spec.easy_fraction)}
    wanted["hard"] = spec.size - wanted["easy"]
    inside = range(spec.border, spec.width - spec.border)
    cells = [row * (spec.width + 1) + column for row in inside for column in inside]
    patience = max(20_000, _PATIENCE // max(25, len(cells)))

    problems: list[Problem] = []
    seen: set[str] = set()
    tries = 0
    while any(wanted.values()):
        tries += 1
        if tries > patience:
            raise _too_few(spec, wanted, patience)
        free = [cell for cell in cells if rng.random() >= spec.walls]
        if len(free) < 2:
            continue
        start, end = rng.sample(free, 2)
        maze = Maze(spec.width, start, end, sum(1 << cell for cell in free))
        text = maze.text()
        digest = hashlib.sha256(text.encode()).digest()
        identity = f"maze-{digest.hex()[:12]}"
        if (digest[0] < _TEST_BYTES) != (spec.split == "test") or identity in seen:
            continue
        distance = {cell: moves for moves, layer in enumerate(maze.layers()) for cell in _cells(layer)}
        shortest = distance.get(start)
        if shortest is None or not spec.path_length[0] <= shortest <= spec.path_length[1]:
            continue
        difficulty = "easy" if shortest == maze.manhattan() else "hard"
        if not wanted[difficulty]:
            continue
        wanted[difficulty] -= 1
        tries = 0
        seen.add(identity)
        path = _walk(maze, distance, spec.random_move_prob, rng)
        metadata: dict[str, Any] = {"size": spec.width, "shortest": shortest, "manhattan": maze.manhattan()}
        problems.append(
            Problem(
                id=identity,
                prompt=TEMPLATES[spec.template].replace("{maze}", text),
                answer=text,
                verifier=spec.verifier,
                split=spec.split,
                difficulty=difficulty,
                demonstration=DEMONSTRATIONS[spec.template].replace("{path}", path),
                metadata=metadata,
            )
        )
    rng.shuffle(problems)
    return problems


def _walk(maze: Maze, distance: dict[int, int], random_move_prob: float, rng: random.Random) -> str:
    """A path from S that ends at the first visit of E: each move is uniform on the shortest ones or, with
    probability `random_move_prob`, on all legal ones. At most 2 * shortest + 8 moves: past that no move is random."""
    steps = {"L": -1, "R": 1, "U": -maze.size - 1, "D": maze.size + 1}
    left = 2 * distance[maze.start] + 8
    at, path = maze.start, ""
    while at != maze.end:
        legal = {letter: at + step for letter, step in steps.items() if at + step in distance}
        nearer = [letter for letter, cell in legal.items() if distance[cell] < distance[at]]
        move = rng.choice(list(legal) if rng.random() < random_move_prob else nearer)
        if distance[legal[move]] >= left:
            move = rng.choice(nearer)
        at, path, left = legal[move], path + move, left - 1
    return path


def _too_few(spec: MazeProblems, wanted: dict[str, int], tries: int) -> ConfigError:
    difficulty = max(wanted, key=lambda name: wanted[name])
    asked = round(spec.size * spec.easy_fraction)
    asked = asked if difficulty == "easy" else spec.size - asked
    found = asked - wanted[difficulty]
    return ConfigError(
        f"size: {asked} different {difficulty} mazes asked for, {found} found when {tries} tries brought "
        f"no new one (width {spec.width}, walls {spec.walls:g}, split {spec.split}, shortest path "
        f"{spec.path_length[0]} to {spec.path_length[1]}); lower size, or widen width, path_length or easy_fraction"
    )


def _cells(bits: int) -> list[int]:
    cells = []
    while bits:
        lowest = bits & -bits
        cells.append(lowest.bit_length() - 1)
        bits ^= lowest
    return cells
