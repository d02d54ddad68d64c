"""Who may train now: so many stages of a run side by side, so many of all runs under one Prefect server.

The first number is the experiment's `compute.max_parallel_stages`: a run's Ray cluster holds that many stages. The
second is Prefect's global concurrency limit `passk-cpu` or `passk-gpu`, where the server has one (`make serve`
creates them): it says how many stages fit on the machines of that profile.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from passk.base.errors import ConfigError
from passk.experiment.compute import Compute
from passk.pipeline.preflight import check_memory

POLL_SECONDS = 2.0
SLOT_SECONDS = 5.0  # a wait for the server's slot is broken off after these, so that a stop is heard
LEASE_SECONDS = 60.0  # for so long the slot of a flow that was killed stays taken; Prefect allows no less
END_SECONDS = 20.0
MEMORY_SECONDS = 30.0  # in which the processes of a stage that gave its place back have given back their memory


def limit_name(profile: str) -> str:
    """The global concurrency limit that a stage of this profile takes one slot of."""
    return f"passk-{profile}"


class Places:
    """The places of one run, and the threads that hold them."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._limit = limit_name(compute.profile)
        self._free = threading.BoundedSemaphore(compute.max_parallel_stages)
        self._threads: set[int] = set()
        self._stopped = False

    @contextmanager
    def one(self, say: Callable[[str], None]) -> Iterator[None]:
        """Wait for a place, and keep it for what is done inside. A wait is said."""
        thread = threading.get_ident()
        self._threads.add(thread)
        try:
            with ExitStack() as held:
                if not self._free.acquire(blocking=False):
                    say("waits: the run trains as many stages at once as compute.max_parallel_stages allows")
                    while not self._free.acquire(timeout=POLL_SECONDS):
                        pass
                held.callback(self._free.release)
                self._take_slot(held, say)
                if self._stopped:
                    raise KeyboardInterrupt
                yield
        finally:
            self._threads.discard(thread)

    def require_memory(self, say: Callable[[str], None]) -> None:
        """Raise ConfigError where there is too little memory on a CPU's machine, before anything is started.

        Only with a place in hand: before that, stages of other runs may have the memory, and this run waits for them.
        """
        if self._compute.profile != "cpu":
            return
        with self.one(say):
            until = time.monotonic() + MEMORY_SECONDS
            while True:
                try:
                    return check_memory(self._compute)
                except ConfigError:
                    if time.monotonic() > until:
                        raise
                time.sleep(POLL_SECONDS)

    def pause(self, seconds: float) -> None:
        """Wait without a place. Raises KeyboardInterrupt where the flow is stopped meanwhile."""
        thread, until = threading.get_ident(), time.monotonic() + seconds
        self._threads.add(thread)
        try:
            while not self._stopped and time.monotonic() < until:
                time.sleep(min(POLL_SECONDS, seconds))
            if self._stopped:
                raise KeyboardInterrupt
        finally:
            self._threads.discard(thread)

    def _take_slot(self, held: ExitStack, say: Callable[[str], None]) -> None:
        said = False
        with get_client(sync_client=True) as client:
            while True:
                try:
                    limit = client.read_global_concurrency_limit_by_name(self._limit)
                except ObjectNotFound:
                    return
                # Looked at first: each wait that Prefect breaks off is an error in its log.
                if limit.active_slots < limit.limit and self._took_slot(held, say):
                    return
                if not said:
                    say(f"waits: all {limit.limit} places of the server's limit {self._limit} are taken")
                    said = True
                time.sleep(POLL_SECONDS)

    def _took_slot(self, held: ExitStack, say: Callable[[str], None]) -> bool:
        slot = concurrency(self._limit, timeout_seconds=SLOT_SECONDS, lease_duration=LEASE_SECONDS)
        try:
            slot.__enter__()
        except TimeoutError:
            return False

        def give_back(*raised: Any) -> bool | None:
            try:
                return slot.__exit__(*raised)
            except httpx.HTTPError as error:  # a server that is just being started again; what was trained stands
                say(f"the place was not given back ({error}): it is free {LEASE_SECONDS:.0f} s after its last renewal")
                return False

        held.push(give_back)
        return True

    @contextmanager
    def given_up_with_the_flow(self) -> Iterator[None]:
        """Whatever ends what is done inside, Ctrl-C or a cancel, ends the threads that train as Ctrl-C would.

        A signal reaches the main thread alone; the others would train on, and the process wait for them.
        """
        try:
            yield
        except BaseException:
            self._stopped = True
            for thread in tuple(self._threads):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt))
            deadline = time.monotonic() + END_SECONDS
            while self._threads and time.monotonic() < deadline:
                time.sleep(0.1)
            raise
