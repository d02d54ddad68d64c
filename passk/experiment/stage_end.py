"""The end of a stage: after `steps`, or earlier by its conditions `until` and `stop_when`.

This is the only place that decides it. The trainer asks after each step and each evaluation, and the pipeline asks once
more for the manifest. The answer depends on the lines of metrics.jsonl and evaluations.jsonl alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from passk.experiment.selection import Evaluations, StopWhen
from passk.experiment.until import Until


class End(NamedTuple):
    """The last step of a stage, and why it ends there."""

    step: int
    reason: str


class Conditions(NamedTuple):
    """The conditions that end a stage before its last step."""

    until: Until | None = None
    stop_when: StopWhen | None = None

    @property
    def shown(self) -> str:
        """The conditions for people; empty without one."""
        until = f"until {self.until.name} is {self.until.threshold}" if self.until else ""
        stop_when = f"until {self.stop_when.name}" if self.stop_when else ""
        return " or ".join(filter(None, (until, stop_when)))

    def are_met(self, lines: Sequence[Mapping[str, Any]], evaluations: Evaluations) -> bool:
        """Return whether the stage ends after the last of the lines and evaluations."""
        until = self.until is not None and self.until.is_met(lines)
        return until or (self.stop_when is not None and self.stop_when.end(evaluations) is not None)

    def end(self, lines: Sequence[Mapping[str, Any]], evaluations: Evaluations) -> End | None:
        """Return the first step at which a condition is met; None if the stage continues after the last line.

        lines: of metrics.jsonl, in order. evaluations: the lines of evaluations.jsonl.
        """
        ends = []
        if self.until and (step := self.until.end(lines)) is not None:
            mean = self.until.mean(lines[:step])
            ends.append(End(step, f"{self.until.name} is {mean:.3g}, {self.until.threshold}"))
        if self.stop_when and (step := self.stop_when.end(evaluations)) is not None:
            ends.append(End(step, self.stop_when.name))
        return min(ends, key=lambda end: end.step, default=None)

    def unmet(self, lines: Sequence[Mapping[str, Any]]) -> str:
        """Return why a stage with all its steps did not end earlier, for people; empty without a condition `until`."""
        if self.until is None:
            return ""
        mean = self.until.mean(lines)
        return f"{self.until.name} is {'unknown' if mean is None else f'{mean:.3g}'}, not {self.until.threshold}"
