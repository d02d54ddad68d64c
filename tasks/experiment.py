"""The steps of an experiment as tasks, named so that a person finds them in the UI.

What a step does, and that it may be repeated, is passk/steps.py's matter; nothing is cached here, since a
finished directory is what says that a step is done.
"""

from collections.abc import Mapping
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

import reports
from passk import steps
from passk.plan import Plan, PlannedStage


@task(task_run_name="prepare problems and model", cache_policy=NO_CACHE)
def prepare(plan: Plan) -> None:
    steps.prepare(plan, get_run_logger().info)


@task(task_run_name="train {planned.record.name}", cache_policy=NO_CACHE)
def train(plan: Plan, planned: PlannedStage, cluster: Mapping[str, str]) -> None:
    steps.train(plan, planned, cluster, get_run_logger().info)


@task(task_run_name="sample every checkpoint on every benchmark", cache_policy=NO_CACHE)
def sample(plan: Plan) -> None:
    steps.sample(plan, get_run_logger().info)


@task(task_run_name="file what is finished in DuckDB", cache_policy=NO_CACHE)
def file(plan: Plan) -> None:
    steps.file(plan)


@task(task_run_name="write the report", cache_policy=NO_CACHE)
def report(plan: Plan) -> Path:
    return reports.write_report(plan.store, plan.directory)
