"""A cluster of several nodes on one machine: network namespaces with an address and a loopback each, and Ray over them.

    python -m dev.cluster --nodes 2 --gpus 2 -- passk run EXPERIMENT.yaml

The nodes share the file system. COMMAND runs on the first node, with RAY_ADDRESS set. It needs root and iproute2.
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
from pathlib import Path
from types import TracebackType
from typing import Self

from passk.base.errors import PasskError

NETWORK = "10.123.0"
INTERFACE = "eth0"
HEAD_PORT, DASHBOARD_PORT = 6379, 8265
START_SECONDS = 180


def permitted() -> bool:
    """Return whether this process may create network namespaces and pairs of links."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"passk-try-{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except PasskError:
        return False
    try:
        _ip("-n", name, "link", "add", "one", "type", "veth", "peer", "name", "two")
        return True
    except PasskError:
        return False
    finally:
        _ip("netns", "del", name)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PasskError(f"ip {' '.join(words)}: {done.stderr.strip() or done.returncode}; run it as root")
    return done.stdout


class Nodes:
    """Namespaces that are joined by a bridge in a namespace of its own. The machine's own network stays as it is."""

    def __init__(self, count: int) -> None:
        self._hub = f"passk-{os.getpid()}-hub"
        self.names = [f"passk-{os.getpid()}-{number}" for number in range(count)]

    def __enter__(self) -> Self:
        _ip("netns", "add", self._hub)
        _ip("-n", self._hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "bridge", "up")
        for number, name in enumerate(self.names):
            _ip("netns", "add", name)
            _ip("-n", self._hub, "link", "add", f"to{number}", "type", "veth", "peer", "name", INTERFACE, "netns", name)
            _ip("-n", self._hub, "link", "set", f"to{number}", "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", INTERFACE)
            for link in ("lo", INTERFACE):
                _ip("-n", name, "link", "set", link, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, name in enumerate(self.names):
            self.kill(number)
            _ip("netns", "del", name)
        _ip("netns", "del", self._hub)

    @staticmethod
    def address(number: int) -> str:
        """Return the address of a node, from 0."""
        return f"{NETWORK}.{number + 1}"

    def command(self, number: int, words: list[str]) -> list[str]:
        """Return the command line that runs `words` on a node, with a host name of its own."""
        name = self.names[number]
        inside = ["sh", "-c", 'hostname "$0" && exec "$@"', f"node{number}", *words]
        return ["ip", "netns", "exec", name, "unshare", "--uts", *inside]

    def link(self, number: int, *, up: bool) -> None:
        """Connect or disconnect a node."""
        _ip("-n", self._hub, "link", "set", f"to{number}", "up" if up else "down")

    def processes(self, number: int) -> list[int]:
        """Return the process ids on a node."""
        return [int(pid) for pid in _ip("netns", "pids", self.names[number]).split()]

    def kill(self, number: int, seconds: float = 30) -> None:
        """End every process on a node with SIGKILL."""
        deadline = time.monotonic() + seconds
        while (pids := self.processes(number)) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)


class Ray:
    """A Ray cluster over nodes, with a token and a directory of its own. The first node is the head."""

    def __init__(self, nodes: Nodes, *, gpus: int) -> None:
        self._nodes, self._gpus = nodes, gpus
        self._directory = Path(tempfile.mkdtemp(prefix="passk-nodes-"))
        self._token = self._directory / "token"
        self._token.write_text(os.urandom(32).hex())
        self._token.chmod(0o600)

    @property
    def variables(self) -> dict[str, str]:
        """Variables of a command that uses the cluster."""
        return {
            "RAY_ADDRESS": f"{self._nodes.address(0)}:{HEAD_PORT}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._token),
            "GLOO_SOCKET_IFNAME": INTERFACE,
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def start(self, number: int) -> None:
        """Start Ray on a node, the head on the first one."""
        address = self._nodes.address(number)
        words = [str(Path(sys.executable).with_name("ray")), "start", f"--node-ip-address={address}"]
        words += [f"--num-gpus={self._gpus}", "--num-cpus=8", "--object-store-memory=200000000"]
        if number == 0:
            words += [
                "--head",
                f"--port={HEAD_PORT}",
                f"--dashboard-port={DASHBOARD_PORT}",
                f"--dashboard-host={address}",
            ]
            words.append(f"--temp-dir={self._directory / 'r'}")
        else:
            words.append(f"--address={self._nodes.address(0)}:{HEAD_PORT}")
        environment = {**os.environ, **self.variables}
        del environment["RAY_ADDRESS"]
        done = subprocess.run(
            self._nodes.command(number, words), env=environment, capture_output=True, text=True, check=False,
            timeout=START_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise PasskError(f"node {number}: Ray did not start: {(done.stdout + done.stderr)[-1000:]}")

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
            return subprocess.run(nodes.command(0, options.command), env=environment, check=False).returncode
        finally:
            ray.remove()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PasskError as error:
        sys.exit(f"dev.cluster: {error}")
