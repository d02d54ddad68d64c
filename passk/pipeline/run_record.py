"""experiment.json: what was asked, on what machine, by which command, and what each session of it took."""

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
from passk.files.layout import INGEST, ExperimentRecord, write_json
from passk.store import ingest_experiment_record
from passk.store.ingest import record_of

OTHER_PACKAGES = ("passk", "prefect", "duckdb", "datasets", "pandas", "numpy")


class RunRecord:
    """The record of an experiment while a session of it runs. Stages that run side by side write it from threads."""

    def __init__(self, plan: Plan, command: str) -> None:
        self._file, self._store = _file(plan), plan.store
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
            evaluations=[planned.record.key for planned in plan.evaluations],
            sessions=self._earlier_sessions(),
        )
        # At once: a session that is killed in its first phase was one too.
        self._save()

    def _earlier_sessions(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        return record_of(self._file, ExperimentRecord).sessions

    @contextmanager
    def phase(self, name: str, reached: Callable[[], int | None] = lambda: None) -> Iterator[None]:
        """Count the time of what is done inside to `name`, and note its failure, as `noting` does."""
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
        """Note where what is done inside fails: why, and after which step, as `reached` tells; then raise it on."""
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
        """Note that a stage or the evaluation failed for good, in one line."""
        with self._writing:
            self.record = replace(self.record, failures={**self.record.failures, name: _one_line(reason)})
            self._save()

    def filing_failed(self, reason: str) -> None:
        """Note that not all could be filed, in the store too: it has this run as one that went well."""
        self.failed(INGEST, reason)
        self.ended()
        ingest_experiment_record(self._store, self._file.parent)

    def require_no_failure(self) -> None:
        """Raise SomeFailed where a stage, the evaluation or the filing failed for good."""
        if failures := self.record.failures:
            raise SomeFailed("; ".join(f"{name} failed: {reason}" for name, reason in failures.items()))

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """Note an error that ends the run. A run that is stopped, by Ctrl-C or a cancel, has no end on record."""
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
        """Note that all was attempted."""
        with self._writing:
            self._ended = "failed" if failed or self.record.failures else "done"
            self._save()

    def _save(self) -> None:
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
    """Whether the report that is there is one of all that the plan asks for, and nothing failed in its session.

    Keys tell apart what is trained and sampled, not what else a report says: a benchmark's k, the question, what the
    experiment has no more. A session writes its record first and its report last, and the record says which report was
    there before. The times of the two files do not count: the clock of a machine may be set back.
    """
    try:
        recorded, report = json.loads(_file(plan).read_text()), _stamp(plan)
        same = json.dumps(recorded["config"]) == json.dumps(_config(plan))
        written = report is not None and recorded["sessions"][-1].get("report_before") != report
        return same and written and not recorded.get("failures")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _stamp(plan: Plan) -> list[int] | None:
    """What tells a report from the one before it: each is a new file. None without a report."""
    try:
        status = (plan.directory / "report.md").stat()
    except OSError:
        return None
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def _file(plan: Plan) -> Path:
    return plan.directory / "experiment.json"


def _config(plan: Plan) -> dict[str, Any]:
    return without_secrets(plan.experiment.model_dump(mode="json", by_alias=True))


_processes_first = True


def _seconds_before() -> float:
    """What went by in this process before its first experiment: imports, and the Prefect server of a `passk run`."""
    global _processes_first
    first, _processes_first = _processes_first, False
    if not first:
        return 0.0
    # Both count from the start of the machine, so a clock that is set meanwhile changes nothing.
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
    """The commit of the checkout that passk runs from; empty where it was installed from elsewhere."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(git("status", "--porcelain"))} if commit else {}


def spelled_command() -> str:
    """This process's command line as a person would type it, without keys and passwords."""
    return shlex.join(hidden(word) for word in [Path(sys.argv[0]).name, *sys.argv[1:]])
