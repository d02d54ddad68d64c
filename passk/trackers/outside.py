"""A tracker outside of this machine, fed from a thread of its own: no network is waited for while a stage trains."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from passk.base.redact import hidden
from passk.files.metrics_log import read_metrics

RETRY_SECONDS = 60.0
"""after a failure; the end of the stage does not wait for it"""
END_SECONDS = 30.0
HURRY_SECONDS = 5.0


class Run(Protocol):
    """A run in a tracker: that of a stage, found again after a resume."""

    where: str
    """for people"""
    last: int
    """step that it has"""

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        """Send lines of metrics.jsonl, in order, all later than `last`, which then is the latest sent."""

    def end(self, succeeded: bool) -> None:
        """Wait until all is there, and end the run."""


class Outside:
    """Sends each step once: what `Run.last` tells to be there is not sent again, also where a resume did it again."""

    def __init__(self, name: str, open_run: Callable[[], Run], metrics: Path) -> None:
        """metrics: the stage's metrics.jsonl. The run is opened with the first step, not for a stage that has none."""
        self._name, self._open_run, self._metrics = name, open_run, metrics
        self._run: Run | None = None
        self._news: list[str] = []
        self._failed, self._next_try = "", 0.0
        self._succeeded: bool | None = None
        """None before the end"""
        self._wanted = threading.Event()
        # A daemon: whatever it waits for, the process can end.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is a new line."""
        self._wanted.set()

    def news(self) -> list[str]:
        """What is to be said since the last call. It is said by whoever follows: a thread has no logger of a run's."""
        told, self._news = self._news, []
        return told

    def end(self, succeeded: bool) -> None:
        """There is no new line any more. Does not wait."""
        self._succeeded = succeeded
        self._wanted.set()

    def join(self, hurry: bool) -> None:
        """Wait, within bounds, until all is sent; else the news say so."""
        self._thread.join(HURRY_SECONDS if hurry else END_SECONDS)
        if self._thread.is_alive() or self._failed:
            why = f" ({self._failed})" if self._failed else ""
            self._news.append(f"{self._name}: it may not have every step{why}; metrics.jsonl has")

    def _work(self) -> None:
        ended = False
        while not ended:
            self._wanted.wait()
            self._wanted.clear()
            succeeded = self._succeeded  # it may be told at any time: all below goes by one answer
            ended = succeeded is not None
            if not ended and time.monotonic() < self._next_try:
                continue
            try:
                self._send()
                if self._run is not None and succeeded is not None:
                    self._run.end(succeeded)
                self._failed = ""
            except Exception as error:
                self._run = None  # what it really has is asked anew
                self._next_try = time.monotonic() + RETRY_SECONDS
                if not self._failed and not ended:
                    self._news.append(f"{self._name}: {reason(error)}; the training goes on, and it is tried again")
                self._failed = reason(error)

    def _send(self) -> None:
        lines = read_metrics(self._metrics)
        if not lines:
            return
        if self._run is None:
            self._run = self._open_run()
            self._news.append(f"{self._name}: {self._run.where}")
        self._run.send([line for line in lines if line["step"] > self._run.last])


def reason(error: Exception) -> str:
    """An error of a tracker in one line, without what must not be shown."""
    return hidden(" ".join(str(error).split())[:200] or type(error).__name__)
