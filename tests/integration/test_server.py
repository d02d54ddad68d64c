"""The Prefect server that a run starts."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import httpx
import psutil
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context

from flows.server import prefect_server
from passk.experiment.compute import Compute
from passk.runtime.ports import free_port
from tasks.train_slots import POLL_SECONDS, TrainSlots
from tests.log_lines import logged_lines
from tests.processes import command_lines, descendants

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory of Prefect's own, and no server that is configured."""
    with monkeypatch.context() as patched:
        patched.delenv("PREFECT_API_URL", raising=False)
        patched.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
        refresh_global_settings_context()
        yield tmp_path / "prefect"
    refresh_global_settings_context()


def asked(path: str, content: dict):
    """The answer of the server that is running, asked as Prefect's own clients do."""
    with get_client(sync_client=True) as client:
        answer = client._client.post(path, json=content)
        return answer.raise_for_status().json()


def test_each_server_has_a_database_of_its_own_with_all_that_prefect_needs_in_it(home, tmp_path):
    for _ in range(2):
        with prefect_server(tmp_path / "prefect.log"):
            assert asked("/flows/count", {}) == 0
            asked("/flows/", {"name": "of this server alone"})
            assert asked("/flows/count", {}) == 1
            assert asked("/block_types/filter", {})
    assert [file.name for file in home.glob("*.db")] == [next(home.glob("passk-empty-*.db")).name]


def servers(address: str) -> list[psutil.Process]:
    """The processes that serve at the address, their guards apart."""
    port = address.rpartition(":")[2].partition("/")[0]
    known = command_lines(descendants())
    return [process for process, words in known if port in words and "passk.runtime.process_tree" not in words]


def kill(address: str) -> None:
    (server,) = servers(address)
    os.kill(server.pid, signal.SIGKILL)
    server.wait(20)


def taken() -> int:
    """Slots of the only limit, as soon as the server answers."""
    for _ in range(120):
        with contextlib.suppress(httpx.TransportError):
            return asked("/v2/concurrency_limits/filter", {})[0]["active_slots"]
        time.sleep(0.5)
    raise AssertionError("the server did not come back")


def recorded(tasks: int) -> list[str]:
    """States of all task runs, once so many have ended: Prefect sends and files them behind the flow's back."""
    for _ in range(120):
        states = [one["state_type"] for one in asked("/task_runs/filter", {})]
        if states.count("COMPLETED") >= tasks:
            break
        time.sleep(0.5)
    return states


def test_a_killed_server_comes_back_with_what_it_knew_and_the_flow_goes_on(home, tmp_path):
    @flow
    def killing(address: str) -> str:
        task(kill)(address)
        return task(lambda: "after the kill", name="after")()

    with prefect_server(tmp_path / "prefect.log") as address:
        asked("/flows/", {"name": "known before"})
        before = servers(address)
        assert killing(address) == "after the kill"
        assert servers(address) and servers(address) != before
        assert asked("/flows/count", {}) == 2
        (run,) = asked("/flow_runs/filter", {})
        assert run["state_type"] == "COMPLETED"
        assert recorded(tasks=2) == ["COMPLETED", "COMPLETED"]
    assert servers(address) == []


def test_a_place_outlives_its_server_and_is_given_back_to_the_next_or_ends_by_itself(home, tmp_path):
    """With leases in memory, as Prefect has them, the new server would know of nobody who could give it back."""
    with prefect_server(tmp_path / "prefect.log", free_port()) as address, logged_lines() as said:
        asked("/v2/concurrency_limits/", {"name": "passk-cpu", "limit": 1})
        slots = TrainSlots(Compute(profile="cpu"))
        with slots.one():
            assert taken() == 1
            kill(address)
            assert taken() == 1
        assert taken() == 0 and said == []
        with slots.one():
            kill(address)
        assert [line[:25] for line in said] == ["the slot was not released"]


def test_a_stage_of_another_run_waits_for_the_servers_place_until_the_first_leaves_it(home, tmp_path):
    order = []
    with prefect_server(tmp_path / "prefect.log"), logged_lines() as said:
        asked("/v2/concurrency_limits/", {"name": "passk-cpu", "limit": 1})
        first, second = TrainSlots(Compute(profile="cpu")), TrainSlots(Compute(profile="cpu"))

        def train() -> None:
            with second.one():
                order.append(("second trains", taken()))

        with ThreadPoolExecutor(1) as pool:
            with first.one():
                waiting = pool.submit(copy_context().run, train)
                with pytest.raises(TimeoutError):
                    waiting.result(3 * POLL_SECONDS)
                order.append(("first leaves", taken()))
            waiting.result(60)
        assert taken() == 0
    assert said == ["waiting: all 1 slots of the server's limit passk-cpu are in use"]
    assert order == [("first leaves", 1), ("second trains", 1)]
