"""Why a training process ended badly, read from its log: what to tell a person, and whether trying again helps.

configuration   arguments that passk, OpenRLHF or the model's own files refuse
memory          a GPU's or the machine's was too small
disk            full
lost            an actor, worker, node or the cluster's head went away, or was taken away
hung            no step for compute.stall_timeout_s seconds
code            any other exception

A run that lost something or hung goes on from its last checkpoint when it is tried again. All else would fail again.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from passk.base.errors import PasskError

Kind = Literal["configuration", "memory", "disk", "lost", "hung", "code"]
RETRIED = ("lost", "hung")
_LONGEST = 300


class StageFailed(PasskError):
    """A training process that ended badly. The message: the reason first, the log's path last."""

    def __init__(self, message: str, kind: Kind = "code") -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def retry(self) -> bool:
        """Whether the same again may go well."""
        return self.kind in RETRIED


class Failure(NamedTuple):
    kind: Kind
    reason: str
    """one line"""


# What Ray, vLLM and torch print before what a worker said: "(PolicyModelActor pid=1, ip=127.0.0.1) ", "[rank0]: "
_PREFIX = re.compile(r"^(?:(?:\x1b\[\d+m)*\((?:[^()]|\([^()]*\))*\)(?:\x1b\[\d+m)*\s*)?(?:\[rank\d+\]: ?)?")
# "ERROR 11-21 06:02:13 [core.py:99] ", as vLLM's logger begins a line
_LOGGER = re.compile(r"^(?:ERROR|CRITICAL) [\d: -]+ \[\S+\]\s*")
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|OutOfMemory\w*|Exit)(?:\(\w+\))?): (.*)$")
_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+')
_OURS = re.compile(r"^passk: (?:(memory|lost): )?(.+)$")
_PARSER = re.compile(r"^[\w./-]+(?: [\w./-]+)*: error: (.+)$")
# What is told a second time, by somebody who only heard of it.
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
_ORDER: tuple[Kind, ...] = ("configuration", "memory", "disk")
"""kinds that are the cause wherever they stand: what is lost or thrown beside them is their effect"""


def failure(lines: Iterable[str], status: int | None) -> Failure:
    """The failure that a log tells of. status: the process's exit status, where it is known."""
    found: dict[Kind, str] = {}
    order: list[Kind] = []
    declared: Failure | None = None
    frame = ""
    for raw in lines:
        line = _LOGGER.sub("", _PREFIX.sub("", raw.rstrip())).strip()
        if match := _FRAME.match(line):
            frame = match[1]
            continue
        if match := _OURS.match(line):
            kind: Kind = match[1] or "configuration"
            declared = declared or Failure(kind, match[2])
            continue
        if seen := _kind(line, frame):
            found.setdefault(seen.kind, seen.reason[:_LONGEST])
            order.append(seen.kind)
    if declared and declared.kind != "lost":
        return declared
    for kind in _ORDER:
        if kind in found:
            return Failure(kind, found[kind])
    if declared:
        return declared
    if order:
        return Failure(order[0], found[order[0]])
    if status is not None and (status < 0 or status > 128):
        number = -status if status < 0 else status - 128
        return Failure("lost", f"the training process was ended by signal {number}")
    return Failure("code", "no error in the log" if status is None else f"exit status {status}")


def _kind(line: str, frame: str) -> Failure | None:
    """What one line tells. frame: file of the last frame of the traceback above it."""
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
        # OpenRLHF checks its arguments in its command line modules, by assert or ValueError.
        return Failure("configuration" if "/openrlhf/cli/" in frame else "code", reason)
    return None


def read(log: Path, start: int = 0, status: int | None = None) -> Failure:
    """The failure that `log` tells of from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        return failure(file.read().decode(errors="replace").splitlines(), status)
