"""Prefect's server on PostgreSQL, as docs/deploy.md starts it: two workers, a limit, and a restart of both in a run."""

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from passk.runtime.ports import free_port
from tests.integration.conftest import left_after, prepared
from tests.integration.postgres import Postgres, programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(programs() is None, reason="postgresql is not installed (apt-get install postgresql)"),
]
ROOT = Path(__file__).parents[2]
SECRET = "passk:a-secret-of-the-test-0123456789"
STEPS, LIMITED_RUNS = 8, 4
NODES = {"node-a": "cpu", "node-b": "a100"}
"""Pool of the worker on each."""
FLOWS = f"""
import socket
import time
from pathlib import Path
from prefect import flow, task
from passk.experiment.compute import Compute
from tasks.train_slots import TrainSlots

@task(retries=5, retry_delay_seconds=1)
def step(number):
    Path(f"step-{{number}}").touch()
    time.sleep(1)

@flow
def restarted():
    with TrainSlots(Compute(profile="cpu")).one():
        for number in range({STEPS}):
            step(number)

@flow
def limited(number: int):
    with TrainSlots(Compute(profile="cpu")).one():
        begun = time.time()
        time.sleep(2)
        Path(f"limited-{{number}}").write_text(f"{{begun}} {{time.time()}} {{socket.gethostname()}}")
"""


class Served:
    """A server on PostgreSQL, and what talks to it."""

    def __init__(self, directory: Path, database: Postgres) -> None:
        self.directory, self.database, self.port = directory, database, free_port()
        self.address = f"http://127.0.0.1:{self.port}/api"
        self.clients = {**prepared(directory), "PREFECT_API_URL": self.address, "PREFECT_API_AUTH_STRING": SECRET}
        self.clients["PREFECT_WORKER_QUERY_SECONDS"] = "2"
        self.process: subprocess.Popen | None = None
        self.workers: list[subprocess.Popen] = []

    def start(self) -> None:
        variables = {
            **prepared(self.directory),
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database.url,
            "PREFECT_SERVER_API_AUTH_STRING": SECRET,
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        }
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.directory / "server.txt").open("a") as log:
            self.process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        wait_for(self.answers, self, seconds=300)

    def join(self, node: str, pool: str) -> None:
        """Start a worker as on another machine: `flows.serve` with the server's address."""
        command = [sys.executable, "-m", "flows.serve", "--pool", pool, "--cpu-stages", "1", "--logs", node]
        with (self.directory / f"{node}.txt").open("w") as log:
            self.workers.append(
                subprocess.Popen(
                    [*named_host(node), *command], cwd=self.directory, env=self.clients, stdout=log, stderr=log
                )
            )
        wait_for(lambda: "watch it at" in (self.directory / f"{node}.txt").read_text(), self, seconds=300)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=5, auth=tuple(SECRET.split(":"))).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, path: str, body: Any = None) -> Any:
        with SyncPrefectClient(self.address, auth_string=SECRET) as client:
            answer = client._client.request("GET" if body is None else "POST", path, json=body)
            return answer.raise_for_status().json() if answer.content else None

    def deploy(self, flow: str, pool: str) -> str:
        """Deploy a flow of the test's file, and return the deployment's id."""
        enter = {"prefect.deployments.steps.set_working_directory": {"directory": str(self.directory)}}
        deployment = {"name": pool, "flow_id": self.ask("/flows/", {"name": flow})["id"], "pull_steps": [enter]}
        deployment |= {"work_pool_name": pool, "entrypoint": f"flow.py:{flow}"}
        return self.ask("/deployments/", deployment)["id"]

    def begin(self, deployment: str, **parameters: Any) -> str:
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return self.ask(f"/deployments/{deployment}/create_flow_run", body)["id"]

    def state(self, run: str) -> str:
        return self.ask(f"/flow_runs/{run}")["state"]["type"]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return "\n".join(file.read_text()[-3000:] for file in sorted(self.directory.glob("*.txt")))


