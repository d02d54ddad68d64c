"""A pool of child processes that judge responses, with a deadline and a memory limit.

    with Pool() as pool:
        futures = [pool.submit(name, response, answer) for ...]
        verdicts = [future.result() for future in futures]

A response whose verifier hangs, crashes or uses too much memory gets the score 0 and the reason `timeout` or `crash`.
The pool replaces its child. Other responses and the caller are not affected, and a verdict is never None.

Children are new interpreters instead of forks, so they share no state of torch, Ray or vLLM. They have no network and
no other programs and cannot write files (passk/verifiers/sandbox.py lists the kernel's requirements). They end with the
pool. If the pool's process is killed, the kernel ends them.
"""

import os
import queue
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from types import TracebackType
from typing import Any, Self

from passk import verifiers
from passk.base.errors import PasskError
from passk.verifiers import CRASH, AnswerError, Verdict
from passk.verifiers.child_process import ChildProcess, Died

SECONDS = 5.0
MEMORY = 2 * 2**30
PATIENCE = 6
"""Wall time of a child in deadlines. The deadline itself is in CPU time, since a child may wait for a core."""
START_SECONDS = 300.0
"""Longest start of a child with the import of a verifier's packages, from a cold disk too."""
RENEWED_AFTER = 5_000
"""Responses after which a child is replaced, because sympy's caches only grow."""


class Pool:
    """A pool that judges responses in `processes` children. It is thread-safe. Close it after use."""

    def __init__(
        self,
        processes: int | None = None,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        *,
        hash_seed: int = 0,
        in_place: bool = True,
    ) -> None:
        """Create the pool; children start with the first requests.

        processes: number of children; None: one for two cores, at most 8. seconds: CPU seconds per response; the wall
        time is six times as long. memory: bytes of address space of a child. hash_seed: PYTHONHASHSEED of the children,
        fixed so that sympy's order is the same every time. in_place: run verifiers without a deadline in this process.
        """
        self.processes = processes or max(1, min(8, len(os.sched_getaffinity(0)) // 2))
        self.seconds, self.memory, self.hash_seed, self.in_place = seconds, memory, hash_seed, in_place
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._keepers: list[_Keeper] = []
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, name: str, response: str, answer: str) -> "Future[Verdict]":
        """Return the future of a verdict. Futures finish in any order.

        The future raises AnswerError for an unreadable answer, PasskError if children do not start or a verifier
        cannot be imported, CancelledError if the pool is closed first. Raises ConfigError for an unknown verifier.
        """
        if self.in_place and not verifiers.needs_deadline(name):
            return _done(lambda: verifiers.verify(name, response, answer))
        verifiers.load(name)
        return self._submit({"verify": [name, response, answer]}, name)

    def check_answer(self, name: str, answer: str) -> "Future[str | None]":
        """Return the future of verifiers.check_answer, with the deadline. A timeout or crash is an error too."""
        if self.in_place and not verifiers.needs_deadline(name):
            return _done(lambda: verifiers.check_answer(name, answer))
        verifiers.load(name)
        return self._submit({"check": [name, answer]}, name)

    def _submit(self, request: dict[str, Any], name: str) -> "Future[Any]":
        job = _Job(request | {"seconds": self.seconds}, name)
        with self._lock:
            if self._closed:
                raise PasskError("verifiers: the pool is closed; make a new one")
            self._jobs.put(job)
            if len(self._keepers) < self.processes:
                self._keepers.append(_Keeper(self))
        return job.future

    def close(self) -> None:
        """End the children and cancel the remaining requests."""
        with self._lock:
            self._closed = True
            for _ in self._keepers:
                self._jobs.put(None)
        for keeper in self._keepers:
            keeper.stop()
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job:
                job.future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@cache
def shared() -> Pool:
    """Return the pool of this process. Training's reward function uses it from many threads."""
    return Pool()


class _Job:
    def __init__(self, request: dict[str, Any], name: str) -> None:
        self.request, self.name = request, name
        self.future: Future[Any] = Future()


class _Keeper(threading.Thread):
    """A thread with its child. The kernel ends a child with its starting thread, so this thread starts it."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(name="verifier", daemon=True)
        self.pool = pool
        self._child: ChildProcess | None = None
        self._names: set[str] = set()
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            while (job := self.pool._jobs.get()) is not None and not self._stopped.is_set():
                self._do(job)
            if job is not None:
                job.future.cancel()
        finally:
            self._end()

    def stop(self) -> None:
        self._stopped.set()
        if child := self._child:
            child.kill()
        self.join()

    def _do(self, job: _Job) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            result = self._judged(job)
        except BaseException as error:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _judged(self, job: _Job) -> Verdict | str | None:
        child = self._ready(job.name)
        try:
            reply = child.ask(job.request, self.pool.seconds * PATIENCE)
        except Died as died:
            self._end()
            if self._stopped.is_set():
                raise PasskError("verifiers: the pool was closed; make a new one") from None
            return _failed(job.request, str(died))
        if child.requests >= RENEWED_AFTER:
            self._end()
        if "unreadable" in reply:
            raise AnswerError(reply["unreadable"])
        if "raised" in reply:
            return _failed(job.request, CRASH)
        return reply["answer"] if "check" in job.request else Verdict(*reply["verdict"])

    def _ready(self, name: str) -> ChildProcess:
        """Return a running child in its sandbox, with the verifier loaded.

        A child cannot import packages in its sandbox. A new verifier therefore needs a new child, which also loads the
        earlier verifiers.
        """
        if self._child and name in self._names:
            return self._child
        self._end()
        try:
            self._child = ChildProcess(self.pool.memory, self.pool.hash_seed)
            self._child.read(START_SECONDS)
            for each in sorted(self._names | {name}):
                reply = self._child.ask({"load": each}, START_SECONDS)
                if "failed" in reply:
                    self._end()
                    raise PasskError(f"verifier: {each} does not work: {reply['failed']}")
            reply = self._child.ask({"shut": True}, START_SECONDS)
            self._child.requests = 0
        except Died as died:
            child, self._child = self._child, None
            status = child.end() if child else None
            raise PasskError(
                f"verifiers: a child process for {name} does not start ({died}, exit status {status}) "
                f"with {self.pool.memory / 2**20:.0f} MiB of memory; raise the limit, or see its error above"
            ) from None
        self._names.add(name)
        _warn_of(tuple(reply["open"]))
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()


@cache
def _warn_of(open_to: tuple[str, ...]) -> None:
    if open_to:
        warnings.warn(
            f"verifiers: the kernel leaves {' and '.join(open_to)} open to the verifiers' processes; use Linux 5.13 or "
            "later on x86_64 or aarch64, and a container that allows Landlock and seccomp",
            stacklevel=2,
        )


def _failed(request: dict[str, Any], reason: str) -> Verdict | str:
    return f"answer: {reason} of its verifier; fix it" if "check" in request else Verdict(0.0, False, "", reason)


def _done(call: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
    return future
