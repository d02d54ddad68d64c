"""Every source of problems: its module, and what a person writes to have problems of it."""

import sys
from types import ModuleType
from typing import Annotated, get_args

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
    text_problems,
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
    get_args(spec.model_fields["source"].annotation)[0]: spec for spec in get_args(get_args(Problems)[0])
}


def module(spec: Spec) -> ModuleType:
    """What has `VERSION` and `generate(spec, rng)` for a specification."""
    return sys.modules[type(spec).__module__]


def check(spec: Spec) -> None:
    """Raise ConfigError, the field first, for a specification that contradicts itself; generates nothing."""
    if isinstance(spec, hub.HubSpec):
        text_problems.check(spec)
        hub.check(spec)
    else:
        module(spec).check(spec)
