"""Progress lines of long work, at most one every ten seconds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from passk.base import logs

EVERY_SECONDS = 10.0


class ProgressLine:
    """A line about unfinished work. It is logged with the first update, then at most once per EVERY_SECONDS."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._logged = float("-inf")

    def update(self, line: Callable[[], str], *, finished: bool = False) -> None:
        """Log a line if one is due. finished: whether the work is done, whose line is always logged."""
        now = time.perf_counter()
        if finished or now - self._logged >= EVERY_SECONDS:
            self._logged = now
            self._log(line())

    @contextmanager
    def repeated(self, line: Callable[[], str]) -> Iterator[None]:
        """Log a line every EVERY_SECONDS from a thread until the block ends, for work that does not call `update`."""
        done = threading.Event()

        def repeat() -> None:
            while not done.wait(EVERY_SECONDS):
                self._log(line())

        thread = logs.thread(repeat, "progress line")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
