"""Feed a remote tracker from its own thread, so that a stage does not wait for the network while it trains."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from passk.base.errors import one_line
from passk.base.redact import hidden
from passk.files import layout
from passk.files.metrics_log import read_metrics
from passk.trackers.scalars import is_evaluation

RETRY_SECONDS = 60.0
"""Wait after a failure. The end of the stage does not wait for it."""
END_SECONDS = 30.0
HURRY_SECONDS = 5.0


class Run(Protocol):
    """A stage's run in a tracker. A resumed stage finds it again."""

    where: str
    """Location of the run, for users."""
    last: int
    """Last training step that the tracker has."""
    evaluated: dict[str, int]
    """Benchmark -> the step of the last evaluation that the tracker has."""

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        """Send lines of metrics.jsonl and evaluations.jsonl, by step, all later than `last` and `evaluated`.

        An evaluation follows the training step after which it was made. Both fields are updated.
        """

    def end(self, succeeded: bool) -> None:
        """Wait until the tracker has all lines, and end the run."""


class Outside:
    """Sender of each step and evaluation to a tracker, once. What the run has is not sent again after a resume."""

    def __init__(self, name: str, open_run: Callable[[], Run], directory: Path) -> None:
        """Start the thread. directory: of the stage. The run is opened with the first step."""
        self._name, self._open_run = name, open_run
        self._metrics, self._evaluations = layout.metrics(directory), layout.training_evaluations(directory)
        self._run: Run | None = None
        self._news: list[str] = []
        self._failed, self._next_try = "", 0.0
        self._succeeded: bool | None = None
        """Whether the stage succeeded; None before its end."""
        self._wanted = threading.Event()
        # As a daemon thread it never keeps the process alive.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Notify the thread of a new line."""
        self._wanted.set()

    def news(self) -> list[str]:
        """Return the messages since the last call. The caller prints them, since a thread has no logger of a run."""
        messages, self._news = self._news, []
        return messages

    def end(self, succeeded: bool) -> None:
        """Notify the thread of the stage's end. Does not wait."""
        self._succeeded = succeeded
        self._wanted.set()

    def join(self, hurry: bool) -> None:
        """Wait, within bounds, until all lines are sent. Otherwise add a message."""
        self._thread.join(HURRY_SECONDS if hurry else END_SECONDS)
        if self._thread.is_alive() or self._failed:
            why = f" ({self._failed})" if self._failed else ""
            self._news.append(f"{self._name}: it may lack steps{why}; metrics.jsonl has all of them")

    def _work(self) -> None:
        ended = False
        while not ended:
            self._wanted.wait()
            self._wanted.clear()
            succeeded = self._succeeded  # it may change at any time, so it is read once
            ended = succeeded is not None
            if not ended and time.monotonic() < self._next_try:
                continue
            try:
                self._send()
                if self._run is not None and succeeded is not None:
                    self._run.end(succeeded)
                self._failed = ""
            except Exception as error:
                self._run = None  # a new run reads what the tracker has
                self._next_try = time.monotonic() + RETRY_SECONDS
                if not self._failed and not ended:
                    self._news.append(f"{self._name}: {reason(error)}; the training continues, and passk retries")
                self._failed = reason(error)

    def _send(self) -> None:
        lines = read_metrics(self._metrics)
        if not lines:
            return
        if self._run is None:
            self._run = self._open_run()
            self._news.append(f"{self._name}: {self._run.where}")
        evaluations = read_metrics(self._evaluations)
        new = [line for line in lines if line["step"] > self._run.last]
        new += [line for line in evaluations if line["step"] > self._run.evaluated.get(line["benchmark"], -1)]
        self._run.send(sorted(new, key=lambda line: (line["step"], is_evaluation(line))))


def reason(error: Exception) -> str:
    """Return an error of a tracker as one line without secrets."""
    return hidden(one_line(error, 200) or type(error).__name__)
