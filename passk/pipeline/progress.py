"""Progress lines of a stage that trains: step, reward or loss, seconds per step, time left."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from passk.base.terminal import clock

SAY_EVERY_SECONDS = 10.0


class Progress:
    """A callback for each line of metrics.jsonl that logs at most one line per SAY_EVERY_SECONDS, and the last."""

    def __init__(self, stage: str, steps: int, say: Callable[[str], None]) -> None:
        self.stage, self.steps, self.say = stage, steps, say
        self.started = time.monotonic()
        self.startup: float | None = None
        """Seconds until the first step began, or None before the first step ended."""
        self._logged = float("-inf")
        self._recent: deque[float] = deque(maxlen=10)

    def __call__(self, metrics: dict[str, Any]) -> None:
        now = time.monotonic()
        if self.startup is None:
            self.startup = now - self.started - (metrics["seconds"] or 0)
        self._recent.append(metrics["seconds"] or 0)
        if now - self._logged >= SAY_EVERY_SECONDS or metrics["step"] == self.steps:
            self._logged = now
            self.say(self.line(metrics))

    def evaluation(self, line: dict[str, Any]) -> str:
        """Return the progress line for a line of evaluations.jsonl."""
        figures = "  ".join(
            f"pass@{k} {each['value']:.3f} [{each['lower']:.3f}, {each['upper']:.3f}]"
            for k, each in line["pass_at_k"].items()
        )
        return (
            f"{self.stage}  step {line['step']}/{self.steps}  evaluated on {line['benchmark']}, "
            f"{line['samples']} samples per problem  {figures}  {line['seconds']:.1f} s"
        )

    def line(self, metrics: dict[str, Any]) -> str:
        """Return the progress line for a line of metrics."""
        pace = statistics.median(self._recent)
        if "reward" in metrics:
            passed = ", ".join(f"pass@{k} {value:.3f}" for k, value in metrics["pass_at_k"].items() if k in ("4", "8"))
            figures = f"k {metrics['k']}  reward {metrics['reward']:.3f}  {passed}"
        else:
            figures = f"loss {metrics['loss']:.3f}"
        return (
            f"{self.stage}  step {metrics['step']}/{self.steps}  {figures}  "
            f"{pace:.2f} s/step  {clock(pace * (self.steps - metrics['step']))} left"
        )