def named_host(name: str) -> list[str]:
    """The words that run a command under another host name; none where that is not permitted."""
    alone = ["unshare", "--uts"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        return []
    return [*alone, "sh", "-c", 'hostname "$0" && exec "$@"', name]


def wait_for(true: Callable[[], Any], served: Served, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        processes = [served.process, *served.workers]
        assert all(each is None or each.poll() is None for each in processes), served.log()
        assert time.monotonic() < deadline, served.log()
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = programs()
    assert folder is not None
    database = Postgres(folder)
    server = Served(tmp_path_factory.mktemp("served"), database)
    (server.directory / "flow.py").write_text(FLOWS)
    try:
        database.start()
        database.create()
        server.start()
        for node, pool in NODES.items():
            server.join(node, pool)
        yield server
    finally:
        for worker in server.workers:
            worker.terminate()
        for worker in server.workers:
            worker.wait(timeout=60)
        if server.process is not None:
            server.kill()
        database.remove()
    assert left_after(server.directory, seconds=20) == []


def test_pools_limits_and_deployments_are_in_the_database(served):
    assert httpx.get(f"{served.address}/admin/version", timeout=30).status_code == 401, "without the string"
    names = {deployment["name"]: deployment for deployment in served.ask("/deployments/filter", {})}
    assert {"maze-nightly", "qwen2.5-7b-weekly", "evaluate-checkpoint", "sweep"} <= set(names)
    assert served.database.value("select count(*) from deployment") == str(len(names))
    limits = {limit["name"]: limit["limit"] for limit in served.ask("/v2/concurrency_limits/filter", {})}
    assert {name: limits[name] for name in ("passk-cpu", "passk-gpu")} == {"passk-cpu": 1, "passk-gpu": 1}
    assert names["maze-nightly"]["schedules"][0]["active"]


def test_the_nightly_schedule_becomes_runs(served):
    names = {deployment["name"]: deployment["id"] for deployment in served.ask("/deployments/filter", {})}
    wanted = {"deployments": {"id": {"any_": [names["maze-nightly"]]}}}
    runs = wait_for(lambda: served.ask("/flow_runs/filter", wanted), served, seconds=120)
    assert {run["state"]["type"] for run in runs} == {"SCHEDULED"}
    assert all("T02:00:00" in run["expected_start_time"] for run in runs)


def test_a_limit_of_one_holds_over_two_workers(served):
    deployments = [served.deploy("limited", pool) for pool in NODES.values()]
    runs = [served.begin(deployments[number % 2], number=number) for number in range(LIMITED_RUNS)]
    wait_for(lambda: {served.state(run) for run in runs} == {"COMPLETED"}, served, seconds=300)
    held = sorted(file.read_text().split() for file in served.directory.glob("limited-*"))
    assert len(held) == LIMITED_RUNS
    assert all(float(end) <= float(begin) for (_, end, _), (begin, _, _) in itertools.pairwise(held)), held
    assert {host for _, _, host in held} == (set(NODES) if named_host("any") else {socket.gethostname()})


def test_a_run_outlives_a_restart_of_the_database_and_of_the_server(served):
    run = served.begin(served.deploy("restarted", "cpu"))
    wait_for((served.directory / "step-1").exists, served, seconds=300)
    served.database.kill()
    time.sleep(2)
    served.database.start()
    wait_for((served.directory / "step-4").exists, served, seconds=300)
    served.kill()
    served.start()
    wait_for(lambda: served.state(run) in ("COMPLETED", "FAILED", "CRASHED"), served, seconds=300)
    logged = [line["message"] for line in served.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})]
    assert served.state(run) == "COMPLETED", "\n".join(logged)

    def completed() -> bool:
        """The server writes task runs from events, some moments later."""
        tasks = served.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return len(tasks) == STEPS and {task["state"]["type"] for task in tasks} == {"COMPLETED"}

    wait_for(completed, served, seconds=60)

    def slots() -> int:
        limits = served.ask("/v2/concurrency_limits/filter", {})
        return next(limit["active_slots"] for limit in limits if limit["name"] == "passk-cpu")

    # A slot that the server was not there to take back is free when its lease ends.
    wait_for(lambda: slots() == 0, served, seconds=150)
