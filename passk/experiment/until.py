"""The condition that ends an rl stage before its last step.

    until: {metric: reward, above: 0.9, window: 10}

The stage ends as soon as the mean of the metric over the last `window` steps passes the threshold, at `steps` at the
latest. The mean is computed from the lines of metrics.jsonl, so a resumed stage ends at the same step. A step without a
group of `difficulty` has no value: the window is the last steps that have one.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from passk.base.errors import ConfigError, InvalidError
from passk.experiment.fields import Count, Text
from passk.experiment.flag_value import FlagValue

Above = Annotated[float, Field(ge=0, lt=1)]
Below = Annotated[float, Field(gt=0, le=1)]


class Until(FlagValue):
    """End of an rl stage before its last step."""

    metric: Literal["reward", "pass_at_k"] = Field(
        description="mean reward of the step's rollouts, or pass@k of the step's groups at the stage's own k"
    )
    above: Above | None = Field(None, description="the stage ends if the mean is above this value")
    below: Below | None = Field(None, description="the stage ends if the mean is below this value")
    window: Count = Field(10, description="steps over which the metric is averaged, at most `steps`")
    difficulty: Text | None = Field(None, description="only problems of this difficulty count (default: all)")

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise InvalidError("needs exactly one of above and below", "write one, as in above: 0.9")
        return self

    def check(self, k: int, rollouts: int) -> None:
        """Raise ConfigError unless groups of N = `rollouts` have the metric at `k`, the largest of the stage."""
        if self.metric == "pass_at_k" and k > rollouts:
            raise ConfigError(
                "metric",
                f"pass@{k} of a group of {rollouts} rollouts does not exist",
                f"set metric to reward, or use {k} or more rollouts per prompt",
            )

    @property
    def name(self) -> str:
        """The mean for people: "mean reward of easy problems over 10 steps"."""
        metric = "mean reward" if self.metric == "reward" else "pass@k"
        problems = f" of {self.difficulty} problems" if self.difficulty else ""
        return f"{metric}{problems} over {self.window} step{'' if self.window == 1 else 's'}"

    @property
    def threshold(self) -> str:
        """The threshold for people: "above 0.9"."""
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"

    def mean(self, lines: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the mean over the last `window` steps with a value; None before there are as many.

        lines: of metrics.jsonl, in order.
        """
        values: list[float] = []
        for line in reversed(lines):
            value = self._value(line)
            if value is not None:
                values.append(value)
            if len(values) == self.window:
                return sum(values) / self.window
        return None

    def is_met(self, lines: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the stage ends after the last of the lines."""
        mean = self.mean(lines)
        if mean is None:
            return False
        if self.below is not None:
            return mean < self.below
        return self.above is not None and mean > self.above

    def end(self, lines: Sequence[Mapping[str, Any]]) -> int | None:
        """Return the number of lines after which the stage ends, None if it continues after them."""
        return next((count for count in range(1, len(lines) + 1) if self.is_met(lines[:count])), None)

    def _value(self, line: Mapping[str, Any]) -> float | None:
        if self.difficulty is not None:
            return (line.get(f"{self.metric}_by_difficulty") or {}).get(self.difficulty)
        if self.metric == "reward":
            return line["reward"]
        return line["pass_at_k"].get(str(line["k"]))
