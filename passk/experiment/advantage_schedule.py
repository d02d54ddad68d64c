"""The advantage estimator as a function of the step. This module loads no estimator, and nothing heavy.

In an experiment, `advantage:` of an rl stage is one of

    grpo                                 one estimator
    {1: grpo, 200: passk_analytical}     grpo before step 200, passk_analytical from that step
    [[1, grpo], [200, passk_analytical]] the same as a list of [step, estimator]

Steps count from 1 within the stage. With several estimators the stage's `options:` are those of each by its name:
`{passk_analytical: {sigma: false}}`. `k` may change at the same steps (passk/experiment/k_schedule.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from passk import advantage
from passk.base.errors import ConfigError, InvalidError, nearest
from passk.base.terminal import shortened
from passk.experiment.fields import LIMIT
from passk.experiment.k_schedule import Schedule, held


@dataclass(frozen=True)
class AdvantageSchedule:
    """An estimator for each step of a stage."""

    changes: tuple[tuple[int, str], ...]
    """Pairs (step, estimator) in ascending order; the first step is 1, and an estimator holds from its step."""

    @classmethod
    def of(cls, written: Any) -> Self:
        """Return the schedule of any form above. Raise InvalidError."""
        match written:
            case cls():
                return written
            case str():
                return cls(((1, _name(written)),))
            case Mapping():
                pairs = list(written.items())
            case [_, *_] if not isinstance(written, bytes):
                pairs = [_pair(entry) for entry in written]
            case _:
                raise InvalidError(
                    f"{shortened(repr(written), 60)} is not an estimator or a schedule of them",
                    "write a name, or {step: name, step: name} as in {1: grpo, 200: passk_analytical}",
                )
        changes = tuple(sorted((_step(step), _name(name)) for step, name in pairs))
        steps = [step for step, _ in changes]
        if not steps or steps[0] != 1:
            raise InvalidError("must name the estimator of step 1", "add 1: NAME")
        for one, other in pairwise(steps):
            if one == other:
                raise InvalidError(f"step {one} has two estimators", "remove one")
        for (_, one), (step, other) in pairwise(changes):
            if one == other:
                raise InvalidError(f"{other} at step {step} changes nothing", "remove it")
        return cls(changes)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the schedule in a text of `spelled`: "grpo" or "1:grpo,200:maxrl". Raise InvalidError."""
        parts = [part.partition(":") for part in text.split(",")]
        if len(parts) == 1 and not parts[0][1]:
            return cls.of(text)
        return cls.of([[_number(step), name] for step, _, name in parts])

    @property
    def plain(self) -> str | list[list[Any]]:
        """The name of a single estimator, or the list of [step, estimator]: the same however it was written."""
        return self.names[0] if len(self.changes) == 1 else [list(change) for change in self.changes]

    @property
    def spelled(self) -> str:
        """The schedule in one word, for a command line."""
        return self.names[0] if len(self.changes) == 1 else ",".join(f"{step}:{name}" for step, name in self.changes)

    @property
    def label(self) -> str:
        """The schedule for a report: "grpo", or "grpo→maxrl"."""
        return "→".join(name for _, name in self.changes)

    @property
    def names(self) -> tuple[str, ...]:
        """Each estimator once, in the order of its first step."""
        return tuple(dict.fromkeys(name for _, name in self.changes))

    def at(self, step: int) -> str:
        """Return the estimator at a step; steps count from 1."""
        return held(self.changes, step)

    def until(self, steps: int, options: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return the schedule without the changes after `steps`, and its part of the stage's `options`."""
        kept = type(self)(tuple(change for change in self.changes if change[0] <= steps))
        if len(kept.names) == 1:
            return kept, self.options(kept.names[0], options)
        return kept, {name: each for name, each in options.items() if name in kept.names}

    def options(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of one of the estimators, of the stage's `options`."""
        return dict(options if len(self.names) == 1 else options.get(name, {}))

    def check(self, k: Schedule, steps: int, rollouts: int, options: Mapping[str, Any]) -> None:
        """Raise ConfigError unless every estimator is defined for each k of its steps and accepts its options."""
        if len(self.names) > 1:
            for name, of_estimator in options.items():
                if name not in self.names:
                    problem = f"several estimators need their options by name, and {name} is none of them"
                    fix = f"{nearest(name, self.names)}, as in {{{self.names[-1]}: {{...}}}}"
                    raise ConfigError(f"options.{name}", problem, fix)
                if not isinstance(of_estimator, Mapping):
                    problem = f"must be the options of {name}, not {shortened(repr(of_estimator), 60)}"
                    raise ConfigError(f"options.{name}", problem, "write them as in {sigma: false}")
        for step in sorted({step for step, _ in (*self.changes, *k.changes) if step <= steps}):
            name = self.at(step)
            try:
                advantage.check(name, k.at(step), rollouts, self.options(name, options))
            except ConfigError as error:
                if len(self.names) > 1 and error.field.startswith("options."):
                    raise error.replaced(field=f"options.{name}.{error.field.removeprefix('options.')}") from None
                raise


def _pair(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, Sequence) or isinstance(entry, str | bytes) or len(entry) != 2:
        raise InvalidError(f"{shortened(repr(entry), 60)} in the list is not [step, estimator]", "write both")
    return entry[0], entry[1]


def _step(step: Any) -> int:
    step = _number(step) if isinstance(step, str) else step  # JSON has no other keys
    if not isinstance(step, int) or isinstance(step, bool) or not 1 <= step < LIMIT:
        raise InvalidError(f"{shortened(repr(step), 60)} is not a step", f"write a whole number from 1 to {LIMIT - 1}")
    return step


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidError(f"{shortened(repr(name), 60)} is not an estimator", "write a name of `passk advantage list`")
    return name
