"""Perfect mazes: exactly one simple path leads from S, the first corner, to E, the opposite one.

Rooms stand on every second row and column. Prim's algorithm with random choices opens doors between them: from one
room on, it takes a random door between a room of the maze and a room outside, until no room is outside. The rooms and
the open doors are a tree that reaches every room. The maze task of MaxRL (arXiv 2602.02710) is of this kind, 17 x 17.

Text, split by hash, templates and verifiers are those of the source `maze`. A maze is *easy* if its path is as long as
the Manhattan distance, else *hard*. No kind of maze is preferred, so the algorithm decides the share of each.
"""

import random
from typing import ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems import maze
from passk.problems.maze import GeneratedMazes, Maze
from passk.problems.record import Problem

VERSION = 1


class PerfectMazeProblems(GeneratedMazes):
    """Specification of perfect mazes. A hash of the maze decides its split."""

    about: ClassVar = "generated mazes with one path between opposite corners"

    source: Literal["maze_perfect"]
    width: int = Field(17, ge=2, le=64, description="width and height of the grid, cells")


def check(spec: PerfectMazeProblems) -> None:
    """Raise ConfigError if no maze fits the specification."""
    maze.check_tags(spec)
    inner = spec.width - 2 * spec.border
    if inner < 3 or inner % 2 == 0:
        raise ConfigError(
            "width",
            f"{spec.width} leaves {max(inner, 0)} cells of a row inside, where rooms need an odd number of 3 or more",
            f"set it to an odd number of {3 + 2 * spec.border} or more",
        )


def generate(spec: PerfectMazeProblems, rng: random.Random) -> list[Problem]:
    """Return `spec.size` different mazes of the split in random order.

    Raise ConfigError after many tries without a new maze, since too few mazes of this width exist.
    """
    most = maze.patience(spec.width**2)
    problems: list[Problem] = []
    seen: set[str] = set()
    tries = 0
    while len(problems) < spec.size:
        tries += 1
        if tries > most:
            raise ConfigError(
                "size",
                f"{spec.size} different mazes requested, but {most} tries in a row gave no new one after "
                f"{len(problems)} (width {spec.width}, split {spec.split})",
                "lower size, or raise width",
            )
        carved = carve(spec.width, spec.border, rng)
        identity, split = carved.identity()
        if split != spec.split or identity in seen:
            continue
        tries = 0
        seen.add(identity)
        problems.append(carved.problem(spec, carved.distances(), rng))
    return problems


def carve(width: int, border: bool, rng: random.Random) -> Maze:
    """Return a perfect maze. width: cells in a row, odd, at least 3 inside the border."""
    down = width + 1
    lines = range(border, width - border, 2)
    # A step of two cells beyond the end of a row lands in a row without rooms.
    rooms = [row * down + column for row in lines for column in lines]
    inside = set(rooms)
    first = rng.choice(rooms)
    free = {first}
    doors = [(first, step) for step in (-1, 1, -down, down) if first + 2 * step in inside]
    while doors:
        place = rng.randrange(len(doors))
        doors[place], doors[-1] = doors[-1], doors[place]
        room, step = doors.pop()
        beyond = room + 2 * step
        if beyond in free:
            continue
        free |= {room + step, beyond}
        doors += [(beyond, each) for each in (-1, 1, -down, down) if beyond + 2 * each in inside]
    return Maze(width, rooms[0], rooms[-1], sum(1 << cell for cell in free))
