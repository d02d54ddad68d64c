"""Problems made of an earlier stage's rollouts: those that it failed, and prompts with its own responses.

`solve` takes the problems of the stage whose pass rate lies in a range: "train next on what failed". `revise` shows the
model an incorrect response of the stage and asks for another one. `verify` asks whether a response is correct. The two
come from REVES (arXiv 2606.18910), whose wording and choice of responses are not published.

The problems exist once the stage is finished. A stage that trains on them comes from it.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from passk.base.errors import ConfigError
from passk.problems.record import Problem, Spec, content_hash

if TYPE_CHECKING:
    import pyarrow

VERSION = 1
TEMPLATES = {
    "revise": "{problem}\n\nHere is an attempt:\n{response}\n\nThe attempt is incorrect. Find the mistake, and solve "
    "the problem again.",
    "verify": "{problem}\n\nHere is an attempt:\n{response}\n\nIs the attempt correct? Write yes or no inside "
    "<answer></answer>.",
}
SLOTS = ("{problem}", "{response}")
VERIFY = "exact"
"""Verifier of `verify`."""


class RolloutProblems(Spec):
    """Specification of problems from rollouts."""

    templates: ClassVar = TEMPLATES
    judged_by: ClassVar = f"that of the stage's problems; {VERIFY} for verify"
    about: ClassVar = "problems of an earlier rl stage, by its pass rate on them, or prompts with its responses"

    source: Literal["rollouts"]
    split: Literal["train"] = Field("train", description="problems for training")
    stage: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="rl stage whose rollouts are read; its children use the set"
    )
    make: Literal["solve", "revise", "verify"] = Field(
        "solve", description="its problems, or prompts to revise or verify its responses"
    )
    pass_rate: tuple[float, float] = Field(
        (0.0, 1.0), strict=False, description="share of correct rollouts of a problem, from and to"
    )
    last_steps: int | None = Field(
        None, ge=1, lt=10**9, description="take rollouts of that many last steps (default: all)"
    )
    size: int | None = Field(None, ge=1, lt=10**9, description="most problems, drawn at random (default: all)")
    template: str | None = Field(
        None, min_length=1, description="your own text with {problem} and {response} (default: that of `make` below)"
    )

    def wording(self) -> str:
        return self.template or TEMPLATES.get(self.make, "{problem}")


@dataclass
class Rollouts:
    """Rollouts of a problem, each as (number of the file, row)."""

    correct: list[tuple[int, int]] = field(default_factory=list)
    incorrect: list[tuple[int, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.correct) / (len(self.correct) + len(self.incorrect))


def check(spec: RolloutProblems) -> None:
    """Raise ConfigError for a range or a template that cannot work."""
    low, high = spec.pass_rate
    if not 0 <= low <= high <= 1:
        raise ConfigError("pass_rate", f"{low:g} to {high:g} is no range of shares", "write 0 <= from <= to <= 1")
    if spec.template and spec.make == "solve":
        raise ConfigError("template", "has no effect on solve, which takes the prompts of the stage", "remove it")
    if spec.template and any(spec.template.count(slot) != 1 for slot in SLOTS):
        raise ConfigError("template", f"does not contain {' and '.join(SLOTS)} once", "write both in it once")


def generate(spec: RolloutProblems, rng: random.Random) -> list[Problem]:
    """Raise ConfigError: an experiment's run makes the problems (passk/pipeline/rollout_problems.py)."""
    raise ConfigError("stage", f"the problems exist once {spec.stage} is finished", "run the experiment")


def of_stage(spec: RolloutProblems, problems: list[Problem], files: list[Path], rng: random.Random) -> list[Problem]:
    """Return the problems in their order. Raise ConfigError if there are none.

    problems: those of the stage. files: its rollouts, one Parquet file for each step, in the order of steps.
    """
    files = files[-spec.last_steps :] if spec.last_steps else files
    rollouts = _rollouts(files)
    low, high = spec.pass_rate
    chosen = [row for row in problems if row.id in rollouts and low <= rollouts[row.id].rate <= high]
    if spec.make == "revise":
        chosen = [row for row in chosen if rollouts[row.id].incorrect]
    if not chosen:
        raise ConfigError(
            "pass_rate",
            f"no problem of {spec.stage} has a pass rate from {low:g} to {high:g}"
            f"{' and an incorrect rollout' if spec.make == 'revise' else ''}",
            "widen it",
        )
    if spec.size is not None and spec.size < len(chosen):
        chosen = [chosen[place] for place in sorted(rng.sample(range(len(chosen)), spec.size))]
    rated = [replace(row, metadata=row.metadata | {"pass_rate": rollouts[row.id].rate}) for row in chosen]
    if spec.make == "solve":
        return [replace(row, content=content_hash(row)) for row in rated]
    picked = [_pick(rollouts[row.id], spec.make, rng) for row in rated]
    responses = _responses(files, [place for place, _ in picked])
    judged = zip(rated, responses, (correct for _, correct in picked), strict=True)
    return [_prompt(spec, row, response, correct) for row, response, correct in judged]


def _rollouts(files: list[Path]) -> dict[str, Rollouts]:
    """Return where the rollouts of each problem are. A rollout with the reward 1 is correct."""
    by_problem: dict[str, Rollouts] = defaultdict(Rollouts)
    for number, file in enumerate(files):
        rows = _read(file, ["problem", "reward"]).to_pydict()
        for row, (problem, reward) in enumerate(zip(rows["problem"], rows["reward"], strict=True)):
            (by_problem[problem].correct if reward >= 1 else by_problem[problem].incorrect).append((number, row))
    return by_problem


def _pick(rollouts: Rollouts, make: str, rng: random.Random) -> tuple[tuple[int, int], bool]:
    """Return the place of a response and whether it is correct. `verify` takes either kind equally often."""
    correct = make == "verify" and bool(rollouts.correct) and (not rollouts.incorrect or rng.random() < 0.5)
    return rng.choice(rollouts.correct if correct else rollouts.incorrect), correct


def _responses(files: list[Path], places: list[tuple[int, int]]) -> list[str]:
    """Return the response at each place. Each file is read once."""
    texts: dict[tuple[int, int], str] = {}
    for number in sorted({number for number, _ in places}):
        column = _read(files[number], ["response"])["response"]
        texts |= {(of, row): column[row].as_py() for of, row in places if of == number}
    return [texts[place] for place in places]


def _prompt(spec: RolloutProblems, row: Problem, response: str, correct: bool) -> Problem:
    before, after = spec.wording().split("{response}")  # a response may contain a slot itself
    slot, problem = "{problem}", row.prompt
    derived = replace(
        row,
        id=f"{row.id}-{spec.make}",
        prompt=before.replace(slot, problem) + response + after.replace(slot, problem),
        answer=("yes" if correct else "no") if spec.make == "verify" else row.answer,
        verifier=VERIFY if spec.make == "verify" else row.verifier,
        demonstration="",
        metadata=row.metadata | {"of": row.id},
    )
    return replace(derived, content=content_hash(derived))


def _read(file: Path, columns: list[str]) -> "pyarrow.Table":
    import pyarrow.parquet

    return pyarrow.parquet.read_table(file, columns=columns)
