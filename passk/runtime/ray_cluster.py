"""The Ray cluster of a run: one of its own on 127.0.0.1, or the user's at RAY_ADDRESS."""

import os
import secrets
import socket
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from passk.base.errors import ConfigError, PasskError
from passk.experiment.compute import Compute
from passk.runtime import process_tree
from passk.runtime.environment import environment
from passk.runtime.ports import free_port

START_SECONDS = 300
"""for one that comes up slowly, on a machine that does much else; one that dies is noticed at once"""
# Ray turns 127.0.0.1 into the machine's outside address, and listens on all of them, unless this is 0.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_TOKEN = "RAY_AUTH_TOKEN"
OBJECT_STORE_BYTES = 512 * 2**20  # a tiny model's batches; Ray's own default is a third of the memory
TOKEN_FILE = "token"
RAY_DIRECTORY = "r"
"""Ray's own directory, which Ray opens to every user; the private one around it keeps them out. One letter, for a short
path: Ray's sockets lie in it, and a socket's path holds about 100 characters"""
_SESSION = "PASSK_CLUSTER"
"""key under which a joined cluster carries the name of its session; a flow may hand it to threads of its own"""


class ClusterGone(PasskError):
    """A cluster of our own ended, for example because its head was killed."""

    retry = True


class NoJobServer(ConfigError):
    """Nobody answers at RAY_ADDRESS: it is wrong, or the head is away for a while."""

    retry = True


