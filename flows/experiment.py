"""An experiment from its file to its report."""

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from passk import config, steps
from passk.check import check, check_machine
from passk.openrlhf.cluster import ray_cluster
from passk.plan import Plan, plan
from passk.runrecord import RunRecord
from tasks import experiment as tasks


@flow(name="experiment", flow_run_name="{file}")
def experiment(file: str, runs: str, command: str) -> RunRecord:
    """Prepare, train every stage, sample every checkpoint, file it all, write the report.

    file: the experiment's YAML; runs: directory of all runs; command: what the report says to type to run
    it again. What an earlier run finished is not done again. The record that is given back tells what failed.
    """
    described = config.load(file)
    check(described)
    check_machine(described)
    laid_out = plan(described, Path(runs))
    with steps.alone(laid_out, get_run_logger().info):
        return run_through(laid_out, command)


def run_through(laid_out: Plan, command: str) -> RunRecord:
    """All steps of an experiment, of which only what is not done does anything."""
    run = RunRecord(laid_out, command)
    with run.phase("prepare"):
        tasks.prepare(laid_out)
    train_all(laid_out, run)
    with run.phase("sample"):
        sampled = tasks.sample(laid_out, return_state=True)
    if sampled.is_failed():
        run.failed("sample", str(sampled.result(raise_on_failure=False)))
    tasks.file(laid_out)
    tasks.report(laid_out)
    return run


def train_all(laid_out: Plan, run: RunRecord) -> None:
    """Train what is not finished, parents first. One arm that fails does not stop the others."""
    left = [planned for planned in laid_out.stages if not planned.finished]
    if not left:
        return
    failed: set[str | None] = set()
    with ray_cluster(laid_out.experiment.compute, laid_out.directory / "ray.log") as cluster:
        for planned in left:
            name, key = planned.record.name, planned.record.key
            if planned.record.parent in failed:
                failed.add(key)
                run.failed(name, "not trained: the stage it starts from failed")
                continue
            with run.phase(f"train {name}"):
                trained = tasks.train(laid_out, planned, cluster, return_state=True)
            if trained.is_failed():
                failed.add(key)
                run.failed(name, str(trained.result(raise_on_failure=False)))
            else:
                tasks.file(laid_out)
