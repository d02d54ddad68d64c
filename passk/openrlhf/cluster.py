"""The Ray cluster of a run: one of its own on 127.0.0.1, or the user's at RAY_ADDRESS."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from passk import guard
from passk.config import Compute
from passk.errors import PasskError
from passk.openrlhf.environment import environment, free_port

START_SECONDS = 120
# Ray turns 127.0.0.1 into the machine's outside address, and listens on all of them, unless this is 0.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
OBJECT_STORE_BYTES = 512 * 2**20  # a tiny model's batches; Ray's own default is a third of the memory


@contextmanager
def ray_cluster(compute: Compute, log: Path) -> Iterator[dict[str, str]]:
    """Give the environment that joins a running cluster. One started here is gone afterwards, whatever happens."""
    if address := os.environ.get("RAY_ADDRESS"):
        yield {"RAY_ADDRESS": address}
        return
    # A short path: Ray's sockets lie in it, and a socket's path holds about 100 characters.
    scratch = Path(tempfile.mkdtemp(prefix="passk-"))
    port = free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    variables = environment(compute) | LOOPBACK_ONLY
    head = guard.start(_head(compute, port, scratch), log=log, environment=variables, scratch=scratch)
    try:
        if not head.wait_until(lambda: b"Ray runtime started" in log.read_bytes(), START_SECONDS):
            raise PasskError(f"Ray did not start on 127.0.0.1:{port}: see {log}")
        yield {"RAY_ADDRESS": f"127.0.0.1:{port}", **LOOPBACK_ONLY}
    finally:
        head.stop()


def _head(compute: Compute, port: int, scratch: Path) -> list[str]:
    command = [
        str(Path(sys.executable).with_name("ray")),
        "start",
        "--head",
        "--block",
        "--node-ip-address=127.0.0.1",
        f"--port={port}",
        # Fixed by default, and so in the way of a second cluster on this machine:
        f"--ray-client-server-port={free_port()}",
        f"--dashboard-agent-listen-port={free_port()}",
        f"--dashboard-agent-grpc-port={free_port()}",
        f"--metrics-export-port={free_port()}",
        "--include-dashboard=false",
        "--disable-usage-stats",
        f"--temp-dir={scratch}",
    ]
    if compute.profile == "cpu":
        stage = compute.nodes * compute.gpus_per_node + compute.engines * compute.tensor_parallel
        gpus = stage * compute.side_by_side
        command += [
            f"--num-gpus={gpus}",
            f"--num-cpus={gpus + 4}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
        ]
    return command
