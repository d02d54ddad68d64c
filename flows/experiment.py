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
from passk.base.errors import ConfigError
from passk.experiment import validate
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan, plan
from passk.files import layout
from passk.files.layout import BASE
from passk.pipeline import base_first, stages
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
    with run.to_its_end():
        attempt_all(laid_out, run, slots)
    run.require_no_failure()


def attempt_all(laid_out: Plan, run: RunRecord, slots: TrainSlots) -> None:
    """Attempt all steps, even after a failure of a stage, the evaluation or the ingest; `run` records failures."""
    with run.phase("prepare"):
        prepared = tasks.prepare(laid_out, return_state=True)
    prepared.result()
    retries = Retries(slots.pause)
    sampled = prepared
    if reason := unmet_after_base(laid_out, run, slots, retries):
        run.failed(BASE, reason)
    else:
        trained = train_all(laid_out, run, slots, retries, prepared)
        awaited = [allow_failure(future) for future in trained] or [prepared]
        sampled = tasks.evaluate(laid_out, run, slots, retries, wait_for=awaited, return_state=True)
        if not sampled.is_completed():
            run.failed("evaluate", str(sampled.result(raise_on_failure=False)))
    run.ended()
    ingested = tasks.ingest(laid_out, wait_for=[allow_failure(sampled)], return_state=True)
    if not ingested.is_completed():
        run.ingest_failed(str(ingested.result(raise_on_failure=False)))
    tasks.report(laid_out, run, wait_for=[allow_failure(ingested)])


def unmet_after_base(laid_out: Plan, run: RunRecord, slots: TrainSlots, retries: Retries) -> str | None:
    """Evaluate the base model if stages remain, and return why `require` ends the run, or None.

    If the evaluation fails, the evaluation at the end of the run attempts it again.
    """
    if base_first.remaining(laid_out):
        tasks.evaluate_base(laid_out, run, slots, retries, return_state=True)
        ingest_meanwhile(laid_out, run)
    return base_first.unmet(laid_out)


def train_all(
    laid_out: Plan, run: RunRecord, slots: TrainSlots, retries: Retries, prepared: State
) -> list[PrefectFuture]:
    """Train the unfinished stages, each as soon as its parent is finished and a slot is free, begun ones first.

    A stage that fails does not stop the others, except for the stages that start from it.
    """
    remaining = sorted((planned for planned in laid_out.stages if not planned.finished), key=stages.left)
    if not remaining:
        return []
    futures: dict[str, PrefectFuture] = {}
    names: dict[PrefectFuture, str] = {}
    with ExitStack() as held:
        with run.phase("start Ray"):
            cluster = held.enter_context(
                ray_cluster(laid_out.experiment.compute, layout.ray_log(laid_out.directory), slots.stopped)
            )
        held.enter_context(slots.stopped_with_the_flow())
        for planned in remaining:
            parent = futures.get(planned.record.parent or "", prepared)
            future = tasks.train.submit(laid_out, planned, cluster, run, slots, retries, wait_for=[parent])
            futures[planned.record.key], names[future] = future, planned.record.name
        for future in as_completed(list(names)):
            future.wait()  # it has ended, but until this call its state is the server's, which lags behind
            state = future.state
            if state.is_completed():
                ingest_meanwhile(laid_out, run)
            elif state.is_pending():
                run.failed(names[future], "not trained, since the stage that it starts from failed")
            else:
                run.failed(names[future], str(state.result(raise_on_failure=False)))
    return list(names)


def ingest_meanwhile(laid_out: Plan, run: RunRecord) -> None:
    """Ingest finished stages while others train. An error is only logged, since the end of the run ingests again."""
    try:
        with run.phase("ingest"):
            tasks.ingest(laid_out)
    except Exception as error:
        log.warning("not ingested yet (%s); the run retries at its end", error)
