"""Verdicts while the engine goes on: in place where they take no time, else from a pool of child processes."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from passk import verifiers
from passk.verifiers import Verdict

if TYPE_CHECKING:
    from passk.verifiers.pool import Pool


class Judge:
    """Judges responses; `close` ends the pool."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self.seconds = 0.0
        """in which whoever asked was held up"""

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def submit(self, verifier: str, response: str, answer: str) -> "Future[Verdict]":
        started = time.perf_counter()
        if verifiers.NEEDS_DEADLINE(verifier):
            verdict = self._started().submit(verifier, response, answer)
        else:
            verdict = Future()
            verdict.set_result(verifiers.verify(verifier, response, answer))
        self.seconds += time.perf_counter() - started
        return verdict

    def _started(self) -> "Pool":
        """The pool, from the first response on that needs it: many benchmarks need none."""
        if self._pool is None:
            from passk.verifiers.pool import Pool

            self._pool = Pool()
        return self._pool

    def wait(self, verdicts: "Sequence[Future[Verdict]]") -> None:
        """Stand still until all of them are there."""
        started = time.perf_counter()
        wait(verdicts)
        self.seconds += time.perf_counter() - started
