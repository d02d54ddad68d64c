"""One run over four nodes and a fault in each of its stages: nothing is lost, done twice or left behind.

Node 0 is the head and node 1 its worker, with a logical GPU each: the rank and the engine. Node 2 has the flow alone,
and node 3 Prefect's server. `runs/` is a disk of its own. Each fault comes when its stage has a checkpoint.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from dev.cluster import Nodes, Ray
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from passk.openrlhf.checkpoints import SEAL
from tests.integration.conftest import passk, prepared
from tests.integration.nodes import (
    NEEDS_NAMESPACES,
    PROBLEMS,
    left_on,
    ours,
    rollouts_of,
    stages_of,
    steps_of,
    wait_for,
)
from tests.processes import command_lines

pytestmark = [pytest.mark.slow, NEEDS_NAMESPACES]

HEAD, WORKER, FLOW, SERVER, COUNT = 0, 1, 2, 3, 4
STEPS, PROMPTS, ROLLOUTS = 6, 4, 4
DISK_MIB = 256
SUSPENDED_SECONDS, AWAY_SECONDS, STORAGE_SECONDS = 20, 30, 60
LONGEST_SECONDS = 600
"""Longest wait for a step, or for the end of a run."""
PORT = 4200
HOUR = 3600
FILLER = "filler"
STAGES = ("slow", "server", "head", "clocks", "away", "full")
EXPERIMENT = f"""
name: faults
question: Does a fault of a node change anything?
seed: 3
model: {{path: MODEL}}
{PROBLEMS}
stages:
  slow: &rl {{kind: rl, problems: train, advantage: grpo, false_positive_rate: 0.3, steps: {STEPS}, evaluate: false,
             prompts_per_step: {PROMPTS}, rollouts_per_prompt: {ROLLOUTS}, lr: 1.0e-3, max_prompt: 31, max_response: 8,
             save_every: 1}}
  server: {{<<: *rl, from: slow}}
  head: {{<<: *rl, from: server}}
  clocks: {{<<: *rl, from: head}}
  away: {{<<: *rl, from: clocks}}
  full: {{<<: *rl, from: away, evaluate: true}}
benchmarks:
  test: {{problems: test, samples: 4, k: [1, 4], max_response: 8}}
