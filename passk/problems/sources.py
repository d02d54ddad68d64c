"""All problem sources: their modules and their specifications."""

import sys
from types import ModuleType
from typing import Annotated, get_args

from pydantic import Field

from passk.problems import (
    aime24,
    aime25,
    competitions,
    files,
    gpqa,
    gsm8k,
    hub,
    humaneval,
    math,
    math500,
    maze,
    maze_perfect,
    maze_published,
    mbpp,
    olymmath,
    reasoning_gym,
    rollouts,
    shortcut,
    text_problems,
    training_sets,
)
from passk.problems.record import Spec

Problems = Annotated[
    maze.MazeProblems
    | maze_perfect.PerfectMazeProblems
    | maze_published.PublishedMazeProblems
    | shortcut.ShortcutProblems
    | reasoning_gym.ReasoningGymProblems
    | gsm8k.Gsm8kProblems
    | math.MathProblems
    | math500.Math500Problems
    | aime24.Aime24Problems
    | aime25.Aime25Problems
    | olymmath.OlymMathProblems
    | competitions.HmmtProblems
    | competitions.Amc23Problems
    | competitions.MinervaProblems
    | competitions.OlympiadBenchProblems
    | gpqa.GpqaProblems
    | training_sets.DapoProblems
    | training_sets.PolarisProblems
    | training_sets.DeepScalerProblems
    | humaneval.HumanEvalProblems
    | mbpp.MbppProblems
    | files.JsonlProblems
    | files.ParquetProblems
    | rollouts.RolloutProblems,
    Field(discriminator="source"),
]
SPECS: dict[str, type[Spec]] = {
    get_args(spec.model_fields["source"].annotation)[0]: spec for spec in get_args(get_args(Problems)[0])
}


def module(spec: Spec) -> ModuleType:
    """Return the module with `VERSION` and `generate(spec, rng)` for a specification."""
    return sys.modules[type(spec).__module__]


def check(spec: Spec) -> None:
    """Raise ConfigError that begins with the field for an invalid specification. This generates nothing."""
    if isinstance(spec, hub.HubSpec):
        text_problems.check(spec)
        hub.check(spec)
    else:
        module(spec).check(spec)
