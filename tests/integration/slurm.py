"""Slurm's real daemons in a directory of their own: munged, slurmctld, and a slurmd on each node."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from passk.runtime.ports import free_port
from tests.integration.conftest import MARK, prepared

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
NEEDS_SLURM = (
    pytest.mark.skipif(
        any(shutil.which(program) is None for program in PROGRAMS), reason="slurm-wlm and munge are not installed"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="slurmd runs as root"),
)
CONFIGURATION = """
ClusterName=test
SlurmctldHost={first}({address})
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool-%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd-%n.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
ReturnToService=2
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""
NODE = "NodeName={name} NodeAddr={address} CPUs={cpus} RealMemory=1000 State=UNKNOWN"
START_SECONDS, WAIT_SECONDS = 60, 300


class Slurm(NamedTuple):
    """Running daemons."""

    directory: Path
    environment: dict[str, str]
    """Variables of a command that asks the daemons."""
    inside: Callable[[int, Sequence[str], Path], list[str]]

    def asked(self, *words: str, directory: Path | None = None, text: str | None = None) -> str:
        """Return what a command prints that runs on the first node."""
        command = self.inside(0, words, directory or self.directory)
        done = subprocess.run(command, env=self.environment, input=text, capture_output=True, text=True, check=True)
        return done.stdout

    def job(self, number: str) -> str:
        return self.asked("scontrol", "show", "job", number)

    def ended(self, number: str, log: Path) -> str:
        """Wait for the end of a job, and return its state."""
        return wait_for(lambda: re.search("JobState=(COMPLETED|FAILED)", self.job(number)), log)[1]

    def begin_again(self, number: str, *, restarts: int, log: Path) -> None:
        """Wait until a job is queued again, and start it at once: by default it waits two minutes."""
        wait_for(lambda: f"Restarts={restarts}" in self.job(number), log)
        self.asked("scontrol", "update", f"jobid={number}", "starttime=now")


def in_directory(number: int, words: Sequence[str], directory: Path) -> list[str]:
    """Return the command that runs `words` in a directory of this machine, which is the only node."""
    return ["env", f"--chdir={directory}", *words]


@contextlib.contextmanager
def daemons(
    directory: Path,
    nodes: Mapping[str, str],
    inside: Callable[[int, Sequence[str], Path], list[str]] = in_directory,
) -> Iterator[Slurm]:
    """Run Slurm. nodes: the address of each host name. inside: the command that runs words on a node, from 0."""
    first, address = next(iter(nodes.items()))
    lines = [NODE.format(name=name, address=at, cpus=os.cpu_count()) for name, at in nodes.items()]
    text = CONFIGURATION.format(
        first=first,
        address=address,
        user=psutil.Process().username(),
        directory=directory,
        ports=[free_port(), free_port()],
        nodes="\n".join(lines),
    )
    (directory / "slurm.conf").write_text(text)
    (directory / "state").mkdir()
    key = directory / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    environment = {**prepared(directory), "SLURM_CONF": str(directory / "slurm.conf")}
    slurm = Slurm(directory, environment, inside)
    files = ["key-file=munge.key", "socket=munge.sock", "pid-file=munged.pid", "log-file=munged.log", "seed-file=seed"]
    munged = ["munged", "--force", *(f"--{each.replace('=', f'={directory}/')}" for each in files)]
    of_daemons = {name: value for name, value in environment.items() if name != MARK}  # they outlive a run
    commands = [munged, inside(0, ["slurmctld", "-i"], directory)]
    commands += [inside(number, ["slurmd"], directory) for number in range(len(nodes))]
    for command in commands:
        subprocess.run(command, env=of_daemons, check=True, timeout=START_SECONDS)
    try:
        idle = f"{len(nodes)}.* idle "
        wait_for(lambda: re.search(idle, slurm.asked("sinfo", "-h")), directory / "slurmctld.log", START_SECONDS)
        yield slurm
    finally:
        for program in ("slurmd", "slurmctld", "munged"):
            _end(program, directory)


def _end(program: str, directory: Path) -> None:
    """End the daemons of a program, on any node, that have this directory in their variables or command lines."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            about = [*process.cmdline(), *process.environ().values()]
            if process.name() == program and any(str(directory) in each for each in about):
                process.terminate()
                process.wait(timeout=START_SECONDS)


def wait_for(true: Callable[[], object], log: Path, seconds: float = WAIT_SECONDS):
    """Wait until `true()` is, and return it. log: what to show if it never is."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, log.read_text()[-4000:] if log.exists() else "nothing started"
        time.sleep(0.5)
    return found
