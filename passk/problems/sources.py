"""Every source of problems: its module, and what a person writes to have problems of it."""

from types import ModuleType
from typing import Annotated

from pydantic import Field

from passk.problems import (
    aime24,
    aime25,
    files,
    gsm8k,
    hub,
    math,
    math500,
    maze,
    maze_published,
    olymmath,
    reasoning_gym,
    worded,
)
from passk.problems.record import Spec

Problems = Annotated[
    maze.MazeProblems
    | maze_published.PublishedMazeProblems
    | reasoning_gym.ReasoningGymProblems
    | gsm8k.Gsm8kProblems
    | math.MathProblems
    | math500.Math500Problems
    | aime24.Aime24Problems
    | aime25.Aime25Problems
    | olymmath.OlymMathProblems
    | files.JsonlProblems
    | files.ParquetProblems,
    Field(discriminator="source"),
]
SPECS: dict[str, type[Spec]] = {
    "maze": maze.MazeProblems,
    "maze_published": maze_published.PublishedMazeProblems,
    "reasoning_gym": reasoning_gym.ReasoningGymProblems,
    "gsm8k": gsm8k.Gsm8kProblems,
    "math": math.MathProblems,
    "math500": math500.Math500Problems,
    "aime24": aime24.Aime24Problems,
    "aime25": aime25.Aime25Problems,
    "olymmath": olymmath.OlymMathProblems,
    "jsonl": files.JsonlProblems,
    "parquet": files.ParquetProblems,
}
_MODULES = {
    spec: module
    for module in (aime24, aime25, files, gsm8k, math, math500, maze, maze_published, olymmath, reasoning_gym)
    for spec in SPECS.values()
    if spec.__module__ == module.__name__
}


def module(spec: Spec) -> ModuleType:
    """What has `VERSION` and `generate(spec, rng)` for a specification."""
    return _MODULES[type(spec)]


def check(spec: Spec) -> None:
    """Raise ConfigError, the field first, for a specification that contradicts itself; generates nothing."""
    if isinstance(spec, hub.HubSpec):
        worded.check(spec)
        hub.check(spec)
    else:
        module(spec).check(spec)
