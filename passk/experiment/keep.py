"""The models that a stage keeps beside model/, that of its last step.

`evaluate_last: n` keeps those of the last n checkpoints: of the last step, and of the largest multiples of `save_every`
below it. `keep_best` keeps that of the best evaluation. Which steps these are follows from the number of steps and from
evaluations.jsonl alone.
"""

from collections.abc import Iterable

from pydantic import Field

from passk.experiment.fields import Count
from passk.experiment.flag_value import FlagValue
from passk.experiment.selection import Evaluations, KeepBest


class Keep(FlagValue):
    """The models that a stage keeps."""

    every: Count = Field(description="steps between checkpoints")
    last: Count = Field(1, description="number of the last checkpoints whose models are kept")
    best: KeepBest | None = Field(None, description="choice of the best model")

    def needed(self, step: int, evaluations: Evaluations) -> set[int]:
        """Return the steps of the models that a training at `step` needs, whatever its last step will be."""
        recent = range(step // self.every * self.every, 0, -self.every)[: self.last] if self.last > 1 else ()
        best = self.best_step(step, evaluations)
        return {*recent} | ({best} if best is not None else set())

    def final(self, step: int) -> list[int]:
        """Return the steps of the last checkpoints of a stage that ends at `step`, the last step first."""
        return [step, *range((step - 1) // self.every * self.every, 0, -self.every)][: self.last]

    def best_step(self, step: int, evaluations: Evaluations) -> int | None:
        """Return the step of the best model up to `step`; None without a choice or an evaluation."""
        return self.best.step([line for line in evaluations if line["step"] <= step]) if self.best else None

    def superseded(self, kept: Iterable[int], stands: Iterable[int], evaluations: Evaluations) -> set[int]:
        """Return the kept steps that no training at one of the steps `stands` needs."""
        return set(kept).difference(*(self.needed(step, evaluations) for step in stands))
