"""Rerun of crashed deployment runs.

A live worker records that a flow's process died. If the worker died too, the run stays Running forever. `make serve`
therefore checks regularly (`look`). It sets a run to Crashed if one of its workers took it and it has no process on
this machine. It then reruns the last Crashed run of each deployment and parameters, which resumes from the files.

Not rerun: a failed or cancelled run, a run that a later run repeats, a run of a paused deployment, and a run that
crashed `MOST` times in a row without progress.

A server automation on heartbeats would not do: an outage of the server looks like silence of all runs.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import httpx
import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Crashed

log = logging.getLogger(__name__)

MOST = 4
"""Crashes in a row without progress after which a run is not repeated."""
REMEMBERED = timedelta(days=7)
"""Age of a crash after which the run is not repeated."""
START_SECONDS = 60.0
"""Longest time in which a worker starts the process of a run that it took."""
HISTORY = 200
RUN = "PREFECT__FLOW_RUN_ID"
"""Variable with the run's id that a worker sets for a process and its children."""
WORKER = "prefect.worker.name"
"""Label that a worker gives each run it takes."""
DONE = "passk.done."
"""Prefix of the labels with the progress of each of a run's experiments at its start."""
_pending: dict[UUID, float] = {}
"""Time at which a Pending state was first seen, by its id. The server's clock may differ, and clocks may be reset."""
_logged: set[str] = set()
"""Errors that were logged already: every check would repeat them."""


def mark(experiment: str, standing: str) -> None:
    """Label the deployed run of this process with an experiment's progress. Without a deployment, do nothing."""
    if run := os.environ.get(RUN):
        try:
            with get_client(sync_client=True) as client:
                client.update_flow_run_labels(UUID(run), {f"{DONE}{experiment}": standing})
        except (httpx.HTTPError, PrefectException) as error:
            get_run_logger().warning("cannot label the run (%s); the run continues", type(error).__name__)


def look(workers: Sequence[str], pools: Sequence[str]) -> None:
    """Set runs whose process ended on this machine to Crashed, and rerun crashed runs. Repeated calls are safe.

    workers: names of this machine's workers. pools: work pools whose crashed runs are rerun. If the server does not
    answer, the next call tries again.
    """
    with suppress(httpx.TransportError), get_client(sync_client=True) as client, _isolated("the server's runs"):
        for run in dead(_runs(client, pools, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING), workers):
            with _isolated(f"run {run.name} ({run.id})"):
                _end(client, run)
        for deployment in {run.deployment_id for run in _runs(client, pools, StateType.CRASHED)}:
            with _isolated(f"the crashed runs of deployment {deployment}"):
                _rerun(client, deployment)


@contextmanager
def _isolated(name: str) -> Iterator[None]:
    """Log an error of one run or deployment, so that the others are still checked. A deleted one is no error."""
    try:
        yield
    except ObjectNotFound:
        pass
    except httpx.TransportError:
        raise
    except (httpx.HTTPError, PrefectException) as error:
        line = f"{name}: not checked ({' '.join(str(error).split())[:300]})"
        if line not in _logged:
            _logged.add(line)
            log.info("%s", line)


def dead(runs: Iterable[FlowRun], workers: Sequence[str]) -> list[FlowRun]:
    """Return the runs that a worker of this machine took and that have no process here."""
    here = [run for run in runs if run.labels.get(WORKER) in workers and run.state and not _may_start(run.state)]
    alive = _alive() if here else set()
    return [run for run in here if str(run.id) not in alive]


def _may_start(state: State) -> bool:
    """Return whether a run became Pending so recently that its process may not exist yet."""
    now = time.monotonic()
    return state.type == StateType.PENDING and now - _pending.setdefault(state.id, now) <= START_SECONDS


def due(history: Sequence[FlowRun], now: datetime) -> FlowRun | None:
    """Return the run to repeat, or None. history: a deployment's runs with the same parameters, newest first."""
    if not history or not _crashed(history[0]) or now - history[0].state.timestamp > REMEMBERED:
        return None
    fruitless = 1
    for newer, older in pairwise(_standings(history)):
        if newer != older:
            break
        fruitless += 1
    return history[0] if fruitless < MOST else None


def _standings(history: Sequence[FlowRun]) -> list[dict[str, object]]:
    """Return the progress of the latest crashed runs at their start, newest first.

    A run that died before it set its labels has the progress of the run before it.
    """
    crashed: list[FlowRun] = []
    for run in history:
        if not _crashed(run):
            break
        crashed.append(run)
    standings: list[dict[str, object]] = []
    for run in reversed(crashed):
        labels = {name: value for name, value in run.labels.items() if name.startswith(DONE)}
        standings.append(labels or (standings[-1] if standings else {}))
    return standings[::-1]


def _crashed(run: FlowRun) -> bool:
    return run.state is not None and run.state.type == StateType.CRASHED


def _alive() -> set[str]:
    """Return the ids of the runs that have a process on this machine."""
    runs = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and (run := process.environ().get(RUN)):
                runs.add(run)
    return runs


def _end(client: SyncPrefectClient, run: FlowRun) -> None:
    # The run may have finished between the requests to the server and the scan of the processes.
    latest = client.read_flow_run(run.id)
    if latest.state is None or run.state is None or latest.state.id != run.state.id:
        return
    message = "its process ended without a report"
    cancelled = latest.state.type == StateType.CANCELLING
    client.set_flow_run_state(run.id, Cancelled(message=message) if cancelled else Crashed(message=message))
    log.info("run %s (%s): %s", run.name, run.id, message)


def _rerun(client: SyncPrefectClient, deployment: UUID | None) -> None:
    if deployment is None or client.read_deployment(deployment).paused:
        return
    now = datetime.now(UTC)
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=now),
        ),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=HISTORY,
    )
    alike: list[list[FlowRun]] = []
    for run in runs:
        for history in alike:
            if history[0].parameters == run.parameters:
                history.append(run)
                break
        else:
            alike.append([run])
    for history in alike:
        if run := due(history, now):
            # With the key, several requests create one run.
            created = client.create_flow_run_from_deployment(
                deployment, parameters=run.parameters, idempotency_key=f"again-{run.id}"
            )
            log.info("run %s (%s) crashed; rerun as %s", run.name, run.id, created.id)


def _runs(client: SyncPrefectClient, pools: Sequence[str], *types: StateType) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=HISTORY,
    )
