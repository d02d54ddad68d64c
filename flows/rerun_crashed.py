"""What is run again without anybody asking: runs of deployments whose process died, by whatever.

A worker that lives notes that a flow's process died; one that died with it notes nothing, and the run stays Running
for ever. So `make serve` looks now and then (`look`): a run that one of its workers took, and that has no process on
this machine, is Crashed; and the last Crashed run of a deployment with some parameters is run again, which goes on
from the files. An automation on the server, by the heartbeats of runs, may take a server's own outage for the
silence of all its runs. Not run again: what failed, what a person cancelled, what a later run does in any case, what
belongs to a paused deployment, and what crashed `MOST` times in a row without coming further.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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

Say = Callable[[str], None]

MOST = 4
"""runs of the same that crash in a row without coming further; the last of them is left"""
REMEMBERED = timedelta(days=7)
"""a run that crashed longer ago is nobody's any more"""
START_SECONDS = 60.0
"""in which a worker has started the process of a run that it took"""
HISTORY = 200
RUN = "PREFECT__FLOW_RUN_ID"
"""variable in which a worker tells a process, and so all that come of it, which run it is"""
WORKER = "prefect.worker.name"
"""label that a worker gives each run it takes"""
DONE = "passk.done."
"""labels in which a run says how far each of its experiments was when it began it"""
_pending: dict[UUID, float] = {}
"""When a state Pending was first seen, by its id. The server's clock may be another, and either may be set back."""
_said: set[str] = set()
"""what was said of those that could not be looked after: it would be said again at each look"""


def mark(experiment: str, standing: str) -> None:
    """Say in the deployed run of this process how far an experiment is; without a deployment, nothing."""
    if run := os.environ.get(RUN):
        try:
            with get_client(sync_client=True) as client:
                client.update_flow_run_labels(UUID(run), {f"{DONE}{experiment}": standing})
        except (httpx.HTTPError, PrefectException) as error:
            get_run_logger().warning("the run could not be marked (%s); it goes on", type(error).__name__)


def look(workers: Sequence[str], pools: Sequence[str], say: Say) -> None:
    """End on record what has ended on this machine, and run again what crashed. Safe to repeat.

    workers: names of those that run here. pools: whose crashed runs are run again. A server that does not answer is
    asked again at the next look.
    """
    with suppress(httpx.TransportError), get_client(sync_client=True) as client, _apart("the server's runs", say):
        for run in dead(_runs(client, pools, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING), workers):
            with _apart(f"run {run.name} ({run.id})", say):
                _end(client, run, say)
        for deployment in {run.deployment_id for run in _runs(client, pools, StateType.CRASHED)}:
            with _apart(f"the crashed runs of deployment {deployment}", say):
                _again(client, deployment, say)


@contextmanager
def _apart(what: str, say: Say) -> Iterator[None]:
    """What goes wrong with one keeps none of the others from being looked after. What was deleted is no error."""
    try:
        yield
    except ObjectNotFound:
        pass
    except httpx.TransportError:
        raise
    except (httpx.HTTPError, PrefectException) as error:
        line = f"{what}: not looked after ({' '.join(str(error).split())[:300]})"
        if line not in _said:
            _said.add(line)
            say(line)


def dead(runs: Iterable[FlowRun], workers: Sequence[str]) -> list[FlowRun]:
    """Those that a worker of this machine took and that have no process here."""
    here = [run for run in runs if run.labels.get(WORKER) in workers and run.state and not _may_start(run.state)]
    alive = _alive() if here else set()
    return [run for run in here if str(run.id) not in alive]


def _may_start(state: State) -> bool:
    """Whether a run is Pending for so short a time that its process may not be there yet."""
    now = time.monotonic()
    return state.type == StateType.PENDING and now - _pending.setdefault(state.id, now) <= START_SECONDS


def due(history: Sequence[FlowRun], now: datetime) -> FlowRun | None:
    """The run of a deployment that is to be run again. history: its runs with the same parameters, newest first."""
    if not history or not _crashed(history[0]) or now - history[0].state.timestamp > REMEMBERED:
        return None
    fruitless = 1
    for newer, older in pairwise(_standings(history)):
        if newer != older:
            break
        fruitless += 1
    return history[0] if fruitless < MOST else None


def _standings(history: Sequence[FlowRun]) -> list[dict[str, object]]:
    """Of the crashed runs that history begins with: how far each was at its start, newest first.

    One that died before it could say so stood where the one before it did.
    """
    crashed: list[FlowRun] = []
    for run in history:
        if not _crashed(run):
            break
        crashed.append(run)
    standings: list[dict[str, object]] = []
    for run in reversed(crashed):
        said = {name: value for name, value in run.labels.items() if name.startswith(DONE)}
        standings.append(said or (standings[-1] if standings else {}))
    return standings[::-1]


def _crashed(run: FlowRun) -> bool:
    return run.state is not None and run.state.type == StateType.CRASHED


def _alive() -> set[str]:
    """The runs that have a process here."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and (run := process.environ().get(RUN)):
                found.add(run)
    return found


def _end(client: SyncPrefectClient, run: FlowRun, say: Say) -> None:
    # Its process may have ended well between the two looks, at the server and at this machine.
    latest = client.read_flow_run(run.id)
    if latest.state is None or run.state is None or latest.state.id != run.state.id:
        return
    message = "its process is gone, and did not say why"
    cancelled = latest.state.type == StateType.CANCELLING
    client.set_flow_run_state(run.id, Cancelled(message=message) if cancelled else Crashed(message=message))
    say(f"run {run.name} ({run.id}): {message}")


def _again(client: SyncPrefectClient, deployment: UUID | None, say: Say) -> None:
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
            # By its key it is one run, however many ask for it.
            created = client.create_flow_run_from_deployment(
                deployment, parameters=run.parameters, idempotency_key=f"again-{run.id}"
            )
            say(f"run {run.name} ({run.id}) crashed and is run again ({created.id})")


def _runs(client: SyncPrefectClient, pools: Sequence[str], *types: StateType) -> list[FlowRun]:
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=list(pools))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=HISTORY,
    )
