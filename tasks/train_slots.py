"""Limits on stages that train at the same time: of one run, and of all runs under one Prefect server.

The first limit is the experiment's `compute.max_parallel_stages`, the number of stages that fit on the run's Ray
cluster. The second is Prefect's global concurrency limit `passk-cpu` or `passk-gpu`, the number of stages that fit on
the machines of that profile. `make serve` creates it; a server without it has no second limit.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from passk.base.errors import ConfigError, PasskError
from passk.experiment.compute import Compute
from passk.experiment.config import Experiment
from passk.pipeline.capacity import check_memory

log = logging.getLogger(__name__)
POLL_SECONDS = 2.0
SLOT_SECONDS = 5.0  # longest wait for the server's slot in one call, so that a stop takes effect
LEASE_SECONDS = 60.0  # time for which a killed flow keeps its slot; Prefect allows no less
END_SECONDS = 20.0
MEMORY_SECONDS = 30.0  # time in which the processes of a finished stage free their memory
AWAY_SECONDS = 600.0  # longest wait for a server that does not answer, as long as for a node (tasks/retries.py)


def limit_name(profile: str) -> str:
    """Return the name of the global concurrency limit for stages of a profile."""
    return f"passk-{profile}"


class TrainSlots:
    """The slots for stages of one run, and the event that stops the run."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._limit = limit_name(compute.profile)
        self._free = threading.BoundedSemaphore(compute.max_parallel_stages)
        self._threads: set[int] = set()
        self.stopped = threading.Event()
        """Set when the flow is stopped. Threads that train look at it, since a signal reaches only the main thread."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot during the block, after a wait for one, which is logged. Raise KeyboardInterrupt if stopped."""
        thread = threading.get_ident()
        self._threads.add(thread)
        try:
            with ExitStack() as held:
                if not self._free.acquire(blocking=False):
                    log.info("waiting: the run trains as many stages at once as compute.max_parallel_stages allows")
                    while not self._free.acquire(timeout=POLL_SECONDS):
                        self._wait(0)
                held.callback(self._free.release)
                self._take_slot(held)
                self._wait(0)
                yield
        finally:
            self._threads.discard(thread)

    def require_memory(self, experiment: Experiment) -> None:
        """Raise ConfigError if a run on a CPU has too little memory; call this before anything starts.

        The check holds a slot, since stages of other runs may use the memory until this run gets one.
        """
        if self._compute.profile != "cpu":
            return
        with self.one():
            until = time.monotonic() + MEMORY_SECONDS
            while True:
                try:
                    return check_memory(experiment)
                except ConfigError:
                    if time.monotonic() > until:
                        raise
                time.sleep(POLL_SECONDS)

    def pause(self, seconds: float) -> None:
        """Wait without a slot. Raise KeyboardInterrupt if the flow is stopped."""
        thread = threading.get_ident()
        self._threads.add(thread)
        try:
            self._wait(seconds)
        finally:
            self._threads.discard(thread)

    def _wait(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise KeyboardInterrupt

    def _take_slot(self, held: ExitStack) -> None:
        answered, logged = time.monotonic(), set[str]()

        def wait(reason: str) -> None:
            if reason not in logged:
                log.info("waiting: %s", reason)
                logged.add(reason)
            self._wait(POLL_SECONDS)

        with get_client(sync_client=True) as client:
            while True:
                try:
                    limit = client.read_global_concurrency_limit_by_name(self._limit)
                    answered = time.monotonic()
                    # Read the limit first, since each wait that times out is an error in Prefect's log.
                    if limit.active_slots < limit.limit and self._took_slot(held):
                        return
                except ObjectNotFound:
                    return
                except httpx.TransportError as error:  # Prefect retries only after a first connection
                    if time.monotonic() - answered > AWAY_SECONDS:
                        raise PasskError(
                            f"Prefect's server has not answered for {AWAY_SECONDS:.0f} s ({error}); start it, and "
                            "repeat the command to resume"
                        ) from None
                    wait("Prefect's server does not answer")
                else:
                    wait(f"all {limit.limit} slots of the server's limit {self._limit} are in use")

    def _took_slot(self, held: ExitStack) -> bool:
        slot = concurrency(self._limit, timeout_seconds=SLOT_SECONDS, lease_duration=LEASE_SECONDS)
        try:
            slot.__enter__()
        except TimeoutError:
            return False

        def give_back(*raised: Any) -> bool | None:
            try:
                return slot.__exit__(*raised)
            except httpx.HTTPError as error:  # a server that restarts; the trained stage is not affected
                free = f"it is free {LEASE_SECONDS:.0f} s after its last renewal"
                log.info("the slot was not released (%s); %s", error, free)
                return False

        held.push(give_back)
        return True

    @contextmanager
    def stopped_with_the_flow(self) -> Iterator[None]:
        """If Ctrl-C, a cancel or an error ends the block, set `stopped` and wait until the threads that train end."""
        try:
            yield
        except BaseException:
            self.stopped.set()
            deadline = time.monotonic() + END_SECONDS
            while self._threads and time.monotonic() < deadline:
                time.sleep(0.1)
            raise
