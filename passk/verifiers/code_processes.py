"""Two confined processes for each verdict: one runs a model's program, the other its tests.

Both are forks of a child of the pool. The process of the tests comes from that child itself. The program's process
comes from a helper that was forked before the first request, so no test, response or secret is in its memory, not even
as garbage. They are connected by pipes, and only the process of the tests has the pipe that carries the verdict.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from passk.base import parent_death
from passk.verifiers import code_program, code_tests, sandbox

CPU_SECONDS = 3
"""CPU time of a program, and of its tests; three seconds as in HumanEval."""
WALL_SECONDS = 18.0
"""Wall time of both, below the pool's."""
MEMORY = 2**30
"""Bytes of address space of each process, in addition to that of the process that it was forked from."""
OPEN_FILES = 32
_RUN, _END = b"r", b"e"
_CPU_TIME = struct.Struct("=d")
_ENVIRONMENT = {"HOME": "", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class NoSandbox(Exception):
    """The kernel offers no complete sandbox, so no program runs. The argument names what stays open."""


class _Place(NamedTuple):
    """What a process has, determined before it is confined."""

    home: int
    """Descriptor of an empty directory in which nothing can be created."""
    memory: int
    """Bytes of address space."""
    readable: list[str]
    """Directories of the system and of installed packages."""


def judge(gold: dict[str, Any], program: str) -> str:
    """Run a program against the tests of a gold answer, and return the reason of its verdict.

    The reason is one of code_tests.verdict, or "too slow". Raise NoSandbox without a complete sandbox.
    """
    helper, parent = _helper(), os.getpid()
    to_program, from_tests = os.pipe()
    to_tests, from_program = os.pipe()
    report, reported = os.pipe()
    helper.run(to_program, from_program)
    for end in (to_program, from_program):
        os.close(end)
    tests = os.fork()
    if not tests:
        with contextlib.suppress(BaseException):
            parent_death.end_with(parent)
            _keep_open(to_tests, from_tests, reported, helper.place.home)
            missing = _confine(helper.place)
            reason = f"open {' and '.join(missing)}" if missing else None
            _test(reason, gold, program, to_tests, from_tests, reported)
        os._exit(1)
    for end in (to_tests, from_tests, reported):
        os.close(end)
    try:
        reason = _read(report, time.monotonic() + WALL_SECONDS)
    finally:
        os.close(report)
        os.kill(tests, signal.SIGKILL)
        _, _, usage = os.wait4(tests, 0)
        used = helper.end()
    if reason and reason.startswith("open "):
        raise NoSandbox(reason.removeprefix("open "))
    if reason in ("correct", "incorrect", "does not run") or (reason or "").startswith("unreadable"):
        return reason or ""
    # A kernel that counts CPU time by ticks ends a process before its usage shows the limit.
    slow = reason is None or max(used, usage.ru_utime + usage.ru_stime) >= 0.75 * CPU_SECONDS
    return "too slow" if slow else "exited early"


def _test(reason: str | None, gold: dict[str, Any], program: str, replies: int, requests: int, reported: int) -> None:
    if reason is None:
        reason = code_tests.verdict(gold, program, code_tests.Channel(replies, requests))
    os.write(reported, json.dumps(reason[:1000]).encode())


def _read(report: int, deadline: float) -> str | None:
    """Return the report of the tests; "" if their process ended without one, None if the deadline passed."""
    parts = []
    while True:
        if not select.select([report], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return None
        if not (part := os.read(report, 2**16)):
            break
        parts.append(part)
    try:
        return str(json.loads(b"".join(parts)))
    except ValueError:
        return ""


def _confine(place: _Place) -> list[str]:
    """Limit and restrict this process permanently. Return what the kernel leaves open."""
    directory = f"/proc/self/fd/{place.home}"
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(_ENVIRONMENT | {"HOME": directory})
    os.chdir(directory)
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, place.memory),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 1),
    ):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (limit, limit))
    return sandbox.confine([*place.readable, directory])


class _Helper:
    """A process that forks the processes of programs, one at a time."""

    def __init__(self) -> None:
        home = int(sandbox.empty_home().rpartition("/")[2])
        self.place = _Place(home, MEMORY + _address_space(), sandbox.installed())
        self._socket, theirs = socket.socketpair()
        parent = os.getpid()
        if not os.fork():
            with contextlib.suppress(BaseException):
                parent_death.end_with(parent)
                _keep_open(theirs.fileno(), home)
                _discard_output()
                _fork_programs(theirs, self.place)
            os._exit(0)
        theirs.close()

    def run(self, requests: int, replies: int) -> None:
        self._do(lambda: socket.send_fds(self._socket, [_RUN], [requests, replies]))

    def end(self) -> float:
        """Kill the program's process, and return its CPU seconds."""
        self._do(lambda: self._socket.sendall(_END))
        return _CPU_TIME.unpack(self._do(lambda: self._socket.recv(_CPU_TIME.size)))[0]

    def _do(self, call: Callable[[], Any]) -> Any:
        try:
            if (result := call()) == b"":
                raise OSError
        except OSError:
            # A child of the pool ends then, and the pool starts another one.
            raise SystemExit("code: the helper of the programs has ended") from None
        return result


@cache
def _helper() -> _Helper:
    return _Helper()


def _fork_programs(ours: socket.socket, place: _Place) -> None:
    pid, helper = 0, os.getpid()
    while True:
        request, ends, *_ = socket.recv_fds(ours, 1, 2)
        if request == _RUN:
            if not (pid := os.fork()):
                with contextlib.suppress(BaseException):
                    parent_death.end_with(helper)
                    _keep_open(*ends, place.home)
                    if not _confine(place):
                        code_program.serve(*ends)
                os._exit(0)
            for end in ends:
                os.close(end)
        elif request == _END:
            os.kill(pid, signal.SIGKILL)
            usage = os.wait4(pid, 0)[2]
            ours.sendall(_CPU_TIME.pack(usage.ru_utime + usage.ru_stime))
        else:
            return


def _address_space() -> int:
    """Return the bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _keep_open(*kept: int) -> None:
    """Close all descriptors but the standard ones and `kept`."""
    first = 3
    for each in sorted(kept):
        os.closerange(first, each)
        first = each + 1
    os.closerange(first, 2**31 - 1)


def _discard_output() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
