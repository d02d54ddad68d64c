"""Progress lines of a stage that trains: step, reward or loss, seconds per step, time left."""

import logging
import statistics
import time
from collections import deque
from typing import Any

from passk.base.progress_line import ProgressLine
from passk.base.terminal import clock

log = logging.getLogger(__name__)


class Progress:
    """A callback for each line of metrics.jsonl that logs progress lines."""

    def __init__(self, stage: str, steps: int) -> None:
        self.stage, self.steps = stage, steps
        self.started = time.monotonic()
        self.startup: float | None = None
        """Seconds until the first step began, or None before the first step ended."""
        self._progress_line = ProgressLine(log.info)
        self._recent: deque[float] = deque(maxlen=10)

    def __call__(self, metrics: dict[str, Any]) -> None:
        if self.startup is None:
            self.startup = time.monotonic() - self.started - (metrics["seconds"] or 0)
        self._recent.append(metrics["seconds"] or 0)
        self._progress_line.update(lambda: self.line(metrics), finished=metrics["step"] == self.steps)

    def evaluation(self, line: dict[str, Any]) -> str:
        """Return the progress line for a line of evaluations.jsonl."""
        figures = "  ".join(
            f"{name}@{k} {each['value']:.3f} [{each['lower']:.3f}, {each['upper']:.3f}]"
            for name in ("pass", "maj")
            for k, each in line.get(f"{name}_at_k", {}).items()  # an earlier passk wrote no maj@k
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
