"""An experiment from its file to its report."""

from contextlib import ExitStack
from pathlib import Path

from prefect import allow_failure, flow
from prefect.futures import PrefectFuture, as_completed
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import State

from flows import rerun_crashed
from passk.base.errors import ConfigError
from passk.experiment import config, validate
from passk.experiment.plan import Plan, plan
from passk.pipeline import stages
from passk.pipeline.preflight import check_installation
from passk.pipeline.run_record import RunRecord
from passk.runtime.ray_cluster import ray_cluster
from tasks import stages as tasks
from tasks.logs import one_line_errors
from tasks.retries import Tries
from tasks.train_slots import Places


def experiment_name() -> str:
    """The flow run's name: the experiment's, or the file's where there is no experiment in it."""
    file = flow_run.parameters["file"]
    try:
        return config.load(file).name
    except ConfigError:
        return Path(file).stem


@flow(name="experiment", flow_run_name=experiment_name)
def experiment(file: str, runs: str = "runs", command: str | None = None) -> None:
    """Prepare, train every stage, sample every checkpoint, file it all, write the report.

    What an earlier run finished is not done again. Where a stage, the evaluation or the filing fails, the others go
    on, the report is written of what was filed, and the flow fails at its end.

    Args:
        file: The experiment's YAML file. A relative path starts at the checkout that the worker runs.
        runs: Directory of all runs. Experiments in the same one share the stages they have in common.
        command: What the report names as the command to run it again. Empty: passk run FILE.
    """
    one_line_errors()
    described = validate.load(file)
    check_installation(described)
    laid_out, places, say = plan(described, Path(runs)), Places(described.compute), get_run_logger().info
    with stages.alone(laid_out, say):
        rerun_crashed.mark(laid_out.experiment.name, stages.standing(laid_out))
        if not stages.all_finished(laid_out):
            places.require_memory(say)
        run_through(laid_out, command or f"passk run {file}", places)


def run_through(laid_out: Plan, command: str, places: Places) -> None:
    """All steps of an experiment, of which only what is not done does anything."""
    run = RunRecord(laid_out, command)
    with run.to_its_end():
        attempt_all(laid_out, run, places)
    run.require_no_failure()


def attempt_all(laid_out: Plan, run: RunRecord, places: Places) -> None:
    """The steps, whatever becomes of a stage, the evaluation or the filing: `run` has what failed."""
    with run.phase("prepare"):
        prepared = tasks.prepare(laid_out, return_state=True)
    prepared.result()
    tries = Tries(places.pause)
    trained = train_all(laid_out, run, places, tries, prepared)
    waited = [allow_failure(future) for future in trained] or [prepared]
    sampled = tasks.evaluate(laid_out, run, places, tries, wait_for=waited, return_state=True)
    if not sampled.is_completed():
        run.failed("evaluate", str(sampled.result(raise_on_failure=False)))
    run.ended()
    filed = tasks.ingest(laid_out, wait_for=[allow_failure(sampled)], return_state=True)
    if not filed.is_completed():
        run.filing_failed(str(filed.result(raise_on_failure=False)))
    tasks.report(laid_out, run, wait_for=[allow_failure(filed)])


def train_all(laid_out: Plan, run: RunRecord, places: Places, tries: Tries, prepared: State) -> list[PrefectFuture]:
    """Train what is not finished, each stage as soon as its parent and a place allow it.

    One method that fails does not stop the others; what starts from it is not trained.
    """
    left = [planned for planned in laid_out.stages if not planned.finished]
    if not left:
        return []
    futures: dict[str, PrefectFuture] = {}
    names: dict[PrefectFuture, str] = {}
    with ExitStack() as held:
        with run.phase("start Ray"):
            cluster = held.enter_context(ray_cluster(laid_out.experiment.compute, laid_out.directory / "ray.log"))
        held.enter_context(places.given_up_with_the_flow())
        for planned in left:
            parent = futures.get(planned.record.parent or "", prepared)
            future = tasks.train.submit(laid_out, planned, cluster, run, places, tries, wait_for=[parent])
            futures[planned.record.key], names[future] = future, planned.record.name
        for future in as_completed(list(names)):
            future.wait()  # it has ended, but before this its state is the server's, who is a little behind
            state = future.state
            if state.is_completed():
                file_meanwhile(laid_out, run)
            elif state.is_pending():
                run.failed(names[future], "not trained: the stage it starts from failed")
            else:
                run.failed(names[future], str(state.result(raise_on_failure=False)))
    return list(names)


def file_meanwhile(laid_out: Plan, run: RunRecord) -> None:
    """File what is finished while others train. No reason to end them where it fails: it is tried again at the end."""
    try:
        with run.phase("ingest"):
            tasks.ingest(laid_out)
    except Exception as error:
        get_run_logger().warning("not filed yet (%s); it is tried again at the end", error)
