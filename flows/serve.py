"""`make serve`: start Prefect's server, work pools, concurrency limits, deployments and workers of this machine.

    python -m flows.serve [--port 4200] [--pool cpu] [--pool a100] [--cpu-stages N] [--gpu-stages N]

With PREFECT_API_URL set, passk uses that server and starts none. Ctrl-C ends the server and the workers started here.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate, WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from flows import rerun_crashed, server_auth
from flows.server import prefect_server
from passk.base import gpus, logs
from passk.base.errors import ConfigError, PasskError
from passk.base.redact import hidden
from passk.files.layout import SERVE
from passk.runtime import process_tree
from passk.runtime.environment import be_quiet
from tasks.train_slots import limit_name

POOLS = {"cpu": "experiments of compute.profile cpu", "a100": "experiments of compute.profile gpu"}
CHECKOUT = Path(__file__).resolve().parents[1]
START_SECONDS = 300
"""Longest wait for a slow start on a busy machine. The death of a worker is detected at once."""
LOOK_SECONDS = 10.0
"""Interval between two checks for crashed runs."""


def prepare(cpu_stages: int | None, gpu_stages: int | None) -> None:
    """Create the pools and limits that the server lacks, and deploy prefect.yaml.

    An existing limit changes only if a number is given, so a second machine does not reset it. Deployments and
    schedules keep their paused and active states, which Prefect would reset to those of the file.
    """
    with get_client(sync_client=True) as client:
        template = ProcessWorker.get_default_base_job_template()
        known = {pool.name for pool in client.read_work_pools()}
        for name, description in POOLS.items():
            if name not in known:
                client.create_work_pool(
                    WorkPoolCreate(name=name, type="process", description=description, base_job_template=template)
                )
        for profile, stages in {"cpu": cpu_stages, "gpu": gpu_stages}.items():
            name = limit_name(profile)
            try:
                client.read_global_concurrency_limit_by_name(name)
                if stages is not None:
                    client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(limit=stages))
            except ObjectNotFound:
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=stages or 1))
        before = _deployments(client)
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        # After an error too: the deployments before the failed one are in place.
        switch_back(client, before)
    if done.returncode != 0:
        raise PasskError(f"prefect deploy --all: {' '.join((done.stderr or done.stdout).split())[-2000:]}")


def switch_back(client: SyncPrefectClient, before: list[DeploymentResponse]) -> None:
    """Restore the paused state of deployments and the active state of schedules. A schedule's slug identifies it."""
    now = {deployment.id: deployment for deployment in _deployments(client)}
    for was in before:
        if not (deployment := now.get(was.id)):
            continue
        if was.paused and not deployment.paused:
            client.pause_deployment(was.id)
        elif deployment.paused and not was.paused:
            client.resume_deployment(was.id)
        active = {schedule.slug: schedule.active for schedule in was.schedules if schedule.slug}
        for schedule in deployment.schedules:
            if active.get(schedule.slug, schedule.active) != schedule.active:
                client.update_deployment_schedule(was.id, schedule.id, active=active[schedule.slug])


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    return client.read_deployments(work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(POOLS))))


def worker_name(pool: str) -> str:
    """Return a worker's name, the same at every start. It identifies this machine's runs after a reboot."""
    return f"{socket.gethostname()}-{pool}"


def start_worker(pool: str, logs: Path) -> process_tree.Kept:
    """Start a worker of this machine for a pool, and return it when it accepts runs.

    The worker and its runs end with the caller. Raises PasskError if it does not start.
    """
    log = logs / f"worker-{pool}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    command += ["--name", worker_name(pool)]
    worker = process_tree.Kept(
        lambda: process_tree.start(command, log=log, environment=os.environ),
        name=f"the worker of pool {pool}",
    )
    if not worker.wait_until(lambda: b"started!" in log.read_bytes(), START_SECONDS):
        worker.stop()
        raise PasskError(f"the worker of pool {pool} did not start; see {os.path.relpath(log)}")
    return worker


def serve(port: int, pools: list[str], cpu_stages: int | None, gpu_stages: int | None, logs: Path) -> None:
    """Start server and workers, print the address, and rerun crashed runs until a signal ends the process."""
    configured = PREFECT_API_URL.value()
    if not configured:
        _refuse_taken(port)
    asks, exports = server_auth.page_asks(), server_auth.exports(configured or f"http://127.0.0.1:{port}/api")
    with ExitStack() as running:
        address = running.enter_context(prefect_server(logs / "server.log", port))
        prepare(cpu_stages, gpu_stages)
        for pool in pools:
            running.callback(start_worker(pool, logs).stop)
        workers = [worker_name(pool) for pool in pools]
        print("to use `prefect` in another terminal:", *map(hidden, exports), sep="\n    ", flush=True)
        page = hidden(f"watch it at {address.removesuffix('/api')}{asks}")
        print(f"{page}; workers: {', '.join(pools)}; Ctrl-C ends all", flush=True)
        while True:
            rerun_crashed.look(workers, pools)
            time.sleep(LOOK_SECONDS)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigError("port", f"{port} is in use on 127.0.0.1", "choose another with --port") from None


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    description = "Start Prefect's server, work pools, deployments and workers of this machine."
    parser = argparse.ArgumentParser(prog="make serve", description=description)
    parser.add_argument("--port", type=int, default=4200, help="Port of the server (default: 4200).")
    parser.add_argument(
        "--pool", action="append", choices=POOLS, help="Pool of a worker to start (default: cpu; a100 too with a GPU)."
    )
    parser.add_argument(
        "--cpu-stages",
        type=_count,
        help="Most stages that train at once on CPUs (default: the server's limit, else 1).",
    )
    parser.add_argument(
        "--gpu-stages",
        type=_count,
        help="Most stages that train at once on GPUs (default: the server's limit, else 1).",
    )
    parser.add_argument(
        "--logs", type=Path, default=CHECKOUT / "runs" / SERVE, help="Directory of the logs (default: runs/serve)."
    )
    options = parser.parse_args()
    pools = options.pool or (["cpu", "a100"] if gpus.visible() else ["cpu"])
    # Prefect reads these variables in the child processes.
    be_quiet()
    logs.show()
    signal.signal(signal.SIGTERM, _stop)
    try:
        serve(options.port, pools, options.cpu_stages, options.gpu_stages, options.logs)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    except PasskError as error:
        sys.exit(f"serve: {error}")


if __name__ == "__main__":
    main()
