"""Prefect's server on PostgreSQL, as docs/deploy.md starts it: deployments, limits, and a restart of both in a run."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from passk.runtime.ports import free_port
from tests.integration.conftest import prepared
from tests.integration.postgres import Postgres, programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(programs() is None, reason="postgresql is not installed (apt-get install postgresql)"),
]
ROOT = Path(__file__).parents[2]
SECRET = "passk:a-secret-of-the-test-0123456789"
STEPS = 8
PREPARE = "from flows.serve import prepare; prepare(2, 1)"
FLOW = f"""
import time
from pathlib import Path
from prefect import flow, task
from prefect.concurrency.sync import concurrency

@task(retries=5, retry_delay_seconds=1)
def step(number):
    Path(f"step-{{number}}").touch()
    time.sleep(1)

@flow(name="restarted")
def restarted():
    with concurrency("passk-cpu", occupy=1):
        for number in range({STEPS}):
            step(number)

restarted()
"""


class Served:
    def __init__(self, directory: Path, database: Postgres) -> None:
        self.directory, self.database, self.port = directory, database, free_port()
        self.address = f"http://127.0.0.1:{self.port}/api"
        self.clients = {**prepared(directory), "PREFECT_API_URL": self.address, "PREFECT_API_AUTH_STRING": SECRET}
        self.process: subprocess.Popen | None = None

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
        deadline = time.monotonic() + 300
        while not self.answers():
            log_text = (self.directory / "server.txt").read_text()[-4000:]
            assert time.monotonic() < deadline and self.process.poll() is None, log_text
            time.sleep(0.5)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=5, auth=tuple(SECRET.split(":"))).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, path: str, body: dict) -> list[dict]:
        with httpx.Client(auth=tuple(SECRET.split(":")), timeout=30) as client:
            token = client.get(f"{self.address}/csrf-token", params={"client": "test"}).json()["token"]
            headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
            return client.post(f"{self.address}{path}", json=body, headers=headers).raise_for_status().json()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = programs()
    assert folder is not None
    database = Postgres(folder)
    server = Served(tmp_path_factory.mktemp("served"), database)
    try:
        database.start()
        server.start()
        done = subprocess.run(
            [sys.executable, "-c", PREPARE], cwd=ROOT, env=server.clients, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-4000:]
        yield server
    finally:
        if server.process is not None:
            server.kill()
        database.remove()


def test_pools_limits_and_deployments_are_in_the_database(served):
    assert httpx.post(f"{served.address}/flows/count", json={}, timeout=30).status_code == 401, "without the string"
    assert served.database.count("deployment") == len(served.ask("/deployments/filter", {})) == 4
    limits = {limit["name"]: limit["limit"] for limit in served.ask("/v2/concurrency_limits/filter", {})}
    assert limits == {"passk-cpu": 2, "passk-gpu": 1}
    [schedule] = [d for d in served.ask("/deployments/filter", {}) if d["name"] == "maze-nightly"]
    assert schedule["schedules"][0]["active"]


def test_a_run_outlives_a_restart_of_the_database_and_of_the_server(served):
    (served.directory / "flow.py").write_text(FLOW)
    with (served.directory / "flow.txt").open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "flow.py"], cwd=served.directory, env=served.clients, stdout=output, stderr=output
        )
    try:
        reached(served, run, 1)
        served.database.kill()
        time.sleep(2)
        served.database.start()
        reached(served, run, 4)
        served.kill()
        served.start()
        assert run.wait(timeout=300) == 0, (served.directory / "flow.txt").read_text()[-4000:]
    finally:
        run.kill()
    [found] = served.ask("/flow_runs/filter", {"flows": {"name": {"any_": ["restarted"]}}})
    assert found["state"]["type"] == "COMPLETED"
    body = {"flow_runs": {"id": {"any_": [found["id"]]}}}
    names = [(task["name"], task["state"]["type"]) for task in eventually(served, body)]
    assert len(names) == STEPS and {state for _, state in names} == {"COMPLETED"}
    [slots] = [limit for limit in served.ask("/v2/concurrency_limits/filter", {}) if limit["name"] == "passk-cpu"]
    assert slots["active_slots"] == 0, "no slot stays taken"


def reached(served: Served, run: subprocess.Popen, step: int) -> None:
    """Wait until the flow is in a step."""
    deadline = time.monotonic() + 300
    while not (served.directory / f"step-{step}").exists():
        assert time.monotonic() < deadline and run.poll() is None, (served.directory / "flow.txt").read_text()[-4000:]
        time.sleep(0.1)


def eventually(served: Served, body: dict) -> list[dict]:
    """The task runs; the server writes them from events, some moments later."""
    deadline = time.monotonic() + 60
    while True:
        found = served.ask("/task_runs/filter", body)
        if sum(task["state"]["type"] == "COMPLETED" for task in found) == STEPS or time.monotonic() > deadline:
            return found
        time.sleep(1)
