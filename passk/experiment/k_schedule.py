"""k as a function of the step. Imports nothing heavy: an experiment's file is read with it.

In an experiment, `k:` of an rl stage is one of

    4                                the same k all the way
    {from: 8, to: 1, every: 1000}    linear: max(1, 8 - step // 1000)
    {from: 8, to: 1, at: 1500}       a switch: 8 before step 1500, 1 from it on
    [[1, 8], [500, 4], [800, 1]]     a list of (step, k), each from its step on

Steps count from 1 within the stage, so that a stage that is resumed goes on at the right k.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from passk.base.terminal import shortened
from passk.experiment.fields import LIMIT, MOST_ROLLOUTS

T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    changes: tuple[tuple[int, int], ...]
    """(step, k), the first at step 1, steps ascending: k holds from its step on"""
    written: Any = field(hash=False)
    """as a person wrote it: a list or a mapping too, which have no hash"""

    @classmethod
    def of(cls, written: Any) -> Self:
        """Read any of the forms above. Raises ValueError: what is wrong, then the mend."""
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
                raise ValueError(
                    f"is not a schedule: {shortened(repr(written), 60)}; give a number, "
                    "{from: 8, to: 1, every: 1000}, {from: 8, to: 1, at: 1500} or a list of [step, k]"
                )
        if least := [k for _, k in changes if k < 1]:
            raise ValueError(f"must be 1 or more at every step, not {least[0]}; raise it")
        if most := [max(change) for change in changes if change[0] >= LIMIT or change[1] >= MOST_ROLLOUTS]:
            raise ValueError(f"{most[0]} is too large; write a step below {LIMIT} and a k below {MOST_ROLLOUTS}")
        return cls(tuple(changes), written)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `spelled` wrote: "4" or "1:8,1500:1". Raises ValueError."""
        try:
            pairs = [[int(number) for number in part.split(":")] for part in text.split(",")]
        except ValueError:
            raise ValueError(f"give a number, or step:k,step:k as in 1:8,1500:1, not {text!r}; correct it") from None
        return cls.of(pairs[0][0] if len(pairs) == 1 and len(pairs[0]) == 1 else pairs)

    @property
    def spelled(self) -> str:
        """In a word, for a command line."""
        if len(self.changes) == 1:
            return str(self.changes[0][1])
        return ",".join(f"{step}:{k}" for step, k in self.changes)

    @property
    def label(self) -> str:
        """For a reader: "4", or "8→1"."""
        first, last = self.changes[0][1], self.changes[-1][1]
        return str(first) if len(self.changes) == 1 else f"{first}→{last}"

    def at(self, step: int) -> int:
        """k of a step, from 1."""
        return held(self.changes, step)

    def until(self, steps: int) -> Self:
        """The same, without the changes that a stage of so many steps does not come to."""
        return replace(self, changes=self.within(steps))

    def within(self, steps: int) -> tuple[tuple[int, int], ...]:
        """The changes that a stage of so many steps comes to."""
        return tuple(change for change in self.changes if change[0] <= steps)


def held(changes: Sequence[tuple[int, T]], step: int) -> T:
    """What holds at a step, from 1. changes: (step, what holds from it on), ascending, the first at step 1."""
    return changes[bisect_right(changes, step, key=lambda change: change[0]) - 1][1]


def _ramp(written: Mapping[str, Any]) -> list[tuple[int, int]]:
    keys = set(written)
    if keys not in ({"from", "to", "every"}, {"from", "to", "at"}):
        names = shortened(", ".join(map(str, written)), 60) or "nothing"
        raise ValueError(f"give from, to and either every or at, not {names}; correct the keys")
    for key, value in written.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{key} must be a whole number of 1 or more, not {shortened(repr(value), 60)}; correct it")
        limit = MOST_ROLLOUTS if key in ("from", "to") else LIMIT
        if value >= limit:
            raise ValueError(f"{key} must be below {limit}, not {value}; lower it")
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
            raise ValueError(
                f"each of the list is [step, k], two whole numbers, not {shortened(repr(pair), 60)}; correct it"
            )
        changes.append((max(1, pair[0]), pair[1]))
    steps = [step for step, _ in changes]
    if written[0][0] not in (0, 1):
        raise ValueError(f"the list must begin at step 1, not {written[0][0]}; add [1, k] before it")
    if steps != sorted(set(steps)):
        raise ValueError(f"steps must ascend, not {shortened(', '.join(map(str, steps)), 60)}; sort them")
    return changes
