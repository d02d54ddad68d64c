"""Verdicts while the engine goes on, and for how long it could not."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait

from passk.verifiers import Verdict
from passk.verifiers.pool import Pool


class Judge:
    """A pool of verifiers that keeps the time in which whoever asked was held up."""

    def __init__(self) -> None:
        self._pool = Pool()
        self.seconds = 0.0

    def submit(self, verifier: str, response: str, answer: str) -> "Future[Verdict]":
        """In place where the verifier needs no deadline, else by a child process meanwhile."""
        started = time.perf_counter()
        verdict = self._pool.submit(verifier, response, answer)
        self.seconds += time.perf_counter() - started
        return verdict

    def wait(self, verdicts: "Sequence[Future[Verdict]]") -> None:
        """Stand still until all of them are there."""
        started = time.perf_counter()
        wait(verdicts)
        self.seconds += time.perf_counter() - started

    def close(self) -> None:
        self._pool.close()
