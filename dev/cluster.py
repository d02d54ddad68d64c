"""A cluster of several nodes on one machine, with a Ray cluster over them.

    python -m dev.cluster --nodes 2 --gpus 2 -- passk run EXPERIMENT.yaml

A node is a set of Linux namespaces: processes, host name, mounts, and a network with its own address and loopback.
A bridge joins the nodes. They share the files. The machine's own network is unchanged, and everything ends with the
caller. COMMAND runs on the first node, with RAY_ADDRESS set. It needs root, iproute2 and util-linux.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from passk.base.errors import PasskError

NETWORK = "10.123.0"
INTERFACE = "eth0"
HEAD_PORT, DASHBOARD_PORT = 6379, 8265
AGENT_PORTS = ("--dashboard-agent-listen-port=52365", "--runtime-env-agent-port=52366")
START_SECONDS, STARTS = 300, 4
"""Longest wait for Ray on a node, and attempts to start it: on a busy machine a node aborts (ray_cluster.py)."""
_PROGRAMS = ("ip", "unshare", "nsenter", "bash", "mount", "hostname")
_NAMESPACES = ("--pid", "--mount", "--uts", "--net")
# The holder is process 1 of its namespaces: it reaps orphans, and ends when the caller's end closes its input.
_HOLD = 'hostname "$0" && mount --bind "$1" /etc/hosts && { cat <&0 & echo ready; wait; }'


def permitted() -> bool:
    """Return whether this process may create namespaces and links."""
    if os.geteuid() != 0 or not all(map(shutil.which, _PROGRAMS)):
        return False
    try:
        with Nodes(1):
            return True
    except PasskError:
        return False


def _done(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PasskError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}; run it as root")


class _Holder:
    """The first process of a node. Its end ends all processes of the node at once, as a power cut does."""

    def __init__(self, name: str, hosts: Path) -> None:
        command = ["unshare", "--fork", "--kill-child", "--mount-proc", *_NAMESPACES, "bash", "-c", _HOLD]
        self._process = subprocess.Popen(
            [*command, name, str(hosts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout and self._process.stderr
        if self._process.stdout.readline() != "ready\n":
            self._process.wait()
            raise PasskError(f"unshare: {self._process.stderr.read().strip()}; run it as root")
        self.pid, *others = [each.pid for each in psutil.Process(self._process.pid).children(recursive=True)]
        self.pids = {self.pid, *others}

    def inside(self, *words: str, directory: str = "/") -> list[str]:
        return ["nsenter", f"--target={self.pid}", *_NAMESPACES, f"--wd={directory}", *words]

    def ip(self, *words: str) -> None:
        """Run `ip` in the node's network, where process ids are still those of the machine."""
        _done("nsenter", f"--target={self.pid}", "--net", "ip", *words)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.communicate()


class Nodes:
    """Nodes that are joined by a bridge."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._holders: dict[int, _Holder] = {}
        self._directory = Path(tempfile.mkdtemp(prefix="passk-hosts-"))
        self._hosts = self._directory / "hosts"
        lines = [f"{self.address(number)} node{number}" for number in range(count)]
        self._hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))

    def __enter__(self) -> Self:
        try:
            self._hub = _Holder("hub", self._hosts)
            self._hub.ip("link", "add", "bridge", "type", "bridge")
            self._hub.ip("link", "set", "bridge", "up")
            for number in range(self._count):
                self.power_on(number)
        except PasskError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in list(self._holders):
            self.power_off(number)
        if hasattr(self, "_hub"):
            self._hub.end()
        shutil.rmtree(self._directory, ignore_errors=True)

    @staticmethod
    def address(number: int) -> str:
        """Return the address of a node, from 0."""
        return f"{NETWORK}.{number + 1}"

    def power_on(self, number: int) -> None:
        """Start a node without processes, and connect it."""
        holder = self._holders[number] = _Holder(f"node{number}", self._hosts)
        self._hub.ip(
            "link", "add", f"to{number}", "type", "veth", "peer", "name", INTERFACE, "netns", str(holder.pid)
        )  # fmt: skip
        self._hub.ip("link", "set", f"to{number}", "master", "bridge", "up")
        holder.ip("address", "add", f"{self.address(number)}/24", "dev", INTERFACE)
        for link in ("lo", INTERFACE):
            holder.ip("link", "set", link, "up")
        # Libraries find their own address by the route to an address outside, which nothing answers.
        holder.ip("route", "add", "default", "dev", INTERFACE)

    def power_off(self, number: int) -> None:
        """End every process on a node at once, and disconnect it."""
        self._holders.pop(number).end()

    def link(self, number: int, *, up: bool) -> None:
        """Connect or disconnect a node."""
        self._hub.ip("link", "set", f"to{number}", "up" if up else "down")

    def command(self, number: int, words: Sequence[str], directory: Path | str = "/") -> list[str]:
        """Return the command line that runs `words` on a node, in a directory."""
        return self._holders[number].inside(*words, directory=str(directory))

    def processes(self, number: int) -> list[psutil.Process]:
        """Return the processes on a node, without its holder's."""
        if number not in self._holders:
            return []
        holder = self._holders[number]
        namespace = Path(f"/proc/{holder.pid}/ns/pid").readlink()
        processes = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError):
                if process.pid not in holder.pids and Path(f"/proc/{process.pid}/ns/pid").readlink() == namespace:
                    processes.append(process)
        return processes

    def kill(self, number: int) -> None:
        """End every process on a node, which stays connected."""
        while processes := self.processes(number):
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.2)


