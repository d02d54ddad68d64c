"""The steps of an experiment as Prefect tasks, with names for the UI.

passk/pipeline/stages.py has the steps, which are safe to repeat. Nothing is cached here, since a finished directory
shows that a step is done.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

import reports
from passk.base import logs
from passk.base.errors import PasskError
from passk.experiment.plan import Plan, PlannedStage
from passk.pipeline import base_first, stages
from passk.pipeline.run_record import RunRecord
from tasks import artifacts
from tasks.logs import to_run
from tasks.retries import IN_ALL, Retries
from tasks.train_slots import TrainSlots


def worth_another_try(task: Task, run: TaskRun, state: State) -> bool:
    """Return whether the error allows a retry: a lost worker or node does, a configuration or memory error does not."""
    return bool(getattr(state.result(raise_on_failure=False), "retry", False))


# tasks/retries.py waits before a retry, not Prefect: the delay depends on the progress of earlier attempts, and a stop
# would not interrupt Prefect's wait, a single time.sleep.
TRIED_AGAIN = {"retries": IN_ALL - 1, "retry_delay_seconds": 0, "retry_condition_fn": worth_another_try}


@task(task_run_name="prepare problems and model", cache_policy=NO_CACHE)
def prepare(plan: Plan) -> None:
    with to_run():
        stages.prepare(plan)


@task(task_run_name="train {planned.record.name}", cache_policy=NO_CACHE, **TRIED_AGAIN)
def train(
    plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], run: RunRecord, slots: TrainSlots, retries: Retries
) -> None:
    steps_done, name = partial(artifacts.steps_done, planned), planned.record.name
    with to_run(), retries.one(name, steps_done), slots.one(), run.phase(f"train {name}", steps_done):
        view = artifacts.StageView(planned)
        try:
            with logs.sent_to(view.show):
                stages.train(plan, planned, cluster)
        except PasskError as error:
            view.failed(str(error))
            raise


@task(task_run_name="evaluate every checkpoint on every benchmark", cache_policy=NO_CACHE, **TRIED_AGAIN)
def evaluate(plan: Plan, run: RunRecord, slots: TrainSlots, retries: Retries) -> None:
    with to_run(), retries.one("evaluation", partial(stages.sampled, plan)), slots.one(), run.phase("evaluate"):
        stages.evaluate(plan)


@task(task_run_name="evaluate the base model on every benchmark", cache_policy=NO_CACHE, **TRIED_AGAIN)
def evaluate_base(plan: Plan, run: RunRecord, slots: TrainSlots, retries: Retries) -> None:
    reached = partial(stages.sampled, plan)
    with to_run(), retries.one("evaluation", reached), slots.one(), run.phase("evaluate base"):
        stages.evaluate(plan, base_first.remaining(plan))


@task(task_run_name="ingest finished work into DuckDB", cache_policy=NO_CACHE)
def ingest(plan: Plan) -> None:
    with to_run():
        stages.ingest(plan)


@task(task_run_name="write the report", cache_policy=NO_CACHE)
def report(plan: Plan) -> Path:
    name = plan.experiment.name
    with to_run():
        written = reports.write_report(plan.store, plan.directory)
    artifacts.results(name, reports.results_rows(plan.store, name))
    artifacts.report(name, written)
    return written
