"""Kinds of failures of training processes, the root cause in a log, and whether a retry can help.

configuration   passk, OpenRLHF or the model's files refuse an argument
memory          GPU or host memory was too small
disk            the disk is full
lost            an actor, worker, node or the cluster's head died or was preempted
hung            no step for compute.stall_timeout_s seconds
code            any other exception

A retry after `lost` or `hung` resumes from the last checkpoint. The other kinds would fail again.

Out-of-memory, disk-full and configuration errors take precedence over a lost actor. Otherwise the first error in
the log is reported.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from passk.base.errors import ConfigError, PasskError
from passk.files.durable import FULL

Kind = Literal["configuration", "memory", "disk", "lost", "hung", "code"]
RETRIED = ("lost", "hung")
_LONGEST = 300


class StageFailed(PasskError):
    """Failure of a training process. The message starts with the reason and ends with the log's path."""

    def __init__(self, message: str, kind: Kind = "code") -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def retry(self) -> bool:
        """Whether a retry can succeed."""
        return self.kind in RETRIED


class Failure(NamedTuple):
    kind: Kind
    reason: str
    """One line."""


# Prefixes that Ray, vLLM and torch print before a worker's line: "(PolicyModelActor pid=1, ip=127.0.0.1) ", "[rank0]: "
_PREFIX = re.compile(r"^(?:(?:\x1b\[\d+m)*\((?:[^()]|\([^()]*\))*\)(?:\x1b\[\d+m)*\s*)?(?:\[rank\d+\]: ?)?")
# Prefix of vLLM's logger: "ERROR 11-21 06:02:13 [core.py:99] "
_LOGGER = re.compile(r"^(?:ERROR|CRITICAL) [\d: -]+ \[\S+\]\s*")
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|OutOfMemory\w*|Exit)(?:\(\w+\))?): (.*)$")
_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+')
_LOST_ACTOR = re.compile(r"^passk: lost: (.+)$")  # passk/runtime/actor_monitor.py
_PARSER = re.compile(r"^[\w./-]+(?: [\w./-]+)*: error: (.+)$")
# Lines that repeat the error of another process.
_ECHO = re.compile(
    r"^(?:ray\.exceptions\.)?RayTaskError|raised in its creation task|Engine core initialization failed"
    r"|^torch\.distributed\.elastic\.\S*ChildFailedError"
)
_SIGNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "memory",
        re.compile(
            r"CUDA out of memory|CUDA error: out of memory|No available memory for the cache blocks"
            r"|Free memory on device .* is less than desired GPU memory utilization|KV cache is needed, which is larger"
            r"|due to the node running low on memory|due to memory pressure|DefaultCPUAllocator: (?:can't|not enough)"
            r"|^(?:ray\.exceptions\.|torch\.)?(?:cuda\.)?OutOfMemoryError|^MemoryError|Cannot allocate memory"
        ),
    ),
    ("disk", re.compile(r"No space left on device|OutOfDiskError|Disk quota exceeded")),
    (
        "lost",
        re.compile(
            r"(?:Actor(?:Died|Unavailable)|RayActor|NodeDied|LocalRayletDied|OwnerDied|ObjectLost|WorkerCrashed"
            r"|EngineDead)Error|The actor (?:died unexpectedly|is dead)|The worker died unexpectedly"
            r"|A worker died or was killed while executing a task by an unexpected system error"
            r"|due to preemption|node .*preempted|[Aa]ddress already in use|EADDRINUSE"
            r"|Engine core proc \S+ died unexpectedly|Connection closed by peer|Connection reset by peer"
            r"|remote process exited or there was a network error|Failed to connect to GCS|GCS .*(?:is|went) down"
            r"|Timed out while waiting for GCS|The node with node id: .* has been marked dead"
        ),
    ),
    (
        "configuration",
        re.compile(
            r"is not a valid model identifier|is not a local folder|does not recognize this architecture"
            r"|invalid literal for argument"
        ),
    ),
)
ROOT_CAUSES: tuple[Kind, ...] = ("configuration", "memory", "disk")
"""Kinds that are the root cause wherever they stand in the log: lost actors and other exceptions are their effect."""


def of_exception(error: BaseException, frame: str) -> Failure | None:
    """Return the failure that an exception is, or None if it only shows that another process failed.

    frame: file of the last frame of its traceback.
    """
    if isinstance(error, ConfigError):
        return Failure("configuration", str(error))
    name, text = type(error).__name__, next(iter(str(error).strip().splitlines()), "")
    line = f"{name}: {text}"
    if isinstance(error, OSError) and error.errno in FULL:
        return Failure("disk", line[:_LONGEST])
    failure = _kind(line, frame) or Failure("code", line)
    if isinstance(error, PasskError):
        return Failure(failure.kind if failure.kind in ROOT_CAUSES else "code", str(error))
    if failure.kind in RETRIED or name.startswith("Ray") or _ECHO.search(line):
        return None
    return Failure(failure.kind, failure.reason[:_LONGEST])


def failure(lines: Iterable[str], status: int | None) -> Failure:
    """Return the root cause in the lines of a log. status: the exit status of the process, None if unknown."""
    reasons: dict[Kind, str] = {}
    order: list[Kind] = []
    lost_actor = ""
    frame = ""
    for raw in lines:
        line = _LOGGER.sub("", _PREFIX.sub("", raw.rstrip())).strip()
        if match := _FRAME.match(line):
            frame = match[1]
            continue
        if match := _LOST_ACTOR.match(line):
            lost_actor = lost_actor or match[1]
            continue
        if seen := _kind(line, frame):
            reasons.setdefault(seen.kind, seen.reason[:_LONGEST])
            order.append(seen.kind)
    for kind in ROOT_CAUSES:
        if kind in reasons:
            return Failure(kind, reasons[kind])
    if lost_actor:
        return Failure("lost", lost_actor)
    if order:
        return Failure(order[0], reasons[order[0]])
    if status is not None and (status < 0 or status > 128):
        number = -status if status < 0 else status - 128
        return Failure("lost", f"the training process was ended by signal {number}")
    return Failure("code", "no error in the log" if status is None else f"exit status {status}")


def _kind(line: str, frame: str) -> Failure | None:
    """Return the failure in one line, or None. frame: file of the last frame of the traceback above the line."""
    if _ECHO.search(line):
        return None
    match = _EXCEPTION.match(line)
    reason = f"{match[1]}: {match[2]}" if match else line
    for kind, sign in _SIGNS:
        if sign.search(line):
            return Failure(kind, reason)
    if error := _PARSER.match(line):
        return Failure("configuration", error[1])
    if match and not match[1].startswith("Ray"):
        # OpenRLHF checks its arguments in its CLI modules with assert and ValueError.
        return Failure("configuration" if "/openrlhf/cli/" in frame else "code", reason)
    return None


def read(log: Path, start: int = 0, status: int | None = None) -> Failure:
    """Return the root cause in `log` from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        return failure(file.read().decode(errors="replace").splitlines(), status)
