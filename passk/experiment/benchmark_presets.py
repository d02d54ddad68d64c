"""Named benchmarks, as in `passk evaluate --benchmark gsm8k,aime24`.

The defaults of `benchmark.Benchmark` are those of the Pass@k Training paper (arXiv 2508.10751): temperature 1.0, top-p
0.95 and 32 samples per problem.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from passk.base import gpus
from passk.base.errors import ConfigError, nearest
from passk.experiment import config, sweep, temperatures
from passk.experiment.benchmark import Benchmark
from passk.experiment.config import Experiment

K = (1, 4, 8, 16, 32, 64, 128, 256)
"""Values of k; those up to the number of samples are reported."""


class Preset(NamedTuple):
    """A named benchmark."""

    problems: dict[str, Any]
    """The problem set, as in an experiment file."""
    max_response: int
    """Longest response in tokens."""


def _maze(**spec: Any) -> dict[str, Any]:
    return {"source": "maze", "split": "test", **spec}


PRESETS = {
    # for the tiny model, whose vocabulary is the maze alphabet
    "maze-easy": Preset(_maze(size=200, easy_fraction=1.0), 16),
    "maze-hard": Preset(_maze(size=200, easy_fraction=0.0), 16),
    "maze-far": Preset(_maze(size=200, easy_fraction=1.0, path_length=(5, 8)), 16),
    # the sizes of the paper's test sets
    "maze-7": Preset(_maze(size=75, width=7, border=True, path_length=(2, 40), template="instruct"), 4096),
    "maze-9": Preset(_maze(size=100, width=9, border=True, path_length=(2, 40), template="instruct"), 4096),
    "maze-11": Preset(_maze(size=100, width=11, border=True, path_length=(2, 40), template="instruct"), 4096),
    "gsm8k": Preset({"source": "gsm8k", "split": "test"}, 2048),
    "math500": Preset({"source": "math500"}, 8192),
    "aime24": Preset({"source": "aime24"}, 16384),
    "aime25": Preset({"source": "aime25"}, 16384),
    "olymmath-easy": Preset({"source": "olymmath", "grade": "easy"}, 16384),
    "olymmath-hard": Preset({"source": "olymmath", "grade": "hard"}, 16384),
    "hmmt": Preset({"source": "hmmt"}, 16384),
    "amc23": Preset({"source": "amc23"}, 8192),
    "minerva": Preset({"source": "minerva", "unreadable": "leave_out"}, 8192),
    "olympiadbench": Preset({"source": "olympiadbench", "unreadable": "leave_out"}, 16384),
    "gpqa": Preset({"source": "gpqa"}, 8192),
    "humaneval": Preset({"source": "humaneval"}, 1024),
    "mbpp": Preset({"source": "mbpp", "split": "test"}, 1024),
}
PUZZLES = ("arc_agi", "arc_1d", "rearc", "countdown", "n_queens")
"""Tasks of reasoning_gym that are benchmarks by their own name too."""
REASONING_GYM = "reasoning_gym."
"""Prefix of a task's name: every task of reasoning_gym is a benchmark."""


def preset(name: str) -> Preset:
    """Return the benchmark of this name. Raise ConfigError if it does not exist."""
    task = name.removeprefix(REASONING_GYM)
    if task != name or name in PUZZLES:
        return Preset({"source": "reasoning_gym", "task": task, "split": "test", "size": 100}, 4096)
    if name not in PRESETS:
        raise ConfigError("benchmark", f"{name!r} does not exist", nearest(name, (*PRESETS, *PUZZLES)))
    return PRESETS[name]


def experiment(
    model: str,
    names: Sequence[str] = (),
    samples: int | None = None,
    file: Path | None = None,
    *,
    temperature: Sequence[float] = (),
    engine: str = "",
    opens_thinking: bool = False,
    max_response: int | None = None,
    settings: Sequence[str] = (),
) -> Experiment:
    """Return an experiment without stages that evaluates `model` on the named benchmarks. Raise ConfigError.

    file: an experiment file that provides compute, seed and benchmarks, which take precedence over named ones. Without
    `names`, all its benchmarks are used. temperature: sets that of the benchmarks; several give a benchmark each.
    engine: URL of an endpoint that serves `model`. opens_thinking: sets the field of `model` to true. max_response: of
    all benchmarks used. settings: other fields, each as `FIELD=VALUE`.
    """
    raw = config.load(file).model_dump(mode="json", by_alias=True, exclude_defaults=True) if file else _here(model)
    if not (names or file):
        known = f"{', '.join((*PRESETS, *PUZZLES))} or {REASONING_GYM}TASK"
        raise ConfigError("benchmark", "none is named", f"name one or several, comma-separated, of {known}")
    for name in names:
        if name not in raw["benchmarks"]:
            named = preset(name)
            number = samples or Benchmark.model_fields["samples"].default
            problems = f"of-{name}"  # the file may have a problem set with the benchmark's name
            raw["problems"][problems] = named.problems
            raw["benchmarks"][name] = {
                "problems": problems,
                "samples": number,
                "k": [k for k in K if k <= number],
                "max_response": named.max_response,
            }
    if max_response is not None:
        for name in names or raw["benchmarks"]:
            raw["benchmarks"][name]["max_response"] = max_response
    if temperature:
        names = names or list(raw["benchmarks"])
        for name in names:
            raw["benchmarks"][name]["temperature"] = list(temperature) if len(temperature) > 1 else temperature[0]
        names = [one for name in names for one in temperatures.each(name, temperature)] if temperature[1:] else names
    if engine:
        raw["engine"] = raw.get("engine", {}) | {"url": engine, "model": model}
    if opens_thinking:
        raw["model"]["opens_thinking"] = True
    for setting in settings:
        sweep.set_one(raw, setting)
    return sweep.evaluation(config.parse(raw), model, names, samples)


def _here(model: str) -> dict[str, Any]:
    return {
        "name": "benchmarks",
        "question": "How many problems does it solve?",
        "seed": 0,
        "model": {"path": model},
        "problems": {},
        "stages": {},
        "benchmarks": {},
        "compute": compute(),
    }


def compute() -> dict[str, Any]:
    """Return the `compute` section for this machine: all visible GPUs, else its CPU."""
    if count := gpus.visible():
        return {"profile": "gpu", "gpus_per_node": count, "memory_utilization": 0.9}
    return {"profile": "cpu", "threads": len(os.sched_getaffinity(0))}
