"""What a person sees while checkpoints are sampled: done of total, samples a second, time left.

The process that samples writes a line now and then; whoever started it reads them there (`followed`), on
whatever machine it runs.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from passk.base.terminal import clock

FILE = "metrics.jsonl"
"""where job.train looks for signs of life"""
SAY_EVERY_SECONDS = 10.0
_POLL_SECONDS = 0.5


class Progress:
    """Of one evaluation; called with each part."""

    def __init__(self, file: Path, name: str, total: int, done: int) -> None:
        """total, done: samples; those done before count for no pace."""
        self._file, self._name, self._total, self._done = file, name, total, done
        self._started = time.perf_counter()
        self._said = float("-inf")
        self._new = self._tokens = 0
        if done:
            self._say(f"{name}: goes on, {done} of {total} samples were done")

    def __call__(self, samples: int, tokens: int) -> None:
        self._new += samples
        self._tokens += tokens
        finished = self._done + self._new >= self._total
        if finished or time.perf_counter() - self._said >= SAY_EVERY_SECONDS:
            self._said = time.perf_counter()
            self._say(self.line())

    def line(self) -> str:
        seconds = max(time.perf_counter() - self._started, 1e-6)
        done, pace = self._done + self._new, self._new / seconds
        left = f"{clock((self._total - done) / pace)} left" if pace else "no sample yet"
        if done >= self._total:
            left = f"took {clock(seconds)}"
        return (
            f"{self._name}: {done}/{self._total} samples, {pace:.3g} samples/s, "
            f"{self._tokens / seconds:.3g} tokens/s, {left}"
        )

    def _say(self, line: str) -> None:
        print(line, flush=True)
        with self._file.open("a") as file:
            file.write(json.dumps({"time": time.time(), "line": line}) + "\n")


@contextmanager
def followed(file: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Say each line that is written into `file` while what is inside is done; it starts empty."""
    file.unlink(missing_ok=True)
    ended, told = threading.Event(), 0

    def tell() -> None:
        nonlocal told
        lines = file.read_text(errors="replace").split("\n")[:-1] if file.exists() else []
        for line in lines[told:]:
            with suppress(ValueError, LookupError, TypeError):  # a damaged line is only not shown
                say(json.loads(line)["line"])
        told = len(lines)

    def follow() -> None:
        while not ended.wait(_POLL_SECONDS):
            tell()

    follower = threading.Thread(target=follow, name="progress", daemon=True)
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        tell()
