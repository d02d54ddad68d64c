"""Run a training command under guard, follow its metrics, and say in one line why it failed."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from passk import guard
from passk.errors import PasskError
from passk.openrlhf.record import read_metrics

POLL_SECONDS = 0.5
# The last line of a traceback, also as Ray prints it from a worker: "(Actor pid=1) ValueError: ..."
_REASON = re.compile(r"^(?:\(.*?\)\s*)?(?:[\w.]+\.)?(\w*(?:Error|Exception|OutOfMemory\w*)): (.+)$")


class StageFailed(PasskError):
    """A training process that ended badly. The message: the reason first, the log's path last."""


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    on_step: Callable[[dict[str, Any]], None],
) -> None:
    """Run `command` to its end, `on_step` called with each new line of directory/metrics.jsonl.

    Whatever ends this call ends the command and all its processes too.
    """
    log = directory / "log.txt"
    start = log.stat().st_size if log.exists() else 0
    # A resumed run does the steps after its last checkpoint again, so a step that was there is no news.
    seen_at = time.time()
    job = guard.start(command, log=log, environment=environment)
    try:
        status = None
        while status is None:
            time.sleep(POLL_SECONDS)
            status = job.poll()
            for line in read_metrics(directory / "metrics.jsonl"):
                if line["time"] > seen_at:
                    seen_at = line["time"]
                    on_step(line)
    finally:
        job.stop()
    if status != 0:
        raise StageFailed(f"{reason(log, start) or f'exit status {status}'}; see {shown(log)}")


def shown(path: Path) -> str:
    """A path as a person finds it from where they are: the records and reports it gets into may travel."""
    return os.path.relpath(path)


def reason(log: Path, start: int = 0) -> str | None:
    """The first error that the log tells from byte `start` on: what came after is mostly its echo."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    for line in lines:
        if line.startswith("passk: "):
            return line.removeprefix("passk: ")
        if (found := _REASON.match(line.strip())) and not found[1].startswith("Ray"):
            return f"{found[1]}: {found[2][:300]}"
    return None
