"""`make serve`: Prefect's server, work pools, concurrency limits, deployments and workers of this machine.

    python -m flows.serve [--port 4200] [--pool cpu] [--pool a100] [--cpu-stages N] [--gpu-stages N]

With PREFECT_API_URL set that server is used, and none is started. Ctrl-C ends all that was started here.
"""

import argparse
import os
import shutil
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
from passk.base.errors import ConfigError, PasskError
from passk.base.redact import hidden
from passk.runtime import process_tree
from passk.runtime.environment import be_quiet
from tasks.train_slots import limit_name

POOLS = {"cpu": "experiments of compute.profile cpu", "a100": "experiments of compute.profile gpu"}
CHECKOUT = Path(__file__).resolve().parents[1]
START_SECONDS = 300
"""for one that comes up slowly, on a machine that does much else; one that dies is noticed at once"""
LOOK_SECONDS = 10.0
"""between two looks at what processes that died have left"""


def prepare(cpu_stages: int | None, gpu_stages: int | None) -> None:
    """Create the pools and limits where the server has none, and deploy prefect.yaml.

    A limit that is there is left as it is, unless a number was asked for: a second machine must not reset it. So are
    the switches of deployments and of schedules: Prefect would set them as the file has them.
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
        # in any case: those before one that fails are deployed
        switch_back(client, before)
    if done.returncode != 0:
        raise PasskError(f"prefect deploy --all: {' '.join((done.stderr or done.stdout).split())[-2000:]}")


def switch_back(client: SyncPrefectClient, before: list[DeploymentResponse]) -> None:
    """Pause deployments, and switch schedules, as they were before; a schedule is known by its slug."""
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
    """The same whenever it is started: so what a worker left that died with its machine is known as this machine's."""
    return f"{socket.gethostname()}-{pool}"


def start_worker(pool: str, logs: Path) -> process_tree.Kept:
    """A worker of this machine for a pool, ready to take runs. Whatever ends the caller ends it and its runs."""
    log = logs / f"worker-{pool}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    command += ["--name", worker_name(pool)]
    worker = process_tree.Kept(
        lambda: process_tree.start(command, log=log, environment=os.environ),
        name=f"the worker of pool {pool}",
        say=lambda line: print(line, flush=True),
    )
    if not worker.wait_until(lambda: b"started!" in log.read_bytes(), START_SECONDS):
        worker.stop()
        raise PasskError(f"the worker of pool {pool} did not start; see {os.path.relpath(log)}")
    return worker


def serve(port: int, pools: list[str], cpu_stages: int | None, gpu_stages: int | None, logs: Path) -> None:
    """Start all, say where to look, and keep it up until a signal ends it; what died meanwhile is run again."""
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
        print("for prefect's commands in another terminal:", *map(hidden, exports), sep="\n    ", flush=True)
        page = hidden(f"watch it at {address.removesuffix('/api')}{asks}")
        print(f"{page}; workers: {', '.join(pools)}; Ctrl-C ends all", flush=True)
        while True:
            rerun_crashed.look(workers, pools, say=lambda line: print(line, flush=True))
            time.sleep(LOOK_SECONDS)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigError(f"port: {port} is taken on 127.0.0.1; give another with --port") from None


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="make serve", description="Prefect's server, pools, deployments, workers.")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--pool", action="append", choices=POOLS, help="workers to start here; by what this machine is")
    parser.add_argument("--cpu-stages", type=_count, help="stages of all runs that train at once on CPUs; at first 1")
    parser.add_argument("--gpu-stages", type=_count, help="the same on GPUs")
    parser.add_argument("--logs", type=Path, default=CHECKOUT / "runs" / "serve")
    asked = parser.parse_args()
    pools = asked.pool or (["cpu", "a100"] if shutil.which("nvidia-smi") else ["cpu"])
    # Read by Prefect in the processes that are started here.
    be_quiet()
    signal.signal(signal.SIGTERM, _stop)
    try:
        serve(asked.port, pools, asked.cpu_stages, asked.gpu_stages, asked.logs)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    except PasskError as error:
        sys.exit(f"serve: {error}")


if __name__ == "__main__":
    main()
