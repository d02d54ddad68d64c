"""One experiment that is killed: how it is started, how far it is, and its processes."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow.parquet

from dev import chaos_setups
from dev.chaos_setups import NAME, Setup
from passk.experiment.compute import Compute
from passk.runtime.ports import free_port
from passk.runtime.ray_cluster import ray_cluster

MARK = "PASSK_CHAOS"
"""Variable in the environment of all processes of a run: its directory."""
FLOW, FILING, REBUILD = "flow", "flow while it ingests", "ingest --rebuild"
# A process is known by a word of its command line. An actor's is its class.
WORDS = {
    "guard": "passk.runtime.process_tree",
    "Prefect server": "prefect server start",
    "make serve": "flows.serve",
    "worker": "prefect worker start",
    "Ray head": "gcs_server",
    "raylet": "raylet/raylet",
    "job server": "dashboard/dashboard.py",
    "Ray agent": "dashboard/agent.py",
    "runtime env agent": "runtime_env/agent/main.py",
    "job supervisor": "JobSupervisor",
    "job watchdog": "passk.runtime.job_watchdog",
    "driver": "-m passk.openrlhf --",
    "sft trainer": "passk.openrlhf.sft",
    "trainer actor": "ray::PasskPolicy",
    "vLLM actor": "ray::PasskEngine",
    "sampler": "passk.evaluation.evaluate",
    "verifier child": "passk.verifiers.child",
}
KINDS = (FLOW, FILING, REBUILD, *WORDS)
_OF_THE_CLUSTER = ("Ray head", "raylet", "job server", "Ray agent", "runtime env agent")
_DEPLOYED = "prefect.engine"
_EXPORT = re.compile(r"export \S.*")


@dataclass(frozen=True)
class Standing:
    """How far a run is: what is finished, the steps of the stage that trains, its last checkpoint, the samples."""

    finished: int
    stage: str
    steps: int
    checkpoint: int
    samples: int
    """Samples on disk, of all evaluations."""

    def beyond(self, other: "Standing") -> bool:
        """Further than `other`: a step or a sample more. One stage trains at a time."""
        return (self.finished, self.steps, self.samples) > (other.finished, other.steps, other.samples)


class Run:
    """One experiment in a directory of its own, started again as often as it takes."""

    def __init__(self, directory: Path, setup: Setup, seed: int) -> None:
        self.directory, self.setup, self.ended = directory, setup, False
        self.runs = directory / "runs"
        directory.mkdir(parents=True, exist_ok=True)
        chaos_setups.write(directory, setup, seed)
        # A path of its own and short: Ray's sockets are in it.
        mark = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]
        self.scratch = Path(tempfile.gettempdir()) / f"c{mark}"
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "PREFECT_API_URL")}
        variables = {MARK: str(directory), "PREFECT_HOME": str(directory / "prefect"), "TMPDIR": str(self.scratch)}
        self.environment = {**kept, **variables, "PREFECT_WORKER_QUERY_SECONDS": "2"}
        self._held, self._spared = ExitStack(), 0
        if not setup.own_ray:
            self._spared = os.getpid()  # its guard is this process's, and is not killed
            self._join_cluster()
        self._log = (directory / "output.txt").open("a")
        self.flow: subprocess.Popen[bytes] | None = None
        self._port, self._requested = free_port(), False

    def _join_cluster(self) -> None:
        compute = Compute(profile="cpu", **self.setup.compute)
        os.environ[MARK] = str(self.directory)  # by which the actors on the cluster are known
        try:
            joined = self._held.enter_context(ray_cluster(compute, self.directory / "ray.log"))
        finally:
            del os.environ[MARK]
        self.environment |= joined

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command of passk in the run's directory."""
        return self._start([sys.executable, "-c", "from passk.cli.main import main; main()", *words])

    def keep_going(self) -> None:
        """Start what ended without being done, and notice when the experiment is done."""
        if self.setup.by_server:
            self._keep_serving()
        elif self.flow is not None and self.flow.poll() == 0:
            self.ended = True
        elif self.flow is None or self.flow.poll() is not None:
            self.flow = self.command("run", f"{NAME}.yaml")

    def stop_servers(self) -> None:
        """End `make serve` and the cluster of somebody else, as their owners do."""
        if self.setup.by_server and self.flow is not None:
            self.flow.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.flow.wait(120)
        self._held.close()

    def close(self) -> None:
        """Kill whatever of the run still runs, and remove its temporary files."""
        for process, _ in self._living():
            with suppress(psutil.Error):
                process.kill()
        self._held.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def left(self) -> list[str]:
        """The processes that are left, each with its command line."""
        return [f"{process.pid} {line[:120]}" for process, line in self._living()]

    def standing(self) -> Standing:
        run = self.runs / NAME
        finished = len(list(run.glob("stages/*/manifest.json"))) + len(list(run.glob("evaluations/*/manifest.json")))
        for metrics in run.glob("stages/*/metrics.jsonl"):
            if not (metrics.parent / "manifest.json").exists():
                seals = metrics.parent.glob("checkpoints/**/seal.json")
                saved = [
                    int(name) for seal in seals if (name := seal.parent.name.removeprefix("global_step")).isdigit()
                ]
                steps = metrics.read_bytes().count(b"\n")
                return Standing(finished, metrics.parent.name, steps, max(saved, default=0), samples_on_disk(run))
        return Standing(finished, "", 0, 0, samples_on_disk(run))

    def is_ingesting(self) -> bool:
        """DuckDB's log of what is not in the file yet is beside it."""
        return (self.runs / "passk.duckdb.wal").exists()

    def kinds(self) -> tuple[str, ...]:
        """The kinds of process that may be killed in this setup: a cluster of somebody else is left alone."""
        return KINDS if self.setup.own_ray else tuple(kind for kind in KINDS if kind not in _OF_THE_CLUSTER)

    def processes(self, kind: str) -> list[psutil.Process]:
        """Those of a kind that live."""
        if kind == FILING and not self.is_ingesting():
            return []
        flow = _DEPLOYED if self.setup.by_server else f"run {NAME}.yaml"
        word = flow if kind in (FLOW, FILING) else WORDS[kind]
        return [
            process
            for process, line in self._living()
            if word in line and (kind == "guard") == (WORDS["guard"] in line) and process.ppid() != self._spared
        ]

    def _living(self) -> Iterator[tuple[psutil.Process, str]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(self.directory):
                    yield process, " ".join(process.cmdline())

    def _start(self, words: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words, cwd=self.directory, env=self.environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def _keep_serving(self) -> None:
        """`make serve`, and one run of its deployment: only a new `make serve` may run it again."""
        self.ended = (self.runs / NAME / "report.md").exists() and not self.processes(FLOW)
        if self.flow is None or self.flow.poll() is not None:
            logs = str(self.directory / "logs")
            words = ["-m", "flows.serve", "--port", str(self._port), "--pool", "cpu", "--logs", logs]
            self.flow = self._start([sys.executable, *words])
        output = (self.directory / "output.txt").read_text(errors="replace")
        if self._requested or "watch it at" not in output:
            return
        self._requested = True
        parameters = [f"file={self.directory / NAME}.yaml", f"runs={self.runs}"]
        prefect = f"{sys.executable} -m prefect deployment run experiment/maze-nightly"
        words = " ".join(f"--param {parameter}" for parameter in parameters)
        self._start(["bash", "-c", "; ".join([*_EXPORT.findall(output), f"{prefect} {words}"])])


def samples_on_disk(run: Path) -> int:
    """Judged samples in the files of all evaluations of a run."""
    while True:
        # Shards go when their evaluation is sealed: look again then.
        with suppress(FileNotFoundError):
            return sum(map(_samples_of, run.glob("evaluations/*/evaluation.json")))


def _samples_of(evaluation: Path) -> int:
    whole = (evaluation.parent / "manifest.json").exists()
    files = [evaluation.parent / "samples.parquet"] if whole else list(evaluation.parent.glob("shards/[0-9]*.parquet"))
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)


def left_in(directory: Path, scratch: Path) -> list[str]:
    """What an experiment that is done must not leave: unfinished files under runs/, passk's own in TMPDIR."""
    remains = []
    for path in sorted((directory / "runs").rglob("*")):
        hidden = path.name.startswith(".") and path.name not in (".locks", ".writer")
        unfinished = path.suffix in (".tmp", ".wal", ".new") or path.name in ("checkpoints", "shards")
        if (hidden or unfinished) and ".locks" not in path.parent.parts:
            remains.append(str(path.relative_to(directory)))
    return remains + [f"{scratch.name}/{path.name}" for path in sorted(scratch.glob("passk-*"))]
