"""Deployments on a real Prefect server with a real worker: `make serve`'s own, in a directory of its own."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient

from flows import rerun_crashed
from flows.serve import LOOK_SECONDS
from flows.server_auth import FILE
from passk.runtime.ports import free_port
from tests.processes import command_lines, descendants, listening

from .conftest import EXPERIMENT, left_after, prepared

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHORT = EXPERIMENT.replace("steps: 24", "steps: 2").replace("steps: 8,", "steps: 2,")
LONG = SHORT.replace("name: small", "name: long").replace("advantage: passk_analytical", "advantage: grpo")
LONG = LONG.replace("k: [[1, 4], [5, 2]], steps: 2", "steps: 500").replace("size: 512", "size: 4000")


@dataclass(frozen=True)
class Served:
    directory: Path
    api: str
    process: subprocess.Popen
    secret: str

    def ask(self, path: str, body: Any = None) -> Any:
        with SyncPrefectClient(self.api, auth_string=self.secret) as client:
            for _ in range(20):
                answer = client._client.request("GET" if body is None else "POST", path, json=body)
                # SQLite is locked for a moment; Prefect's own clients ask again too.
                if answer.status_code != 503:
                    return answer.raise_for_status().json() if answer.content else None
                time.sleep(1)
        raise AssertionError(f"{path}: the server is busy for good")

    def start(self, deployment: str, **parameters: Any) -> str:
        """The id of a new flow run."""
        identity = self.ask(f"/deployments/name/{deployment}")["id"]
        run = self.ask(
            f"/deployments/{identity}/create_flow_run", {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        )
        return run["id"]

    def wait(self, run: str, until: Callable[[dict], bool], seconds: float) -> dict:
        deadline = time.monotonic() + seconds
        while not until(found := self.ask(f"/flow_runs/{run}")):
            assert time.monotonic() < deadline, f"{found['state']}\n{self.log()}"
            assert self.process.poll() is None, self.log()
            time.sleep(0.5)
        return found

    def log(self) -> str:
        files = [self.directory / "serve.txt", self.directory / "logs" / "worker-cpu.log"]
        return "\n".join(file.read_text()[-6000:] for file in files if file.exists())


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    directory = tmp_path_factory.mktemp("served")
    environment = prepared(directory)
    port = free_port()
    words = ["--port", str(port), "--pool", "cpu", "--logs", str(directory / "logs")]
    with (directory / "serve.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.serve", *words],
            cwd=directory,
            env=environment | {"PREFECT_WORKER_QUERY_SECONDS": "2"},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 180
        while "watch it at" not in (said := (directory / "serve.txt").read_text()):
            assert process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.5)
        secret = (directory / "prefect" / FILE).read_text().strip()
        yield Served(directory, f"http://127.0.0.1:{port}/api", process, secret)
    finally:
        process.terminate()
        status = process.wait(timeout=60)
        left = left_after(directory, seconds=20)
    assert status == 0, (directory / "serve.txt").read_text()[-4000:]
    assert left == []


def done(run: dict) -> bool:
    return run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def test_the_deployments_of_prefect_yaml_are_there_with_their_schedules_and_forms(served):
    found = {entry["name"]: entry for entry in served.ask("/deployments/filter", {})}
    assert set(found) == {"maze-nightly", "qwen2.5-7b-weekly", "evaluate-checkpoint", "sweep"}
    active = {name: [s["active"] for s in entry["schedules"]] for name, entry in found.items()}
    assert active == {"maze-nightly": [True], "qwen2.5-7b-weekly": [False], "evaluate-checkpoint": [], "sweep": []}
    assert found["maze-nightly"]["schedules"][0]["schedule"]["cron"] == "0 2 * * *"
    assert {name: entry["work_pool_name"] for name, entry in found.items()} == {
        "maze-nightly": "cpu", "qwen2.5-7b-weekly": "a100", "evaluate-checkpoint": "cpu", "sweep": "cpu",
    }  # fmt: skip
    for entry in found.values():
        assert all(field["description"] for field in entry["parameter_openapi_schema"]["properties"].values())
        assert str(ROOT) not in json.dumps({name: entry[name] for name in ("path", "pull_steps", "entrypoint")})
    limits = {entry["name"]: entry["limit"] for entry in served.ask("/v2/concurrency_limits/filter", {})}
    assert limits["passk-cpu"] == limits["passk-gpu"] == 1


def test_all_that_listens_does_so_on_loopback(served):
    addresses = listening(descendants(served.process.pid))
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}


def test_a_run_by_the_api_completes_and_shows_itself(served):
    file = served.directory / "short.yaml"
    file.write_text(SHORT)
    run = served.start("experiment/maze-nightly", file=str(file), runs=str(served.directory / "runs"))
    ended = served.wait(run, done, seconds=600)
    assert ended["state"]["type"] == "COMPLETED", served.log()
    assert ended["name"] == "small"
    tasks = served.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    assert {"train warm", "train pass4"} <= {task["name"] for task in tasks}
    inputs = {task["name"]: task["task_inputs"] for task in tasks}
    ids = {task["id"]: task["name"] for task in tasks}
    assert [ids[parent["id"]] for parent in inputs["train pass4"]["wait_for"]] == ["train warm"]

    artifacts = served.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
    by_key = {artifact["key"]: artifact for artifact in artifacts}
    assert by_key["small-pass4-progress"]["data"] == 100
    assert "step 2/2" in by_key["small-pass4-progress"]["description"]
    page = by_key["small-pass4-steps"]["data"]
    assert "reward" in page and "log.txt" in page
    rows = json.loads(by_key["small-results"]["data"])
    assert {row["checkpoint"] for row in rows} == {"warm", "pass4"}
    report = by_key["small-report"]["data"]
    assert report.startswith("# small") and "](data:image/png;base64," in report

    # A sweep over the same experiment finds it done, and an evaluation has a checkpoint to sample.
    sweep = served.start("sweep/sweep", files=[str(file)], runs=str(served.directory / "runs"))
    model = next((served.directory / "runs" / "small" / "stages").glob("*/model"))
    evaluation = served.start(
        "evaluate/evaluate-checkpoint", model=str(model), file=str(file), samples=4, runs=str(served.directory / "runs")
    )
    for other in (sweep, evaluation):
        assert served.wait(other, done, seconds=600)["state"]["type"] == "COMPLETED", served.log()
    assert len(list(served.directory.glob("runs/*/stages/*/manifest.json"))) == 2
    assert list(served.directory.glob("runs/evaluate-*/report.md"))


def the_process(served, words: str, run: str = "") -> psutil.Process:
    """The one process of the server's that has these words in its command line, and may be a run's."""
    found = []
    for process, line in command_lines(descendants(served.process.pid)):
        with contextlib.suppress(psutil.Error):
            it = words in " ".join(line) and "passk.runtime.process_tree" not in line
            if it and process.environ().get(rerun_crashed.RUN, "") == run:
                found.append(process)
    assert len(found) == 1, found
    return found[0]


def killed_with_its_worker(served, run: str, before=lambda: None) -> None:
    """The worker sleeps, so that it does not see its run die."""
    worker, engine = the_process(served, "worker start --pool cpu"), the_process(served, "-m prefect.engine", run)
    worker.suspend()
    before()
    engine.kill()
    worker.kill()


def run_again(served, run: str) -> str:
    """The id of the run that follows one that died, once it has a process."""
    deadline, keys = time.monotonic() + 150, {"idempotency_key": {"any_": [f"again-{run}"]}}
    while not (found := served.ask("/flow_runs/filter", {"flow_runs": keys})):
        assert time.monotonic() < deadline, served.log()
        time.sleep(1)
    served.wait(found[0]["id"], lambda each: each["state"]["type"] == "RUNNING" or done(each), seconds=180)
    return found[0]["id"]


def test_a_run_whose_process_or_worker_is_killed_is_run_again_by_itself(served):
    described = yaml.safe_load(SHORT.replace("name: small", "name: killed"))
    del described["stages"]["pass4"]
    file = served.directory / "killed.yaml"
    file.write_text(yaml.safe_dump(described))
    parameters = {"file": str(file), "runs": str(served.directory / "runs")}
    first = served.start("experiment/maze-nightly", **parameters)
    served.wait(first, lambda each: each["state"]["type"] == "RUNNING", seconds=180)
    the_process(served, "-m prefect.engine", first).kill()
    second = run_again(served, first)
    assert served.ask(f"/flow_runs/{first}")["state"]["type"] == "CRASHED"

    # Both at once, as with the machine: nobody notes it.
    killed_with_its_worker(served, second)
    third = run_again(served, second)
    crashed = served.ask(f"/flow_runs/{second}")["state"]
    assert (crashed["type"], crashed["message"]) == ("CRASHED", "its process ended without a report")
    ended = served.wait(third, done, seconds=600)
    assert ended["state"]["type"] == "COMPLETED", served.log()
    assert ended["parameters"] == served.ask(f"/flow_runs/{first}")["parameters"]
    assert any(name.startswith(f"{rerun_crashed.DONE}killed") for name in ended["labels"])

    # What a person cancelled is not begun again, nor what fails by itself.
    file.write_text(file.read_text().replace("name: killed", "name: cancelled"))
    cancelled = served.start("experiment/maze-nightly", **parameters)
    served.wait(cancelled, lambda each: each["state"]["type"] == "RUNNING", seconds=180)
    asked = {"state": {"type": "CANCELLING"}, "force": False}
    killed_with_its_worker(served, cancelled, lambda: served.ask(f"/flow_runs/{cancelled}/set_state", asked))
    assert served.wait(cancelled, done, seconds=180)["state"]["type"] == "CANCELLED"
    failing = served.start("experiment/maze-nightly", file=str(served.directory / "none.yaml"))
    assert served.wait(failing, done, seconds=180)["state"]["type"] == "FAILED"
    time.sleep(2 * LOOK_SECONDS)
    keys = {"idempotency_key": {"any_": [f"again-{each}" for each in (third, cancelled, failing)]}}
    assert served.ask("/flow_runs/filter", {"flow_runs": keys}) == []
    limit = served.ask("/deployments/name/experiment/maze-nightly")["global_concurrency_limit"]
    assert limit["active_slots"] == 0


def test_a_cancelled_run_ends_with_all_its_processes(served):
    file = served.directory / "long.yaml"
    file.write_text(LONG)
    before = set(left_after(served.directory, seconds=0))
    run = served.start("experiment/maze-nightly", file=str(file), runs=str(served.directory / "runs"))

    def steps_done(_: dict) -> bool:
        lines = [
            file.read_text().count("\n") for file in served.directory.glob("runs/long/stages/*/metrics.jsonl")
            if (file.parent / "rollouts").exists()
        ]  # fmt: skip
        return bool(lines) and max(lines) >= 2

    served.wait(run, steps_done, seconds=600)
    assert len(set(left_after(served.directory, seconds=0)) - before) > 3
    started = time.monotonic()
    served.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": False})
    while set(left_after(served.directory, seconds=0)) - before and time.monotonic() < started + 90:
        time.sleep(0.5)
    assert set(left_after(served.directory, seconds=0)) - before == set(), served.log()
    assert served.wait(run, done, seconds=60)["state"]["type"] == "CANCELLED", served.log()
    # What was cancelled gives its place back; what was killed, when its lease runs out.
    deadline = time.monotonic() + 120
    while served.ask("/v2/concurrency_limits/passk-cpu")["active_slots"]:
        assert time.monotonic() < deadline
        time.sleep(2)
