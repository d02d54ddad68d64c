"""The Ray cluster of a run: a cluster that passk starts on 127.0.0.1, or the user's at RAY_ADDRESS."""

import logging
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

from passk.base.errors import ConfigError, PasskError, one_line
from passk.experiment.compute import Compute
from passk.runtime import process_tree
from passk.runtime.environment import environment
from passk.runtime.ports import free_port

logger = logging.getLogger(__name__)
START_SECONDS = 300
"""Longest wait for a slow start on a busy machine. The death of the head is detected at once."""
STARTS = 4
"""Attempts to start a head. Ray's node aborts if its agent takes more than a few seconds, as on a busy machine."""
# Otherwise Ray replaces 127.0.0.1 with the machine's external address and listens on all interfaces.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_TOKEN = "RAY_AUTH_TOKEN"
OBJECT_STORE_BYTES = 512 * 2**20  # a tiny model's batches; Ray's own default is a third of the memory
TOKEN_FILE = "token"
RAY_DIRECTORY = "r"
"""Ray's directory, which Ray opens to every user, inside a private directory. The name is short because it holds Ray's
sockets, and a socket's path has at most about 100 characters."""
_SESSION = "PASSK_CLUSTER"
"""Key of the session's name in a joined cluster's variables. A flow may pass these variables to its threads."""


class ClusterGone(PasskError):
    """A cluster that passk started has ended, for example because its head was killed."""

    retry = True


class NoJobServer(ConfigError):
    """No job server answers at RAY_ADDRESS: the address is incorrect, or the head is unreachable for a while."""

    retry = True


