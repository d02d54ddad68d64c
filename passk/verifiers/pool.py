"""A pool of child processes that judge responses, each with a deadline and a bound on memory.

    with Pool() as pool:
        futures = [pool.submit(name, response, answer) for ...]
        verdicts = [future.result() for future in futures]

A response that makes its verifier hang, die or swell costs itself the score 0, with the reason `timeout` or
`crash`, and the child, which is replaced. Never another response, never the caller: a verdict is never None.

Children are new interpreters, not forks: they have nothing of a process that holds torch, Ray or vLLM. They
end with the pool, and by the kernel's hand with the process that made it, however that one ends.
"""

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import passk
from passk import verifiers
from passk.base.errors import PasskError
from passk.verifiers import CRASH, TIMEOUT, AnswerError, Verdict

SECONDS = 5.0
MEMORY = 2 * 2**30
PATIENCE = 6
"""wall time that a child gets, in deadlines: of one that waits for a core, not for nothing, the CPU time counts"""
START_SECONDS = 300.0
"""for a child to come up and import a verifier's packages, from a cold disk too"""
RENEWED_AFTER = 5_000
"""responses of a child: sympy's caches only grow"""
# What a child's environment keeps of ours. Not the rest: what judges a model's text has no business with tokens.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_FIXED = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # of 64 cores it would reserve more address space than there is allowed
    "PYTHONUTF8": "1",
}


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


class _Died(Exception):
    """A child that is no more. The argument: TIMEOUT or CRASH."""


class _Keeper(threading.Thread):
    """One thread and its child. The kernel ends a child with the thread that started it, so it has to be this one."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(name="verifier", daemon=True)
        self.pool = pool
        self._child: _Child | None = None
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
        except _Died as died:
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

    def _ready(self, name: str) -> "_Child":
        """The child, started and with the verifier imported."""
        try:
            if self._child is None:
                self._child = _Child(self.pool)
                self._child.read(START_SECONDS)
            if name not in self._child.loaded:
                reply = self._child.ask({"load": name}, START_SECONDS)
                if "failed" in reply:
                    raise PasskError(f"verifier: {name} does not work: {reply['failed']}")
                self._child.loaded.add(name)
        except _Died as died:
            child, self._child = self._child, None
            status = child.end() if child else None
            raise PasskError(
                f"verifiers: a child process for {name} does not start ({died}, exit status {status}); "
                f"with {self.pool.memory / 2**20:.0f} MiB of memory for each, give it more or see above why"
            ) from None
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child:
            child.end()


class _Child:
    def __init__(self, pool: Pool) -> None:
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        root = str(Path(passk.__file__).parents[1])  # the passk that asks is the one that answers
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "passk.verifiers.child", str(os.getpid()), str(pool.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**inherited, **_FIXED, "PYTHONPATH": path, "PYTHONHASHSEED": str(pool.hash_seed)},
        )
        self.loaded: set[str] = set()
        self.asked = 0

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Raises _Died where the child does not answer within `seconds`; it is dead then."""
        assert self._process.stdin
        self.asked += 1
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise _Died(self._cause()) from None
        return self.read(seconds)

    def read(self, seconds: float) -> dict[str, Any]:
        """The next reply. Raises _Died as `ask` does."""
        assert self._process.stdout
        reader, deadline = self._process.stdout.fileno(), time.monotonic() + seconds
        poll, parts = select.poll(), []
        poll.register(reader, select.POLLIN)
        while True:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                self.kill()
                self._process.wait()
                raise _Died(TIMEOUT)
            if not (part := os.read(reader, 2**16)):
                raise _Died(self._cause())
            parts.append(part)
            if part.endswith(b"\n"):
                return json.loads(b"".join(parts))

    def _cause(self) -> str:
        return TIMEOUT if self._process.wait() == -signal.SIGPROF else CRASH

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> int:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe
                pipe.close()
        return self._process.wait()


def _failed(request: dict[str, Any], reason: str) -> Verdict | str:
    return f"answer: {reason} of its verifier; mend it" if "check" in request else Verdict(0.0, False, "", reason)


def _done(call: Callable[[], Any]) -> "Future[Any]":
    future: Future[Any] = Future()
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)
    return future
