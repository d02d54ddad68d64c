"""Any task of the package reasoning_gym, by its name. The split is decided by a hash of the question.

Some tasks draw in the order of a Python set, which differs from process to process: they are drawn by a child
whose PYTHONHASHSEED is 0 (passk/problems/reasoning_gym_worker.py), so that the same seed gives the same problems.
"""

import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError, PasskError, nearest
from passk.problems import text_problems
from passk.problems.record import Problem
from passk.problems.text_problems import Item, Worded
from passk.verifiers.reasoning_gym_golds import config_problem


def _package() -> str:
    try:
        return version("reasoning_gym")
    except PackageNotFoundError:  # an environment that only trains, such as an adapter's
        return "not installed"


# Another version of the package may draw other problems.
VERSION = f"1, reasoning_gym {_package()}"
VERIFIER = "reasoning_gym"
TEMPLATES = {
    "tagged": "{problem}\n\n"
    "Think first, as long as you like. Then write your final answer, and nothing else, inside <answer></answer>.",
    "plain": "{problem}",
}
OWN = ("seed", "size")
"""of a task's options, those that passk sets"""


class ReasoningGymProblems(Worded):
    templates: ClassVar[Mapping[str, str]] = TEMPLATES
    judged_by: ClassVar = VERIFIER
    about: ClassVar = "any task of reasoning_gym, generated; `passk problems show reasoning_gym` lists them"

    source: Literal["reasoning_gym"]
    task: str = Field(min_length=1, description="its name in reasoning_gym")
    template: str = Field(
        "tagged", min_length=1, description="one of the templates below, or a text of your own that holds {problem}"
    )
    size: int = Field(ge=1, lt=10**9, description="number of problems")
    options: dict[str, Any] = Field(default={}, description="the task's own, such as its sizes")


def check(spec: ReasoningGymProblems) -> None:
    """Raise ConfigError for a task that is not there, and for options that it does not take."""
    text_problems.check(spec)
    known = tasks()
    if spec.task not in known:
        raise ConfigError(f"task: reasoning_gym has no {spec.task!r}{nearest(spec.task, known)}")
    config = known[spec.task]
    takes = [field.name for field in fields(config) if field.name not in OWN]
    for option in spec.options:
        if option not in takes:
            raise ConfigError(f"options: {spec.task} has no {option!r}{nearest(option, takes)}")
    if why := config_problem(spec.task, spec.options):
        raise ConfigError(why.replace("answer: ", "options: ", 1))
    try:
        made = config(**spec.options)
        if hasattr(made, "validate"):
            made.validate()
    except Exception as error:  # whatever a task's own check raises
        raise ConfigError(f"options: {spec.task} refuses them: {' '.join(str(error).split()) or 'no reason'}") from None


def tasks() -> dict[str, type]:
    """Every task's name, and the dataclass of its options."""
    try:
        importlib.import_module("reasoning_gym")  # which registers them
    except ImportError as error:
        raise ConfigError(f"source: reasoning_gym cannot be imported: {error}; install it") from None
    known = importlib.import_module("reasoning_gym.factory").DATASETS
    return {name: known[name][1] for name in sorted(known)}


def generate(spec: ReasoningGymProblems, rng: random.Random) -> list[Problem]:
    """`spec.size` different problems. Raises ConfigError where the task has not as many, PasskError where it fails.

    The answer is what its scorer needs, as JSON: {"task", "entry", and "config" where options were given}.
    """
    items = []
    for identity, entry in _drawn(spec, rng.randrange(2**31)):
        answer = {"task": spec.task, "entry": entry} | ({"config": spec.options} if spec.options else {})
        right = entry["answer"]
        items.append(
            Item(
                identity,
                entry["question"],
                json.dumps(answer, ensure_ascii=False),
                demonstration="" if right is None else f"<answer>{right}</answer>",
                metadata={"task": spec.task},
            )
        )
    return text_problems.problems(spec, items, rng, verifier=VERIFIER)


def _drawn(spec: ReasoningGymProblems, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, entry) of each problem, as the child draws them."""
    asked = {"task": spec.task, "options": spec.options, "count": spec.size, "split": spec.split, "seed": seed}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,  # a pipe that nobody reads fills up
        subprocess.Popen(
            [sys.executable, "-m", "passk.problems.reasoning_gym_worker", json.dumps(asked)],
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        ) as child,
    ):
        assert child.stdout
        failure = ""
        for line in child.stdout:
            drawn = json.loads(line)
            if "error" in drawn:
                failure = drawn["error"]
                break
            yield drawn["id"], drawn["entry"]
        child.wait()
        errors.seek(0)
        said = errors.read().strip()
    if failure:
        raise ConfigError(failure)
    if child.returncode:
        last = said.splitlines()[-1] if said else f"status {child.returncode}"
        raise PasskError(f"task: {spec.task} of reasoning_gym failed: {last[:300]}; mend the options, or take another")
