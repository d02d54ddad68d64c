"""Run a training or evaluation command, follow its metrics, and report in one line why it failed.

A training stage is a Ray job (`train`). An evaluation with one engine is a guarded process on this machine (`run`). In
each case the command ends when the call ends.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passk.files import layout
from passk.files.metrics_log import NewLines
from passk.runtime import failure_record, failures, process_tree, ray_cluster
from passk.runtime.failures import StageFailed
from passk.runtime.ray_job import Job

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
TELL_SECONDS = 60.0
"""Time between two lines about a job that Ray does not start."""


def run(command: Sequence[str], *, environment: Mapping[str, str], directory: Path, stall_timeout_s: float) -> None:
    """Run `command` on this machine and append its output to directory/log.txt. Raises StageFailed.

    stall_timeout_s: seconds without a new line in directory/metrics.jsonl.
    """
    log, metrics = layout.log(directory), layout.metrics(directory)
    start = _size(log)
    failure_record.forget(directory)
    recording = {failure_record.VARIABLE: str(layout.failure(directory))}
    process = process_tree.start(command, log=log, environment={**environment, **recording})
    moved, seen = time.monotonic(), _size(metrics)
    try:
        while (status := process.poll()) is None:
            time.sleep(POLL_SECONDS)
            if (size := _size(metrics)) != seen:
                moved, seen = time.monotonic(), size
            if time.monotonic() - moved > stall_timeout_s:
                raise StageFailed(f"no sample for {stall_timeout_s:g} s; see {shown(log)}", "hung")
    finally:
        process.stop()
    if status != 0:
        raise _failed(log, failure_record.cause(directory) or failures.read(log, start, status))


def train(
    command: Sequence[str],
    *,
    cluster: Mapping[str, str],
    environment: Mapping[str, str],
    directory: Path,
    about: str,
    stall_timeout_s: float,
    gpus: int = 0,
    is_open: Callable[[], bool] = lambda: True,
    on_step: Callable[[dict[str, Any]], None],
    on_evaluation: Callable[[dict[str, Any]], None] = lambda line: None,
) -> None:
    """Run `command` as a Ray job to its end, and call `on_step` with each new line of directory/metrics.jsonl.

    cluster: variables from ray_cluster. environment: variables of the job's processes beyond those of their node.
    about: text in the dashboard. stall_timeout_s: seconds without a new line. gpus: GPUs of the command itself; its Ray
    actors request their own. is_open: returns False once the run is stopped. on_evaluation: `on_step` of
    evaluations.jsonl. Raises StageFailed, and KeyboardInterrupt if it is stopped.
    """
    log, metrics = layout.log(directory), layout.metrics(directory)
    start, job = _size(log), None
    new_lines, new_evaluations = NewLines(metrics), NewLines(layout.training_evaluations(directory))
    try:
        job = Job(cluster["RAY_API_SERVER_ADDRESS"], directory, ray_cluster.request_headers(cluster))
        job.submit(command, environment=environment, gpus=gpus, about=about)
        moved, ended = time.monotonic(), None
        logged_at = moved
        while ended is None:
            time.sleep(POLL_SECONDS)
            ended = job.poll()
            if job.is_pending and time.monotonic() - logged_at > TELL_SECONDS:
                logged_at = time.monotonic()
                logger.info("%s: Ray has not started the job; it waits for a node with %d free GPUs", about, gpus)
            for read, call in ((new_lines, on_step), (new_evaluations, on_evaluation)):
                for line in read():
                    moved = time.monotonic()
                    if type(line.get("step")) is int:  # an evaluation's progress has no step
                        call(line)
            if not is_open():
                raise KeyboardInterrupt
            if time.monotonic() - moved > stall_timeout_s:
                raise StageFailed(f"no step for {stall_timeout_s:g} s; see {shown(log)}", "hung")
    except StageFailed as error:
        if error.kind == "lost":
            ray_cluster.replace(cluster)
            # The log may name a cause, but the training is lost with the cluster in any case.
            raise StageFailed(f"{error}; see {shown(log)}", "lost") from None
        raise
    finally:
        if job is not None:
            job.stop()
    if ended.status.value != "SUCCEEDED":
        raise _failed(log, failure_record.cause(directory) or _why(log, start, ended))


def _why(log: Path, start: int, ended: "JobDetails") -> failures.Failure:
    """Return the root cause from the log, or from Ray's message if the job has no log."""
    if ended.driver_exit_code is not None and log.exists() and log.stat().st_size > start:
        return failures.read(log, start, ended.driver_exit_code)
    failure = failures.failure((ended.message or "").splitlines(), ended.driver_exit_code)
    if ended.driver_exit_code is not None or failure.kind in ("memory", "disk"):
        return failure
    message = " ".join((ended.message or f"the job was {ended.status.value.lower()}").split())[:300]
    return failures.Failure("configuration" if "RUNTIME_ENV" in str(ended.error_type) else "lost", message)


def _failed(log: Path, why: failures.Failure) -> StageFailed:
    return StageFailed(f"{why.reason}; see {shown(log)}", why.kind)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def shown(path: Path) -> str:
    """Return a path relative to the working directory: records and reports may move to another machine."""
    return os.path.relpath(path)