class _Session:
    """A cluster between entry and exit of `ray_cluster`. It is restarted when its head is lost."""

    def __init__(self, compute: Compute, log: Path, stopped: threading.Event) -> None:
        self._compute, self._log, self.stopped = compute, log, stopped
        self._lock = threading.Lock()
        self._head: process_tree.Guarded | None = None
        self._closed = self._replaced = False
        self._joined: dict[str, str] = {}

    def join(self) -> dict[str, str]:
        with self._lock:
            if self._closed:
                raise PasskError("the Ray cluster of this run is closed; the same command starts another one")
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
        for attempt in range(1, STARTS + 1):
            ports = self._begin()
            assert self._head is not None
            if self._head.wait_until(lambda: b"Ray runtime started" in self._log.read_bytes(), START_SECONDS):
                return
            ended = self._head.poll() is not None
            self._head.stop()
            if not ended or attempt == STARTS:
                break
            logger.warning("Ray ended before it was ready; attempt %d of %d follows", attempt + 1, STARTS)
        raise PasskError(f"Ray did not start on 127.0.0.1:{ports[0]}; see {os.path.relpath(self._log)}")

    def _begin(self) -> list[int]:
        """Start a head with a new token, and return its ports."""
        scratch = Path(tempfile.mkdtemp(prefix="passk-"))  # mode 0700
        access = _access(scratch)
        ports = [free_port() for _ in range(6)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        variables = environment(self._compute) | LOOPBACK_ONLY | access
        variables.pop(_TOKEN, None)  # another cluster's token, which Ray prefers to the file
        command = _head(self._compute, ports, scratch)
        self._head = process_tree.start(command, log=self._log, environment=variables, scratch=scratch)
        self._joined = {
            "RAY_ADDRESS": f"127.0.0.1:{ports[0]}",
            "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{ports[1]}",
            **LOOPBACK_ONLY,
            **access,
        }
        return ports

    def replace(self) -> None:
        self._replaced = True

    def close(self) -> None:
        self._closed = True
        with self._lock:
            if self._head is not None:
                self._head.stop()


def _access(scratch: Path) -> dict[str, str]:
    """Make the token of a new cluster, and return the variables with which Ray requires and sends it.

    The variables name the file. The token itself is in no environment, command line or log.
    """
    file = scratch / TOKEN_FILE
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as output:
        output.write(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}


def request_headers(joined: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a joined cluster's job server requires.

    They are empty for a cluster at RAY_ADDRESS: there Ray uses the user's RAY_AUTH_MODE and token.
    Raises ClusterGone if a cluster that passk started is gone, and its token with it.
    """
    if not (file := joined.get("RAY_AUTH_TOKEN_PATH")):
        return {}
    try:
        return {"Authorization": f"Bearer {Path(file).read_text()}"}
    except OSError:
        raise ClusterGone("the Ray cluster of this run is gone; the same command starts another one") from None


_open: dict[str, _Session] = {}


@contextmanager
def ray_cluster(compute: Compute, log: Path, stopped: threading.Event | None = None) -> Iterator[dict[str, str]]:
    """Yield the variables that join a running cluster, with the job server's address.

    stopped: set when the run is stopped, for its threads (`is_open`). A cluster that is started here ends with the
    context. Raises PasskError if it does not start, and ConfigError if no job server answers at RAY_ADDRESS.
    """
    name, session = uuid.uuid4().hex, _Session(compute, log, stopped or threading.Event())
    _open[name] = session
    try:
        yield {**session.join(), _SESSION: name}
    finally:
        del _open[name]
        session.close()


def rejoined(joined: Mapping[str, str]) -> dict[str, str]:
    """Return the current variables of the same cluster. A cluster of passk whose head was lost is restarted.

    Raises KeyboardInterrupt if the run is stopped.
    """
    if not is_open(joined):
        raise KeyboardInterrupt
    session = _open.get(joined.get(_SESSION, ""))
    return {**session.join(), _SESSION: joined[_SESSION]} if session else dict(joined)


def replace(joined: Mapping[str, str]) -> None:
    """Restart a cluster of passk at the next `rejoined`: it runs but does not answer."""
    if session := _open.get(joined.get(_SESSION, "")):
        session.replace()


def is_open(joined: Mapping[str, str]) -> bool:
    """Return False once the run is stopped or has left the cluster."""
    if (name := joined.get(_SESSION)) is None:
        return True
    session = _open.get(name)
    return session is not None and not session.stopped.is_set()


def job_server(address: str) -> str:
    """Return the address of the job server (Ray's dashboard) of the cluster at RAY_ADDRESS. Raises ConfigError.

    A run that has used this cluster before retries after NoJobServer.
    """
    if address.startswith(("http://", "https://")):
        return address
    if "://" in address:
        raise ConfigError(
            "RAY_ADDRESS",
            f"{address} does not accept jobs",
            "set the head's address, for example 10.0.0.1:6379 or http://10.0.0.1:8265",
        )
    from ray.dashboard.utils import get_address_for_submission_client
    from ray.exceptions import RayError

    try:
        return get_address_for_submission_client(address)
    except (RayError, ValueError, OSError) as error:
        reason = one_line(error, 200)
        raise NoJobServer(
            "RAY_ADDRESS",
            f"no job server found at {address} ({reason})",
            "set the dashboard's address, for example http://10.0.0.1:8265",
        ) from None


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
        # Fixed by default, which would prevent a second cluster on this machine:
        f"--runtime-env-agent-port={ports[2]}",
        f"--dashboard-agent-listen-port={ports[3]}",
        f"--dashboard-agent-grpc-port={ports[4]}",
        f"--metrics-export-port={ports[5]}",
        # 10002-19999 by default, where two clusters may take the same port at once; 0: the kernel chooses.
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--disable-usage-stats",
        "--no-monitor",  # the autoscaler: this cluster has one node
        f"--temp-dir={scratch / RAY_DIRECTORY}",
    ]
    if compute.profile == "cpu":
        gpus = compute.gpus(rollouts=True) * compute.max_parallel_stages
        command += [
            f"--num-gpus={gpus}",
            f"--num-cpus={gpus + 4}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]
    return command
