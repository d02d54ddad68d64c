"""The memory of all processes that inherit a mark in their environment, shared pages divided among their users."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

GIB = 2**30
MARK = "PASSK_MEMORY_MEASURED"


@dataclass
class Peak:
    """The largest sum over the processes, in bytes, and its parts by the name of the process."""

    total: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = sorted(self.parts.items(), key=lambda part: -part[1])
        return f"{self.total / GIB:.2f} GiB: " + ", ".join(f"{name} {size / GIB:.2f}" for name, size in parts[:8])


@contextmanager
def measured(seconds: float = 1.0) -> Iterator[Peak]:
    """Yield a peak that is measured every `seconds` until the block ends."""
    peak, ended = Peak(), threading.Event()
    os.environ[MARK] = "1"

    def follow() -> None:
        while not ended.wait(seconds):
            parts = Counter()
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError, ValueError, IndexError):
                    if int(process.name) == os.getpid() or f"{MARK}=1".encode() in (process / "environ").read_bytes():
                        parts[_name(process)] += _size(process)
            if parts.total() > peak.total:
                peak.total, peak.parts = parts.total(), dict(parts)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
        del os.environ[MARK]


def _name(process: Path) -> str:
    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return words[0].rpartition("/")[2] if "::" in words[0] or "-m" not in words else words[words.index("-m") + 1]


def _size(process: Path) -> int:
    line = next(line for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024
