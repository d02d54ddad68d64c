"""Send step metrics to trackers: always to TensorBoard, and to W&B or MLflow if the experiment names them.

The flow's process reads them from a stage's metrics.jsonl. That file is authoritative: a failing tracker loses no
metric and stops no stage.
"""

import contextlib
import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan, PlannedStage
from passk.files import layout
from passk.files.metrics_log import read_metrics
from passk.runtime.failures import StageFailed
from passk.trackers.mlflow_run import MlflowRun, uri_of
from passk.trackers.outside import Outside, reason
from passk.trackers.tensorboard import TensorBoard
from passk.trackers.wandb_run import WandbRun, require_login

log = logging.getLogger(__name__)
_NEEDS = {"wandb": "wandb", "mlflow": "mlflow-skinny"}
"""Package to install, by module."""
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
"""Defaults for the trackers' environment: no telemetry and no extra output. Variables that are set keep their value."""


def require(experiment: Experiment) -> None:
    """Raise ConfigError for a named tracker that cannot be used here. Send no request."""
    named = experiment.trackers
    if named is None or not experiment.stages:
        return
    for module, package in _NEEDS.items():
        if getattr(named, module) is not None and importlib.util.find_spec(module) is None:
            raise ConfigError(
                f"trackers.{module}",
                f"{package} is not installed",
                f"pip install {package}, or remove trackers.{module}",
            )
    _be_quiet()
    if named.wandb is not None:
        require_login()
    if named.mlflow is not None:
        uri_of(named.mlflow)


class Following:
    """Follow a stage while it trains. Call the object with each new line of metrics.jsonl.

    Its exit ends the trackers' runs, as failed if an exception is raised. The exit waits for unsent lines, within
    bounds, and raises no error of a tracker.
    """

    def __init__(self, plan: Plan, planned: PlannedStage) -> None:
        self._plan, self._planned = plan, planned
        self._board: TensorBoard | None = _board(plan, planned)
        directory = planned.directory
        named = plan.experiment.trackers
        self._outside: list[Outside] = []
        if named is None:
            return
        _be_quiet()
        if named.wandb is not None:
            self._outside.append(Outside("W&B", partial(WandbRun, named.wandb, plan, planned.record), directory))
        if named.mlflow is not None:
            self._outside.append(Outside("MLflow", partial(MlflowRun, named.mlflow, planned.record), directory))

    def evaluated(self, line: dict[str, Any]) -> None:
        """Show a new line of evaluations.jsonl."""
        if self._board is not None:
            self._write(partial(self._board.add_evaluation, line))
        self._wake()

    def _wake(self) -> None:
        for tracker in self._outside:
            tracker.wake()
            self._report_lines(tracker.news())

    def _write(self, add: Callable[[], None]) -> None:
        try:
            add()
        except Exception as error:
            self._board = None
            self._report_lines([f"TensorBoard: no more steps are written ({reason(error)}); the training continues"])

    def __call__(self, line: dict[str, Any]) -> None:
        if self._board is not None:
            self._write(partial(self._board.add, line))
        self._wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._board is not None:
            with contextlib.suppress(Exception):
                self._board.close()
        if kind is None:
            show_finished(self._plan, self._planned)
        for tracker in self._outside:
            tracker.end(succeeded=kind is None)
        for tracker in self._outside:
            # A user who stops a run does not wait.
            tracker.join(hurry=kind is not None and not issubclass(kind, StageFailed))
            self._report_lines(tracker.news())

    def _report_lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            log.info("%s: %s", self._planned.record.name, line)


def show_finished(plan: Plan, planned: PlannedStage) -> None:
    """Show a finished stage in TensorBoard under this experiment, even if another experiment trained it."""
    board = _board(plan, planned)
    try:
        if not board.is_newer_than(layout.manifest(planned.directory)):
            board.rewrite()
            board.close()
    except Exception as error:
        log.info("%s: TensorBoard: %s", planned.record.name, reason(error))


def _board(plan: Plan, planned: PlannedStage) -> TensorBoard:
    read = partial(read_metrics, layout.metrics(planned.directory))
    read_evaluations = partial(read_metrics, layout.training_evaluations(planned.directory))
    directory = layout.tensorboard(plan.directory) / planned.record.name
    return TensorBoard(directory, planned.record.key, read, read_evaluations)


def _be_quiet() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