class Ray:
    """A Ray cluster over nodes, with a token and a directory of its own. The first node is the head."""

    def __init__(self, nodes: Nodes, *, gpus: int) -> None:
        self._nodes, self._gpus = nodes, gpus
        self._directory = Path(tempfile.mkdtemp(prefix="passk-nodes-"))
        self._token = self._directory / "token"
        self._token.touch(mode=0o600)
        self._token.write_text(os.urandom(32).hex())

    @property
    def variables(self) -> dict[str, str]:
        """Variables of a command that uses the cluster."""
        return {"RAY_ADDRESS": f"{self._nodes.address(0)}:{HEAD_PORT}", **self._access}

    @property
    def _access(self) -> dict[str, str]:
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self._token), "RAY_USAGE_STATS_ENABLED": "0"}

    def start(self, number: int, **variables: str) -> None:
        """Start Ray on a node, the head on the first one. variables: of its processes there."""
        address = self._nodes.address(number)
        words = [sys.executable, "-m", "passk.runtime.ray_head", "start", f"--node-ip-address={address}"]
        words += [f"--num-gpus={self._gpus}", "--num-cpus=8", "--object-store-memory=200000000", *AGENT_PORTS]
        if number == 0:
            words += ["--head", f"--port={HEAD_PORT}", f"--temp-dir={self._directory / 'r'}"]
            words += [f"--dashboard-host={address}", f"--dashboard-port={DASHBOARD_PORT}"]
        else:
            words.append(f"--address={self._nodes.address(0)}:{HEAD_PORT}")
        for attempt in range(1, STARTS + 1):
            status, output = self._run(self._nodes.command(number, words, Path.cwd()), variables)
            if status == 0:
                return
            if attempt == STARTS:
                raise PasskError(f"node {number}: Ray did not start: {output[-1000:]}")
            self._nodes.kill(number)

    def _run(self, command: list[str], variables: dict[str, str]) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        with tempfile.TemporaryFile("w+") as output:  # daemons hold a pipe open
            done = subprocess.run(
                command, env={**environment, **self._access, **variables}, stdout=output, stderr=output, check=False,
                timeout=START_SECONDS,
            )  # fmt: skip
            output.seek(0)
            return done.returncode, output.read()

    def remove(self) -> None:
        """Remove its directory. The nodes end its processes."""
        shutil.rmtree(self._directory, ignore_errors=True)


def main() -> int:
    """Run the command on a new cluster, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev.cluster", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=2, help="Number of nodes (default: 2).")
    parser.add_argument("--gpus", type=int, default=2, help="Logical GPUs of each node (default: 2).")
    parser.add_argument("command", nargs="+", help="Command to run on the first node.")
    options = parser.parse_args()
    if not permitted():
        raise PasskError("namespaces: this process may not create them; run it as root")
    with Nodes(options.nodes) as nodes:
        ray = Ray(nodes, gpus=options.gpus)
        try:
            for number in range(options.nodes):
                ray.start(number)
            environment = {**os.environ, **ray.variables}
            command = nodes.command(0, options.command, Path.cwd())
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            ray.remove()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PasskError as error:
        sys.exit(f"dev.cluster: {error}")
