"""Writer of experiment.json: configuration, machine, command, and the times and failures of each session."""

import json
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from passk.base import gpus
from passk.base.errors import PasskError, SomeFailed, line
from passk.base.redact import hidden, without_secrets
from passk.experiment.plan import Plan
from passk.experiment.result_versions import VERIFIER_PACKAGES, engine_versions, installed
from passk.files import layout
from passk.files.layout import INGEST, ExperimentRecord, write_json
from passk.store import ingest_experiment_record
from passk.store.records import record_of

OTHER_PACKAGES = ("passk", "prefect", "duckdb", "datasets", "pandas", "numpy")


class RunRecord:
    """The record of an experiment during a session. Stages that train in parallel write it from threads."""

    def __init__(self, plan: Plan, command: str) -> None:
        self._plan, self._file, self._store = plan, _file(plan), plan.store
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()
        self._before = _seconds_before()
        self._report_before = _stamp(plan)
        self._phases: dict[str, float] = {}
        self._failed: list[dict[str, Any]] = []
        self._ended: str | None = None
        self._open, self._busy, self._busy_since = 0, 0.0, 0.0
        self._writing = threading.Lock()
        self.record = ExperimentRecord(
            name=plan.experiment.name,
            question=hidden(plan.experiment.question),
            config=_config(plan),
            command=hidden(command),
            versions=_versions(),
            hardware=_hardware(),
            code=_code(Path(__file__).parents[1]),
            stages={planned.record.name: planned.record.key for planned in plan.stages},
            sessions=self._earlier_sessions(),
        )
        # Now, so that a session that is killed in its first phase is recorded too.
        self._save()

    def _earlier_sessions(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        return record_of(self._file, ExperimentRecord).sessions

    @contextmanager
    def phase(self, name: str, reached: Callable[[], int | None] = lambda: None) -> Iterator[None]:
        """Add the time of the block to the phase `name`, and record its failure as `noting` does."""
        started = time.perf_counter()
        with self._writing:
            self._busy_since = self._busy_since if self._open else started
            self._open += 1
        try:
            with self.noting(name, reached):
                yield
        finally:
            now = time.perf_counter()
            with self._writing:
                self._open -= 1
                self._busy += 0.0 if self._open else now - self._busy_since
                self._phases[name] = self._phases.get(name, 0.0) + now - started
                self._save()

    @contextmanager
    def noting(self, name: str, reached: Callable[[], int | None] = lambda: None) -> Iterator[None]:
        """Record a failure of the block with its reason and the step that `reached` returns, then raise it again."""
        try:
            yield
        except Exception as error:
            reason = str(error) if isinstance(error, PasskError) else f"{type(error).__name__}: {error}"
            attempt = {"what": name, "step": reached(), "reason": _one_line(reason)}
            with self._writing:
                self._failed.append(attempt)
                self._save()
            raise

    def failed(self, name: str, reason: str) -> None:
        """Record in one line that a stage or the evaluation failed after all retries."""
        with self._writing:
            self.record = replace(self.record, failures={**self.record.failures, name: _one_line(reason)})
            self._save()

    def ingest_failed(self, reason: str) -> None:
        """Record that the ingest failed, also in the database, which has this run as a successful one."""
        self.failed(INGEST, reason)
        self.ended()
        ingest_experiment_record(self._store, self._file.parent)

    def require_no_failure(self) -> None:
        """Raise SomeFailed if a stage, the evaluation or the ingest failed after all retries."""
        if failures := self.record.failures:
            raise SomeFailed("; ".join(f"{name} failed: {reason}" for name, reason in failures.items()))

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """Record an error that ends the run. A run that Ctrl-C or a cancel stops has no recorded end."""
        try:
            yield
        except Exception:
            self.ended(failed=True)
            raise
        except BaseException:
            with self._writing:
                self._ended = None
                self._save()
            raise

    def ended(self, *, failed: bool = False) -> None:
        """Record that the run attempted everything."""
        with self._writing:
            self._ended = "failed" if failed or self.record.failures else "done"
            self._save()

    def _save(self) -> None:
        # A stage that has just ended may have fewer checkpoints than it could have.
        evaluations = [planned.record.key for planned in self._plan.evaluations]
        self.record = replace(self.record, evaluations=evaluations)
        session = {
            "started": self._started.isoformat(timespec="seconds"),
            "code": self.record.code,
            "before": round(self._before, 2),
            "seconds": round(time.perf_counter() - self._clock, 2),
            "busy": round(self._busy, 2),
            "phases": {name: round(seconds, 2) for name, seconds in self._phases.items()},
            "failed": self._failed,
            "ended": self._ended,
            "report_before": self._report_before,
        }
        write_json(self._file, replace(self.record, sessions=[*self.record.sessions, session]))


def is_reported(plan: Plan) -> bool:
    """Return whether the existing report covers the whole plan and nothing failed in its session.

    Keys do not cover everything in a report, such as the benchmark's k, the question and removed stages, so the
    configurations are compared. A session writes its record first, with a stamp of the earlier report, and its report
    last. The times of the two files are not compared, since the clock of a machine may be set back.
    """
    try:
        recorded, report = json.loads(_file(plan).read_text()), _stamp(plan)
        same = json.dumps(recorded["config"]) == json.dumps(_config(plan))
        written = report is not None and recorded["sessions"][-1].get("report_before") != report
        return same and written and not recorded.get("failures")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _stamp(plan: Plan) -> list[int] | None:
    """Return a stamp that differs between reports, since each is a new file; None without a report."""
    try:
        status = layout.report(plan.directory).stat()
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def _file(plan: Plan) -> Path:
    return layout.experiment_record(plan.directory)


def _config(plan: Plan) -> dict[str, Any]:
    return without_secrets(plan.experiment.model_dump(mode="json", by_alias=True))


_processes_first = True


def _seconds_before() -> float:
    """Return the seconds of this process before its first experiment: imports and the start of Prefect's server."""
    global _processes_first
    first, _processes_first = _processes_first, False
    if not first:
        return 0.0
    # Both count from the start of the machine, so a change of the clock has no effect.
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


def _one_line(text: str) -> str:
    return line(" ".join(text.split()))


def _versions() -> dict[str, str]:
    judging = {name for packages in VERIFIER_PACKAGES.values() for name in packages}
    return {"python": platform.python_version(), **engine_versions(), **installed([*OTHER_PACKAGES, *sorted(judging)])}


def _hardware() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": gpus.listed(),
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _code(directory: Path) -> dict[str, Any]:
    """Return the commit of the checkout that passk runs from; {} without a checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(git("status", "--porcelain"))} if commit else {}


def spelled_command() -> str:
    """Return this process's command line as a person would type it, without keys and passwords."""
    return shlex.join(hidden(word) for word in [Path(sys.argv[0]).name, *sys.argv[1:]])
