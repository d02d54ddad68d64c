"""The steps of an experiment as tasks, named so that a person finds them in the UI.

What a step does, and that it may be repeated, is passk/steps.py's matter; nothing is cached here, since a
finished directory is what says that a step is done.
"""

import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger

import reports
from passk import steps
from passk.errors import PasskError
from passk.plan import Plan, PlannedStage
from passk.runrecord import RunRecord
from tasks import artifacts
from tasks.places import Places

# Exponential, and no two flows that lost the same node come back at once. Prefect 3.7's own retry_jitter_factor
# has no effect on tasks.
RETRY_SECONDS = [seconds * random.uniform(1, 1.5) for seconds in (5, 10, 20)]


def worth_another_try(task: Task, run: TaskRun, state: State) -> bool:
    """A lost worker or node is; a bad configuration or too little memory is not. The error itself says which."""
    return bool(getattr(state.result(raise_on_failure=False), "retry", False))


@task(task_run_name="prepare problems and model", cache_policy=NO_CACHE)
def prepare(plan: Plan) -> None:
    steps.prepare(plan, get_run_logger().info)


@task(
    task_run_name="train {planned.record.name}",
    cache_policy=NO_CACHE,
    retries=len(RETRY_SECONDS),
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=worth_another_try,
)
def train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str], run: RunRecord, places: Places) -> None:
    steps_done = partial(artifacts.steps_done, planned)
    with places.one(get_run_logger().info), run.phase(f"train {planned.record.name}", steps_done):
        view = artifacts.StageView(planned)
        try:
            steps.train(plan, planned, cluster, view.say)
        except PasskError as error:
            view.failed(str(error))
            raise


@task(task_run_name="sample every checkpoint on every benchmark", cache_policy=NO_CACHE)
def sample(plan: Plan, run: RunRecord, places: Places) -> None:
    with places.one(get_run_logger().info), run.phase("sample"):
        steps.sample(plan, get_run_logger().info)


@task(task_run_name="file what is finished in DuckDB", cache_policy=NO_CACHE)
def file(plan: Plan) -> None:
    steps.file(plan)


@task(task_run_name="write the report", cache_policy=NO_CACHE)
def report(plan: Plan, run: RunRecord) -> Path:
    name = plan.experiment.name
    with run.noting("report"):
        written = reports.write_report(plan.store, plan.directory)
    artifacts.results(name, reports.results_rows(plan.store, name))
    artifacts.report(name, written)
    return written
