"""Choices that an rl stage makes by its evaluations during the training: which checkpoint to keep, and when to stop.

    keep_best: {benchmark: validation, k: 8}
    stop_when: {benchmark: validation, k: 8, evaluations: 3}

Both read pass@k from the lines of evaluations.jsonl alone, so a resumed stage decides alike. A value that a choice has
maximized is too high on average. So the benchmark should be one with `validation: true`, which no comparison shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from passk.experiment.fields import Count, Name, Rollouts
from passk.experiment.flag_value import FlagValue

Evaluations = Sequence[Mapping[str, Any]]
"""Lines of evaluations.jsonl, of any benchmarks, in any order."""


def held_out_ks(samples: int, ks: Sequence[int]) -> list[int]:
    """Return the k of an evaluation during the training: 1, and those of the benchmark up to its samples."""
    return sorted({1, *(k for k in ks if k <= samples)})


class Selection(FlagValue):
    """A choice by pass@k on one benchmark."""

    benchmark: Name = Field(description="name of a benchmark of the evaluations during the training")
    k: Rollouts = Field(1, description="k of the pass@k that decides")
    select_on_test: bool = Field(
        False, description="accept a benchmark on which the report also compares (default: only `validation: true`)"
    )

    @property
    def chosen(self) -> dict[str, Any]:
        """What decides, as JSON."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"select_on_test"})

    @property
    def metric(self) -> str:
        """The deciding value for people: "held-out pass@8 on hard"."""
        return f"held-out pass@{self.k} on {self.benchmark}"

    def values(self, evaluations: Evaluations) -> list[tuple[int, float]]:
        """Return step and pass@k of each evaluation on the benchmark, by step."""
        return sorted(
            (line["step"], line["pass_at_k"][str(self.k)]["value"])
            for line in evaluations
            if line["benchmark"] == self.benchmark
        )


class KeepBest(Selection):
    """The checkpoint with the highest value."""

    def step(self, evaluations: Evaluations) -> int | None:
        """Return the step with the highest value, the first of several; None without an evaluation."""
        return max(self.values(evaluations), key=lambda point: (point[1], -point[0]), default=(None, 0.0))[0]


class StopWhen(Selection):
    """The end of a stage whose value no longer rises."""

    evaluations: Count = Field(description="the stage ends after so many evaluations without a new highest value")

    @property
    def name(self) -> str:
        """The condition for people."""
        return f"{self.metric} has no new highest value in {self.evaluations} evaluations"

    def end(self, evaluations: Evaluations) -> int | None:
        """Return the step of the evaluation after which the stage ends, None if it continues after all of them."""
        highest, without = float("-inf"), 0
        for step, value in self.values(evaluations):
            without = 0 if value > highest else without + 1
            highest = max(value, highest)
            if without == self.evaluations:
                return step
        return None
