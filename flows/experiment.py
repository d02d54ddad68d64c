"""The flow of an experiment, from its file to its report."""

import logging
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from prefect import allow_failure, flow
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import State

from flows import rerun_crashed
from passk.base.errors import ConfigError, PasskError
from passk.experiment import validate
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan, plan
from passk.files import layout
from passk.pipeline import base_first, local, stages
from passk.pipeline.capacity import check_disk
from passk.pipeline.preflight import check_installation
from passk.pipeline.run_record import RunRecord
from passk.runtime.ray_cluster import ray_cluster
from tasks import stages as tasks
from tasks.logs import to_run
from tasks.retries import Retries
from tasks.train_slots import TrainSlots

log = logging.getLogger(__name__)


def experiment_name() -> str:
    """Return the flow run's name: the experiment's, or the file's if the file is invalid."""
    file = flow_run.parameters["file"]
    try:
        return _loaded(file).name
    except ConfigError:
        return Path(file).stem


@cache
def _loaded(file: str) -> Experiment:
    """Return the checked experiment of a file, which both a flow run's name and the flow need."""
    return validate.load(file)


@flow(name="experiment", flow_run_name=experiment_name)
def experiment(file: str, runs: str = "runs", command: str | None = None) -> None:
    """Prepare, train every stage, evaluate every checkpoint, ingest the results and write the report.

    Finished work of earlier runs is reused. If a stage, the evaluation or the ingest fails, the others continue, the
    report covers the ingested results, and the flow fails at its end.

    Args:
        file: The experiment's YAML file. A relative path starts at the worker's checkout.
        runs: Directory of all runs. Experiments in the same directory share stages.
        command: Command in the report that repeats the run (default: passk run FILE).
    """
    with to_run():
        settings = _loaded(file)
        _loaded.cache_clear()  # the file may change before the next run
        check_installation(settings)
        carry_out(plan(settings, Path(runs)), command or f"passk run {file}")


def run_here(laid_out: Plan, file: Path, command: str | None = None) -> None:
    """Run the flow for an experiment that this process has loaded, checked and planned.

    file: the experiment's file, which Prefect shows. command: as for the flow.
    """

    @flow(name=experiment.name, description=experiment.description, flow_run_name=laid_out.experiment.name)
    def planned(file: str, runs: str, command: str) -> None:
        with to_run():
            carry_out(laid_out, command)

    planned(str(file), str(laid_out.directory.parent), command or f"passk run {file}")


def carry_out(laid_out: Plan, command: str) -> None:
    """Wait for another process that runs the experiment, then run its unfinished steps."""
    slots = TrainSlots(laid_out.experiment.compute)
    with stages.alone(laid_out):
        rerun_crashed.mark(laid_out.experiment.name, stages.standing(laid_out))
        if not stages.all_finished(laid_out):
            check_disk(laid_out)
            slots.require_memory(laid_out.experiment)
        run_through(laid_out, command, slots)


def run_through(laid_out: Plan, command: str, slots: TrainSlots) -> None:
    """Run the unfinished steps of an experiment, and raise SomeFailed if one failed."""
    run = RunRecord(laid_out, command)
    local.run_all(run, TaskSteps(laid_out, run, slots))


class TaskSteps:
    """The steps of a run (passk/pipeline/local.py) as tasks of Prefect, each after those that it needs."""

    def __init__(self, plan: Plan, run: RunRecord, slots: TrainSlots) -> None:
        self._plan, self._run, self._slots = plan, run, slots
        self._retries = Retries(slots.pause)
        self._trained: list[PrefectFuture] = []

    def prepare(self) -> None:
        self._prepared = self._last = tasks.prepare(self._plan, return_state=True)
        self._prepared.result()

    def train(self) -> str | None:
        if reason := self._unmet_after_base():
            return reason
        self._train_all()
        return None

    def evaluate(self) -> None:
        awaited = [allow_failure(future) for future in self._trained] or [self._prepared]
        self._last = tasks.evaluate(
            self._plan, self._run, self._slots, self._retries, wait_for=awaited, return_state=True
        )
        _require_completed(self._last)

    def ingest(self) -> None:
        self._last = tasks.ingest(self._plan, wait_for=[allow_failure(self._last)], return_state=True)
        _require_completed(self._last)

    def report(self) -> None:
        tasks.report(self._plan, wait_for=[allow_failure(self._last)])

    def _unmet_after_base(self) -> str | None:
        """Evaluate the base model if stages remain, and return why `require` ends the run, or None.

        If the evaluation fails, the evaluation at the end of the run attempts it again.
        """
        if base_first.remaining(self._plan):
            tasks.evaluate_base(self._plan, self._run, self._slots, self._retries, return_state=True)
            ingest_meanwhile(self._plan, self._run)
        return base_first.unmet(self._plan)

    def _train_all(self) -> None:
        """Train the unfinished stages, each as soon as its parent is finished and a slot is free, begun ones first.

        A stage that fails does not stop the others, except for the stages that start from it.
        """
        plan, run, slots = self._plan, self._run, self._slots
        remaining = sorted((planned for planned in plan.stages if not planned.finished), key=stages.remaining_share)
        if not remaining:
            return
        futures: dict[str, PrefectFuture] = {}
        names: dict[PrefectFuture, str] = {}
        with ExitStack() as held:
            with run.phase("start Ray"):
                cluster = held.enter_context(
                    ray_cluster(plan.experiment.compute, layout.ray_log(plan.directory), slots.stopped)
                )
            held.enter_context(slots.stopped_with_the_flow())
            for planned in remaining:
                parent = futures.get(planned.record.parent or "", self._prepared)
                future = tasks.train.submit(plan, planned, cluster, run, slots, self._retries, wait_for=[parent])
                futures[planned.record.key], names[future] = future, planned.record.name
            for future in as_completed(list(names)):
                future.wait()  # it has ended, but until this call its state is the server's, which lags behind
                state = future.state
                if state.is_completed():
                    ingest_meanwhile(plan, run)
                elif state.is_pending():
                    run.failed(names[future], "not trained, since the stage that it starts from failed")
                else:
                    run.failed(names[future], str(state.result(raise_on_failure=False)))
        self._trained = list(names)


def _require_completed(state: State) -> None:
    """Raise PasskError with the reason if a task failed after all retries."""
    if not state.is_completed():
        raise PasskError(str(state.result(raise_on_failure=False)))


def ingest_meanwhile(laid_out: Plan, run: RunRecord) -> None:
    """Ingest finished stages while others train. An error is only logged, since the end of the run ingests again."""
    try:
        with run.phase("ingest"):
            tasks.ingest(laid_out)
    except Exception as error:
        log.warning("not ingested yet (%s); the run retries at its end", error)