class _Session:
    """A cluster between entering and leaving `ray_cluster`; started anew where its head was lost."""

    def __init__(self, compute: Compute, log: Path) -> None:
        self._compute, self._log = compute, log
        self._lock = threading.Lock()
        self._head: process_tree.Guarded | None = None
        self._closed = self._replaced = False
        self._joined: dict[str, str] = {}

    def join(self) -> dict[str, str]:
        with self._lock:
            if self._closed:
                raise PasskError("the Ray cluster of this run has been left")
            if "RAY_ADDRESS" in os.environ:
                address = os.environ["RAY_ADDRESS"]
                self._joined = self._joined or {"RAY_ADDRESS": address, "RAY_API_SERVER_ADDRESS": job_server(address)}
            elif not self._runs():
                self._start()
            return dict(self._joined)

    def _runs(self) -> bool:
        if self._head is None:
            return False
        if self._replaced:
            self._replaced = False
            self._head.stop()
            return False
        with socket.socket() as probe:
            host, _, port = self._joined["RAY_API_SERVER_ADDRESS"].rpartition("/")[2].partition(":")
            if self._head.poll() is None and probe.connect_ex((host, int(port))) == 0:
                return True
        self._head.stop()
        return False

    def _start(self) -> None:
        scratch = Path(tempfile.mkdtemp(prefix="passk-"))  # mode 0700
        access = _access(scratch)
        ports = [free_port() for _ in range(6)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        variables = environment(self._compute) | LOOPBACK_ONLY | access
        variables.pop(_TOKEN, None)  # of another cluster; Ray would take it before ours
        command = _head(self._compute, ports, scratch)
        self._head = process_tree.start(command, log=self._log, environment=variables, scratch=scratch)
        if not self._head.wait_until(lambda: b"Ray runtime started" in self._log.read_bytes(), START_SECONDS):
            self._head.stop()
            raise PasskError(f"Ray did not start on 127.0.0.1:{ports[0]}; see {os.path.relpath(self._log)}")
        self._joined = {
            "RAY_ADDRESS": f"127.0.0.1:{ports[0]}",
            "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{ports[1]}",
            **LOOPBACK_ONLY,
            **access,
        }

    def replace(self) -> None:
        self._replaced = True

    def close(self) -> None:
        self._closed = True
        with self._lock:
            if self._head is not None:
                self._head.stop()


def _access(scratch: Path) -> dict[str, str]:
    """Make the token of a cluster of our own, and return the variables by which Ray demands it and sends it.

    They name the file. The token itself is in no environment, command line or log.
    """
    file = scratch / TOKEN_FILE
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as output:
        output.write(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}


def request_headers(joined: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a joined cluster's job server demands.

    They are empty for a cluster at RAY_ADDRESS: there Ray sends what the user's own RAY_AUTH_MODE and token say.
    Raises PasskError where a cluster of our own is gone, and its token with it.
    """
    if not (file := joined.get("RAY_AUTH_TOKEN_PATH")):
        return {}
    try:
        return {"Authorization": f"Bearer {Path(file).read_text()}"}
    except OSError:
        raise ClusterGone("the Ray cluster of this run is gone; the same command starts another one") from None


_open: dict[str, _Session] = {}


@contextmanager
def ray_cluster(compute: Compute, log: Path) -> Iterator[dict[str, str]]:
    """Give the environment that joins a running cluster, the job server's address with it.

    One started here is gone afterwards, whatever happens. Raises PasskError where it does not start, ConfigError
    where no job server is found at RAY_ADDRESS.
    """
    name, session = uuid.uuid4().hex, _Session(compute, log)
    _open[name] = session
    try:
        yield {**session.join(), _SESSION: name}
    finally:
        del _open[name]
        session.close()


def rejoined(joined: Mapping[str, str]) -> dict[str, str]:
    """The same cluster as it is now: one of our own whose head was lost is started anew."""
    session = _open.get(joined.get(_SESSION, ""))
    return {**session.join(), _SESSION: joined[_SESSION]} if session else dict(joined)


def replace(joined: Mapping[str, str]) -> None:
    """Start a cluster of our own anew at the next `rejoined`: it runs, and does not answer."""
    if session := _open.get(joined.get(_SESSION, "")):
        session.replace()


def is_open(joined: Mapping[str, str]) -> bool:
    """False once the flow has left the cluster, on whatever way."""
    return _SESSION not in joined or joined[_SESSION] in _open


def job_server(address: str) -> str:
    """The address of the job server (Ray's dashboard) of the cluster at RAY_ADDRESS. Raises ConfigError.

    NoJobServer is one that another try is worth, in a run that has been on that cluster before.
    """
    if address.startswith(("http://", "https://")):
        return address
    if "://" in address:
        raise ConfigError(
            f"RAY_ADDRESS: {address} takes no jobs; give the head's, as in 10.0.0.1:6379, or http://10.0.0.1:8265"
        )
    from ray.dashboard.utils import get_address_for_submission_client
    from ray.exceptions import RayError

    try:
        found = get_address_for_submission_client(address)
    except (RayError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise NoJobServer(
            f"RAY_ADDRESS: no job server found by {address} ({reason}); give the dashboard's address, "
            f"as in http://10.0.0.1:8265"
        ) from None
    return found


def _head(compute: Compute, ports: list[int], scratch: Path) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "passk.runtime.ray_head",
        "start",
        "--head",
        "--block",
        "--node-ip-address=127.0.0.1",
        f"--port={ports[0]}",
        "--include-dashboard=true",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={ports[1]}",
        # Fixed by default, and so in the way of a second cluster on this machine:
        f"--ray-client-server-port={ports[2]}",
        f"--dashboard-agent-listen-port={ports[3]}",
        f"--dashboard-agent-grpc-port={ports[4]}",
        f"--metrics-export-port={ports[5]}",
        # Fixed to 10002-19999, of which two clusters take the same one at once; 0: whichever the kernel gives.
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--disable-usage-stats",
        f"--temp-dir={scratch / RAY_DIRECTORY}",
    ]
    if compute.profile == "cpu":
        stage = compute.nodes * compute.gpus_per_node + compute.engines * compute.tensor_parallel
        gpus = stage * compute.max_parallel_stages
        command += [
            f"--num-gpus={gpus}",
            f"--num-cpus={gpus + 4}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]
    return command
