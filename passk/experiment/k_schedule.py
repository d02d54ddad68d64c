"""k as a function of the step. This module imports nothing heavy, since reading an experiment file needs it.

In an experiment, `k:` of an rl stage is one of

    4                                a constant k
    {from: 8, to: 1, every: 1000}    linear: max(1, 8 - step // 1000)
    {from: 8, to: 1, at: 1500}       a switch: 8 before step 1500, 1 from that step
    [[1, 8], [500, 4], [800, 1]]     a list of [step, k]; each k holds from its step

Steps count from 1 within the stage, so a resumed stage continues with the correct k.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from passk.base.errors import InvalidError
from passk.base.terminal import shortened
from passk.experiment.fields import LIMIT, MOST_ROLLOUTS

T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """A k for each step of a stage."""

    changes: tuple[tuple[int, int], ...]
    """Pairs (step, k) in ascending order; the first step is 1, and k holds from its step."""
    written: Any = field(hash=False)
    """The value in the experiment file; a list or a mapping has no hash."""

    @classmethod
    def of(cls, written: Any) -> Self:
        """Return the schedule of any form above. Raise InvalidError."""
        match written:
            case cls():
                return written
            case int() if not isinstance(written, bool):
                changes = [(1, written)]
            case Mapping():
                changes = _ramp(written)
            case [_, *_] if not isinstance(written, str):
                changes = _listed(written)
            case _:
                raise InvalidError(
                    f"{shortened(repr(written), 60)} is not a schedule",
                    (
                        "write a number, {from: 8, to: 1, every: 1000}, "
                        "{from: 8, to: 1, at: 1500} or a list of [step, k]"
                    ),
                )
        if too_small := [k for _, k in changes if k < 1]:
            raise InvalidError(f"must be 1 or more at every step, not {too_small[0]}", "raise it")
        if too_large := [max(change) for change in changes if change[0] >= LIMIT or change[1] >= MOST_ROLLOUTS]:
            raise InvalidError(
                f"{too_large[0]} is too large", f"write a step below {LIMIT} and a k below {MOST_ROLLOUTS}"
            )
        return cls(tuple(changes), written)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the schedule in a text of `spelled`: "4" or "1:8,1500:1". Raise InvalidError."""
        try:
            pairs = [[int(number) for number in part.split(":")] for part in text.split(",")]
        except ValueError:
            raise InvalidError(
                f"{text!r} is not a schedule", "write a number or step:k,step:k, as in 1:8,1500:1"
            ) from None
        return cls.of(pairs[0][0] if len(pairs) == 1 and len(pairs[0]) == 1 else pairs)

    @property
    def spelled(self) -> str:
        """The schedule in one word, for a command line."""
        if len(self.changes) == 1:
            return str(self.changes[0][1])
        return ",".join(f"{step}:{k}" for step, k in self.changes)

    @property
    def label(self) -> str:
        """The schedule for a report: "4", or "8→1"."""
        first, last = self.changes[0][1], self.changes[-1][1]
        return str(first) if len(self.changes) == 1 else f"{first}→{last}"

    def at(self, step: int) -> int:
        """Return k at a step; steps count from 1."""
        return held(self.changes, step)

    def until(self, steps: int) -> Self:
        """Return the schedule without the changes after `steps`."""
        return replace(self, changes=self.within(steps))

    def within(self, steps: int) -> tuple[tuple[int, int], ...]:
        """Return the changes up to `steps`."""
        return tuple(change for change in self.changes if change[0] <= steps)


def held(changes: Sequence[tuple[int, T]], step: int) -> T:
    """Return the value at a step; steps count from 1.

    changes: pairs (step, value) in ascending order; the first step is 1, and a value holds from its step.
    """
    return changes[bisect_right(changes, step, key=lambda change: change[0]) - 1][1]


def _ramp(written: Mapping[str, Any]) -> list[tuple[int, int]]:
    keys = set(written)
    if keys not in ({"from", "to", "every"}, {"from", "to", "at"}):
        names = shortened(", ".join(map(str, written)), 60) or "nothing"
        raise InvalidError(f"has the keys {names}", "write from, to and either every or at")
    for key, value in written.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidError(
                f"{key} must be a whole number of 1 or more, not {shortened(repr(value), 60)}", "change it"
            )
        limit = MOST_ROLLOUTS if key in ("from", "to") else LIMIT
        if value >= limit:
            raise InvalidError(f"{key} must be below {limit}, not {value}", "lower it")
    start, end = written["from"], written["to"]
    if "at" in keys:
        return [(1, end)] if written["at"] == 1 else [(1, start), (written["at"], end)]
    direction, every = (1 if end > start else -1), written["every"]
    ramp = [(every * done, start + direction * done) for done in range(1, abs(end - start) + 1)]
    return ramp if ramp and ramp[0][0] == 1 else [(1, start), *ramp]


def _listed(written: Sequence[Any]) -> list[tuple[int, int]]:
    changes = []
    for pair in written:
        whole = isinstance(pair, Sequence) and all(isinstance(n, int) and not isinstance(n, bool) for n in pair)
        if not whole or len(pair) != 2:
            raise InvalidError(f"{shortened(repr(pair), 60)} in the list is not [step, k]", "write two whole numbers")
        changes.append((max(1, pair[0]), pair[1]))
    steps = [step for step, _ in changes]
    if written[0][0] not in (0, 1):
        raise InvalidError(f"the list must begin at step 1, not {written[0][0]}", "add [1, k] before it")
    if steps != sorted(set(steps)):
        raise InvalidError(f"steps must ascend, not {shortened(', '.join(map(str, steps)), 60)}", "sort them")
    return changes
