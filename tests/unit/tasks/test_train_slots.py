"""How many stages train at once, that none trains on when its flow is stopped, and that a lost server is waited for."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from passk.base.errors import ConfigError, PasskError
from passk.experiment.compute import Compute
from tasks import train_slots as module
from tasks.train_slots import TrainSlots
from tests.log_lines import logged_lines

TAKE_SLOT = TrainSlots._take_slot


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    """The server's own limit is tests/integration/test_server.py's matter."""
    monkeypatch.setattr(TrainSlots, "_take_slot", lambda self, held: None)


@pytest.mark.parametrize("max_parallel_stages", [1, 2, 3])
def test_so_many_train_at_once_and_no_more(max_parallel_stages):
    slots, inside, most = TrainSlots(Compute(profile="cpu", max_parallel_stages=max_parallel_stages)), [], []
    deadline = time.monotonic() + 30

    def train(name):
        with slots.one():
            inside.append(name)
            most.append(len(inside))
            while len(said) < 6 - max_parallel_stages and time.monotonic() < deadline:
                time.sleep(0.01)
            inside.remove(name)

    with logged_lines() as said, ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(copy_context().run, train, name) for name in range(6)]:
            future.result()
    assert max(most) == max_parallel_stages
    assert len(said) == 6 - max_parallel_stages


def test_a_stop_reaches_the_stage_that_trains_and_the_one_that_waits():
    slots, begun, ended = TrainSlots(Compute(profile="cpu")), threading.Event(), {}

    def train(name):
        try:
            with slots.one():
                begun.set()
                slots.stopped.wait(30)
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            ended[name] = "stopped"

    threads = [threading.Thread(target=train, args=(name,), daemon=True) for name in ("trains", "waits")]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    with pytest.raises(ZeroDivisionError), slots.stopped_with_the_flow():
        raise ZeroDivisionError
    assert slots.stopped.is_set()
    for thread in threads:
        thread.join(10)
    assert ended == {"trains": "stopped", "waits": "stopped"}


@pytest.mark.parametrize("looks", [1, 3, None])
def test_memory_is_waited_for_with_a_place_in_hand_and_then_refused(monkeypatch, looks):
    """looks: until it is free."""
    slots, held = TrainSlots(Compute(profile="cpu")), []

    def check_memory(_):
        held.append(not slots._free.acquire(blocking=False))
        if looks is None or len(held) < looks:
            raise ConfigError("compute.profile", "too little memory", "free some")

    monkeypatch.setattr(module, "check_memory", check_memory)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "MEMORY_SECONDS", 0.05 if looks is None else 30.0)
    if looks is None:
        with pytest.raises(ConfigError, match="too little"):
            slots.require_memory(None)
    else:
        slots.require_memory(None)
        assert len(held) == looks
    assert held and all(held), "others took the place"
    assert slots._free.acquire(blocking=False), "the place was kept"


def test_a_run_on_gpus_waits_for_no_place_to_be_told_of_memory():
    slots = TrainSlots(Compute(profile="gpu"))
    with slots.one(), logged_lines() as said:
        slots.require_memory(None)
    assert said == []


@pytest.mark.parametrize("away", [2, None])
def test_a_server_that_does_not_answer_is_waited_for_and_then_named(monkeypatch, away):
    """away: requests that fail. A server without a limit answers that it knows none."""
    asked = []

    class Client:
        def __enter__(self):
            return self

        def __exit__(self, *raised):
            return None

        def read_global_concurrency_limit_by_name(self, name):
            asked.append(name)
            if away is None or len(asked) <= away:
                raise httpx.ConnectError("no route to host")
            raise ObjectNotFound(Exception())

    monkeypatch.setattr(TrainSlots, "_take_slot", TAKE_SLOT)
    monkeypatch.setattr(module, "get_client", lambda sync_client: Client())
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.05 if away is None else 30.0)
    slots = TrainSlots(Compute(profile="cpu"))
    with logged_lines() as said:
        if away is None:
            with pytest.raises(PasskError, match="^Prefect's server has not answered for 0 s .no route to host.; "):
                slots.one().__enter__()
        else:
            with slots.one():
                assert len(asked) == away + 1
    assert said == ["waiting: Prefect's server does not answer"]
    assert slots._free.acquire(blocking=False), "the place was kept"
