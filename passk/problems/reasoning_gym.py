"""Any task of the package reasoning_gym, by name. A hash of the question decides its split.

Some tasks draw in the order of a Python set, which differs between processes. A child process with PYTHONHASHSEED=0
draws them (passk/problems/reasoning_gym_worker.py), so the same seed gives the same problems.
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

from passk.base.errors import ConfigError, nearest, one_line
from passk.problems import text_problems
from passk.problems.record import Problem
from passk.problems.text_problems import Item, Worded
from passk.verifiers.reasoning_gym_golds import GIVE_PLAIN, NOT_PLAIN, is_plain_config


def _package() -> str:
    try:
        return version("reasoning_gym")
    except PackageNotFoundError:  # an environment for training alone, such as an adapter's
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
"""Options of a task that passk sets."""


class ReasoningGymProblems(Worded):
    """Specification of problems of a reasoning_gym task."""

    templates: ClassVar[Mapping[str, str]] = TEMPLATES
    judged_by: ClassVar = VERIFIER
    about: ClassVar = "any task of reasoning_gym, generated; `passk problems show reasoning_gym` lists them"

    source: Literal["reasoning_gym"]
    task: str = Field(min_length=1, description="name of the task in reasoning_gym")
    template: str = Field(
        "tagged", min_length=1, description="one of the templates below, or your own text with {problem}"
    )
    size: int = Field(ge=1, lt=10**9, description="number of problems")
    options: dict[str, Any] = Field(default={}, description="options of the task, such as its sizes")


def check(spec: ReasoningGymProblems) -> None:
    """Raise ConfigError for a task that does not exist, or options that it does not accept."""
    text_problems.check(spec)
    known = tasks()
    if spec.task not in known:
        raise ConfigError("task", f"reasoning_gym has no {spec.task!r}", nearest(spec.task, known))
    config = known[spec.task]
    options = [field.name for field in fields(config) if field.name not in OWN]
    for option in spec.options:
        if option not in options:
            raise ConfigError("options", f"{spec.task} has no {option!r}", nearest(option, options))
    if not is_plain_config(spec.options):
        raise ConfigError("options", f"{spec.task}: {NOT_PLAIN}", GIVE_PLAIN)
    try:
        settings = config(**spec.options)
        if hasattr(settings, "validate"):
            settings.validate()
    except Exception as error:  # any error of a task's own check
        reason = one_line(error) or "no reason"
        raise ConfigError("options", f"{spec.task} refuses them: {reason}", "change them") from None


def tasks() -> dict[str, type]:
    """Return the dataclass of options of every task, by the task's name."""
    try:
        importlib.import_module("reasoning_gym")  # which registers them
    except ImportError as error:
        raise ConfigError("source", f"reasoning_gym cannot be imported: {error}", "install it") from None
    known = importlib.import_module("reasoning_gym.factory").DATASETS
    return {name: known[name][1] for name in sorted(known)}


def generate(spec: ReasoningGymProblems, rng: random.Random) -> list[Problem]:
    """Return `spec.size` different problems.

    Raise ConfigError if the task has fewer, or if it fails. The answer is JSON for the task's scorer:
    {"task", "entry", "config"}, the last only with options.
    """
    items = []
    for identity, entry in _drawn(spec, rng.randrange(2**31)):
        answer = {"task": spec.task, "entry": entry} | ({"config": spec.options} if spec.options else {})
        solution = entry["answer"]
        items.append(
            Item(
                identity,
                entry["question"],
                json.dumps(answer, ensure_ascii=False),
                demonstration="" if solution is None else f"<answer>{solution}</answer>",
                metadata={"task": spec.task},
            )
        )
    return text_problems.problems(spec, items, rng, verifier=VERIFIER)


def _drawn(spec: ReasoningGymProblems, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (id, entry) of each problem as the child process draws it."""
    request = {"task": spec.task, "options": spec.options, "count": spec.size, "split": spec.split, "seed": seed}
    with (
        tempfile.TemporaryFile(
            "w+", encoding="utf-8", errors="replace"
        ) as errors,  # an unread pipe would block the child
        subprocess.Popen(
            [sys.executable, "-m", "passk.problems.reasoning_gym_worker", json.dumps(request)],
            env=os.environ | {"PYTHONHASHSEED": "0"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        ) as child,
    ):
        assert child.stdout
        failure: dict[str, str] = {}
        for line in child.stdout:
            drawn = json.loads(line)
            if "error" in drawn:
                failure = drawn["error"]
                break
            yield drawn["id"], drawn["entry"]
        child.wait()
        errors.seek(0)
        log = errors.read().strip()
    if failure:
        raise ConfigError(failure["field"], failure["problem"], failure["fix"])
    if child.returncode:
        last = log.splitlines()[-1] if log else f"status {child.returncode}"
        raise ConfigError("task", f"{spec.task} of reasoning_gym failed: {last[:300]}", "change options, or the task")