compute: {{profile: cpu, micro_batch: 4, threads: 1}}
"""
ANSWERS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)"


# libfaketime 0.9.10 makes Python's sleep fail or wait for an hour, so the clock is changed in Python itself.
AHEAD = f"import time; now = time.time; time.time = lambda: now() + {HOUR}\n"


def clock_ahead(directory: Path) -> dict[str, str]:
    """The variables of a node whose Python processes have a clock that is an hour ahead."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(AHEAD)
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(directory), os.environ.get("PYTHONPATH"))))}


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A small disk at `directory`, which nodes that start in this context share."""
    directory.mkdir()
    image = directory.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(DISK_MIB * 2**20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(directory)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a loop device cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


class Faults:
    """The run, and a method for the fault of each stage."""

    def __init__(self, directory: Path, nodes: Nodes) -> None:
        self.directory, self.nodes, self.ray = directory, nodes, Ray(nodes, gpus=1)
        self.experiment = directory / "runs" / "faults"
        self.seconds: dict[str, float] = {}
        """From the end of a stage's fault to its next step."""
        self.statuses: list[int] = []
        self.lines: list[str] = []
        """Output of each run."""
        self.environment = {
            **prepared(directory), **self.ray.variables, "HF_HUB_OFFLINE": "1",
            "PREFECT_API_URL": f"http://{nodes.address(SERVER)}:{PORT}/api",
        }  # fmt: skip

    def start_server(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", self.nodes.address(SERVER)]
        variables = {**prepared(self.directory), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        with (self.directory / "server.txt").open("w") as log:
            command = self.nodes.command(SERVER, [*command, "--port", str(PORT)], self.directory)
            self.prefect = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        health = [sys.executable, "-c", ANSWERS, f"{self.environment['PREFECT_API_URL']}/health"]
        asked = self.nodes.command(FLOW, health)
        wait_for(
            lambda: subprocess.run(asked, capture_output=True, check=False).returncode == 0,
            LONGEST_SECONDS,
            self.output,
        )

    def run(self) -> None:
        """Run the experiment, with the faults of the stages that are not finished, until the command ends."""
        file = self.directory / f"output-{len(self.statuses)}.txt"
        with file.open("w") as output:
            command = self.nodes.command(FLOW, passk("run", "faults.yaml"), self.directory)
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        for name in STAGES if not self.statuses else ():
            self.bring(name)
        self.statuses.append(self.process.wait(timeout=LONGEST_SECONDS))
        self.lines.append(file.read_text())

    def bring(self, name: str) -> None:
        """Bring the fault of a stage when it has a checkpoint, and wait for its next step."""
        wait_for(lambda: self.running() and self.seals(name), LONGEST_SECONDS, self.output)
        getattr(self, name)()
        if name == "full":
            return
        ended, before = time.monotonic(), self.steps(name)
        wait_for(
            lambda: self.running() and (self.steps(name) > before or before == STEPS), LONGEST_SECONDS, self.output
        )
        self.seconds[name] = time.monotonic() - ended

    def running(self) -> bool:
        assert self.process.poll() is None, self.output()
        return True

    def steps(self, name: str) -> int:
        stage = stages_of(self.experiment).get(name)
        return len(steps_of(stage)) if stage else 0

    def seals(self, name: str) -> list[Path]:
        """The seals of a stage's checkpoints."""
        stage = stages_of(self.experiment).get(name)
        return list(stage.glob(f"checkpoints/_actor/global_step*/{SEAL}")) if stage else []

    def output(self) -> str:
        files = sorted(self.directory.glob("*.txt"))
        logs = sorted(self.experiment.glob("stages/*/log.txt"), key=lambda file: file.stat().st_mtime)[-1:]
        return "\n".join(f"{file}:\n{file.read_text()[-5000:]}" for file in [*files, *logs])

    def slow(self) -> None:
        """The worker does nothing for a while."""
        processes = self.nodes.processes(WORKER)
        self.send(processes, signal.SIGSTOP)
        time.sleep(SUSPENDED_SECONDS)
        self.send(processes, signal.SIGCONT)

    def server(self) -> None:
        """The flow's node and the others lose the server."""
        self.nodes.link(SERVER, up=False)
        time.sleep(AWAY_SECONDS)
        self.nodes.link(SERVER, up=True)

    def head(self) -> None:
        """All processes of the head end at once. It comes back, and its worker joins it with another clock."""
        self.nodes.kill(HEAD)
        self.ray.start(HEAD)
        wait_for(lambda: not ours(self.nodes, WORKER), 200, lambda: "\n".join(ours(self.nodes, WORKER)))
        self.nodes.kill(WORKER)  # what remains of Ray there
        self.ray.start(WORKER, **clock_ahead(self.directory / "ahead"))

    def clocks(self) -> None:
        """The newest checkpoint seems an hour old, and the trainer is lost, so that its stage resumes."""
        newest = max(self.seals("clocks"), key=lambda seal: int(seal.parent.name.removeprefix("global_step")))
        with suppress(FileNotFoundError):  # just deleted
            os.utime(newest.parent, (time.time() - HOUR,) * 2)
        everything = [process for number in (HEAD, WORKER) for process in self.nodes.processes(number)]
        policies = [process for process, words in command_lines(everything) if "PasskPolicy" in " ".join(words)]
        self.send(policies, signal.SIGKILL)

    def away(self) -> None:
        """Each write to the runs waits, as on a network file system whose server is away."""
        runs = str(self.experiment.parent)
        subprocess.run(["fsfreeze", "--freeze", runs], check=True)
        try:
            time.sleep(STORAGE_SECONDS)
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", runs], check=True)

    def full(self) -> None:
        """The disk of the runs is full until the command has ended."""
        with suppress(OSError), (self.experiment.parent / FILLER).open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))
        assert self.steps("full") < STEPS, "it came in the middle of the stage"

    @staticmethod
    def send(processes: list[psutil.Process], number: signal.Signals) -> None:
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(number)

    def close(self) -> None:
        self.ray.remove()


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Iterator[tuple[Faults, list[str]]]:
    """The run with its faults, and passk's processes that are left on the nodes."""
    directory = tmp_path_factory.mktemp("faults")
    make_tiny(TinyModel(layers=2), directory / "model", seed=1)
    (directory / "faults.yaml").write_text(EXPERIMENT.replace("MODEL", str(directory / "model")))
    with small_disk(directory / "runs"), Nodes(COUNT) as nodes:
        faults = Faults(directory, nodes)
        try:
            faults.start_server()
            for number in (HEAD, WORKER):
                faults.ray.start(number)
            faults.run()
            (directory / "runs" / FILLER).unlink()
            faults.run()
            yield faults, left_on(nodes, COUNT, seconds=20)
        finally:
            faults.close()


def test_the_full_disk_alone_ends_the_command_and_the_same_command_resumes(ran):
    faults, _ = ran
    first, second = faults.lines
    assert faults.statuses == [1, 0], faults.output()
    assert "No space left on device" in first
    for name in STAGES[:-1]:
        assert f"{name}: resuming" not in second, "it was finished before"
    print(*(f"\n{name}: the next step {seconds:.0f} s after the fault" for name, seconds in faults.seconds.items()))


def test_what_was_lost_was_noticed_and_what_was_slow_or_away_was_borne(ran):
    faults, _ = ran
    first, second = faults.lines
    resumed = {name for name in STAGES if f"{name}: resuming from the last checkpoint" in first}
    assert {"head", "clocks"} <= resumed <= {"head", "clocks", "slow"}
    assert "full: resuming from the last checkpoint" in second


@pytest.mark.parametrize("name", STAGES)
def test_each_step_and_each_rollout_is_recorded_once(ran, name):
    stage = stages_of(ran[0].experiment)[name]
    assert steps_of(stage) == list(range(1, STEPS + 1))
    rollouts = rollouts_of(stage)
    assert len(rollouts) == STEPS * PROMPTS * ROLLOUTS
    assert not rollouts.duplicated(["step", "problem", "sample"]).any()
    assert (stage / "manifest.json").exists()


def test_the_run_ends_with_its_report_and_leaves_no_process_on_a_node(ran):
    faults, left = ran
    assert len(list(faults.experiment.glob("evaluations/*/manifest.json"))) == 2
    assert "full" in (faults.experiment / "report.md").read_text()
    assert left == []
