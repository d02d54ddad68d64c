"""Verdicts during sampling, and the time in which they held up the engine."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait

from passk.verifiers import Verdict
from passk.verifiers.pool import Pool


class Judge:
    """A pool of verifiers that counts the seconds in which its caller was held up."""

    def __init__(self) -> None:
        self._pool = Pool()
        self.seconds = 0.0

    def submit(self, verifier: str, response: str, answer: str) -> "Future[Verdict]":
        """Judge a response in this process if the verifier needs no deadline, otherwise in a child process."""
        started = time.perf_counter()
        verdict = self._pool.submit(verifier, response, answer)
        self.seconds += time.perf_counter() - started
        return verdict

    def wait(self, verdicts: "Sequence[Future[Verdict]]") -> None:
        """Wait until all verdicts are available."""
        started = time.perf_counter()
        wait(verdicts)
        self.seconds += time.perf_counter() - started

    def close(self) -> None:
        self._pool.close()
