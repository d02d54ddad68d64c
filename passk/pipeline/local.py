"""A run from its problems to its report: one sequence of steps, for the command and for the flow.

An evaluation does its steps in its own process (Here). A run that trains makes each step a task of Prefect
(flows/experiment.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from passk.base.errors import PasskError
from passk.experiment.plan import Plan
from passk.files.layout import BASE
from passk.pipeline import stages
from passk.pipeline.run_record import RunRecord


class Steps(Protocol):
    """The steps of a run. Each raises PasskError if it fails for good."""

    def prepare(self) -> None: ...

    def train(self) -> str | None:
        """Train the stages and record those that fail. Return why the run ends without an evaluation, or None."""

    def evaluate(self) -> None: ...

    def ingest(self) -> None: ...

    def report(self) -> None: ...


class Here:
    """The steps of an evaluation, each in this process."""

    def __init__(self, plan: Plan, run: RunRecord, write_report: Callable[[Path, Path], object]) -> None:
        """write_report: writes the report of an experiment from the paths of the store and of its directory."""
        self._plan, self._run, self._write_report = plan, run, write_report

    def prepare(self) -> None:
        stages.prepare(self._plan)

    def train(self) -> None:
        """Do nothing: an evaluation has no stages."""

    def evaluate(self) -> None:
        with self._run.phase("evaluate"):
            stages.evaluate(self._plan)

    def ingest(self) -> None:
        stages.ingest(self._plan)

    def report(self) -> None:
        self._write_report(self._plan.store, self._plan.directory)


def run_all(run: RunRecord, steps: Steps) -> None:
    """Attempt all steps, even after a failure of a stage, the evaluation or the ingest; `run` records failures.

    Raise SomeFailed at the end if one failed. A failure of `prepare` or `report` ends the run at once.
    """
    with run.to_its_end():
        with run.phase("prepare"):
            steps.prepare()
        if reason := steps.train():
            run.failed(BASE, reason)
        else:
            try:
                steps.evaluate()
            except PasskError as error:
                run.failed("evaluate", str(error))
        run.ended()
        try:
            steps.ingest()
        except PasskError as error:
            run.ingest_failed(str(error))
        with run.noting("report"):
            steps.report()
    run.require_no_failure()
