"""A pool of child processes that judge responses, each with a deadline and a bound on memory.

    with Pool() as pool:
        futures = [pool.submit(name, response, answer) for ...]
        verdicts = [future.result() for future in futures]

A response that makes its verifier hang, die or swell costs itself the score 0, with the reason `timeout` or
`crash`, and the child, which is replaced. Never another response, never the caller: a verdict is never None.

Children are new interpreters, not forks: they have nothing of a process that holds torch, Ray or vLLM. They judge
without network, other programs or files to write (passk/verifiers/sandbox.py says what that asks of the kernel). They
end with the pool, and by the kernel's hand with the process that made it, however that one ends.
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
"""wall time that a child gets, in deadlines: of one that waits for a core, not for nothing, the CPU time counts"""
START_SECONDS = 300.0
"""for a child to come up and import a verifier's packages, from a cold disk too"""
RENEWED_AFTER = 5_000
"""responses of a child: sympy's caches only grow"""


class Pool:
    """Judges responses in `processes` children at once. Safe to use from many threads; close it when done."""

    def __init__(
        self,
        processes: int | None = None,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        *,
        hash_seed: int = 0,
        in_place: bool = True,
    ) -> None:
        """processes: None is one for every two cores, up to 8; they start when there is work for them.

        seconds: of CPU time that a response may take, and six times that of wall time. memory: bytes of address
        space of a child. hash_seed: PYTHONHASHSEED of the children, fixed so that what sympy's order depends
        on is the same every time. in_place: judge here what needs no deadline.
        """
        self.processes = processes or max(1, min(8, len(os.sched_getaffinity(0)) // 2))
        self.seconds, self.memory, self.hash_seed, self.in_place = seconds, memory, hash_seed, in_place
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._keepers: list[_Keeper] = []
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, name: str, response: str, answer: str) -> "Future[Verdict]":
        """The verdict to come, in whatever order.

        The future raises AnswerError for an unreadable answer, PasskError where children do not start or a
        verifier cannot be imported, CancelledError where the pool is closed first. Raises ConfigError for an
        unknown verifier.
        """
        if self.in_place and not verifiers.needs_deadline(name):
            return _done(lambda: verifiers.verify(name, response, answer))
        verifiers.load(name)
        return self._submit({"verify": [name, response, answer]}, name)

    def check_answer(self, name: str, answer: str) -> "Future[str | None]":
        """As verifiers.check_answer, with the deadline: an answer that hangs or crashes its verifier is no good."""
        if self.in_place and not verifiers.needs_deadline(name):
            return _done(lambda: verifiers.check_answer(name, answer))
        verifiers.load(name)
        return self._submit({"check": [name, answer]}, name)

    def _submit(self, request: dict[str, Any], name: str) -> "Future[Any]":
        job = _Job(request | {"seconds": self.seconds}, name)
        with self._lock:
            if self._closed:
                raise PasskError("verifiers: the pool is closed")
            self._jobs.put(job)
            if len(self._keepers) < self.processes:
                self._keepers.append(_Keeper(self))
        return job.future

    def close(self) -> None:
        """End the children. What was not judged by then is cancelled."""
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
    """The pool of this process, for as long as it lives: training's reward function uses it from many threads."""
    return Pool()


class _Job:
    def __init__(self, request: dict[str, Any], name: str) -> None:
        self.request, self.name = request, name
        self.future: Future[Any] = Future()


class _Keeper(threading.Thread):
    """One thread and its child. The kernel ends a child with the thread that started it, so it has to be this one."""

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
                raise PasskError("verifiers: the pool was closed") from None
            return _failed(job.request, str(died))
        if child.asked >= RENEWED_AFTER:
            self._end()
        if "unreadable" in reply:
            raise AnswerError(reply["unreadable"])
        if "raised" in reply:
            return _failed(job.request, CRASH)
        return reply["answer"] if "check" in job.request else Verdict(*reply["verdict"])

    def _ready(self, name: str) -> ChildProcess:
        """Return the child, started, with the verifier loaded and then shut in.

        A child that is shut in loads no more, so a new verifier takes a new child, with the verifiers of before.
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
            self._child.asked = 0
        except Died as died:
            child, self._child = self._child, None
            status = child.end() if child else None
            raise PasskError(
                f"verifiers: a child process for {name} does not start ({died}, exit status {status}); "
                f"with {self.pool.memory / 2**20:.0f} MiB of memory for each, give it more or see above why"
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
            f"verifiers: the kernel leaves {' and '.join(open_to)} open to the processes that judge; use Linux 5.13 or "
            "later on x86_64 or aarch64, and a container that allows Landlock and seccomp",
            stacklevel=2,
        )


def _failed(request: dict[str, Any], reason: str) -> Verdict | str:
    return f"answer: {reason} of its verifier; mend it" if "check" in request else Verdict(0.0, False, "", reason)


def _done(call: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
    return future
