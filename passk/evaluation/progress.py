"""Progress lines of evaluations: samples done of the total, samples per second, time left.

The process that samples appends a line to a file every few seconds. The process that started it reads them there
(`followed`), since the two may run on different machines.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from passk.base import logs
from passk.base.progress_line import ProgressLine
from passk.base.terminal import clock

log = logging.getLogger(__name__)
_POLL_SECONDS = 0.5


class Progress:
    """The progress of one evaluation; call it with each shard."""

    def __init__(self, file: Path, name: str, total: int, done: int) -> None:
        """total, done: numbers of samples; the samples per second do not count those of earlier processes."""
        self._file, self._name, self._total, self._done = file, name, total, done
        self._started = time.perf_counter()
        self._progress_line = ProgressLine(self._write)
        self._new = self._tokens = self._in_flight = 0
        if done:
            self._write(f"{name}: resuming, {done} of {total} samples are done")

    def __call__(self, samples: int, tokens: int, in_flight: int = 0) -> None:
        """Count new samples with their tokens. in_flight: tokens of samples that are not complete."""
        self._new += samples
        self._tokens += tokens
        self._in_flight = in_flight
        self._progress_line.update(self.line, finished=self._done + self._new >= self._total)

    def line(self) -> str:
        """Return the progress line."""
        seconds = max(time.perf_counter() - self._started, 1e-6)
        done, pace = self._done + self._new, self._new / seconds
        rest = f"{clock((self._total - done) / pace)} left" if pace else "no sample yet"
        if done >= self._total:
            rest = f"took {clock(seconds)}"
        return (
            f"{self._name}: {done}/{self._total} samples, {pace:.3g} samples/s, "
            f"{(self._tokens + self._in_flight) / seconds:.3g} tokens/s, {rest}"
        )

    def _write(self, line: str) -> None:
        print(line, flush=True)
        with self._file.open("a") as file:
            file.write(json.dumps({"time": time.time(), "line": line}) + "\n")


@contextmanager
def followed(file: Path) -> Iterator[None]:
    """Empty `file`, and log each line that is written into it until the block ends."""
    file.unlink(missing_ok=True)
    ended, logged = threading.Event(), 0

    def pass_on() -> None:
        nonlocal logged
        lines = file.read_text(errors="replace").split("\n")[:-1] if file.exists() else []
        for line in lines[logged:]:
            with suppress(ValueError, LookupError, TypeError):  # a damaged line is skipped
                log.info("%s", json.loads(line)["line"])
        logged = len(lines)

    def follow() -> None:
        while not ended.wait(_POLL_SECONDS):
            pass_on()

    follower = logs.thread(follow, "progress")
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        pass_on()
