"""Step metrics where people watch them: TensorBoard always, W&B or MLflow where the experiment names them.

All are fed from a stage's metrics.jsonl in the process of the flow. The file is the truth: a tracker that fails
loses nothing and stops nothing.
"""

import contextlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.experiment.plan import Plan, PlannedStage
from passk.files.metrics_log import read_metrics
from passk.runtime.failures import StageFailed
from passk.trackers.mlflow_run import MlflowRun, uri_of
from passk.trackers.outside import Outside, reason
from passk.trackers.tensorboard import TensorBoard
from passk.trackers.wandb_run import WandbRun, require_login

DIRECTORY = "tensorboard"
_NEEDS = {"wandb": "wandb", "mlflow": "mlflow-skinny"}
"""a module -> what to install for it"""
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
"""they tell their makers nothing, and a person no more than we do; a variable that is set stays"""


def require(experiment: Experiment) -> None:
    """Raise ConfigError for a tracker that is named and cannot be used here. Asks no server."""
    named = experiment.trackers
    if named is None or not experiment.stages:
        return
    for module, package in _NEEDS.items():
        if getattr(named, module) is not None and importlib.util.find_spec(module) is None:
            raise ConfigError(f"trackers.{module}: {package} is not installed; pip install {package}, or take it out")
    _be_quiet()
    if named.wandb is not None:
        require_login()
    if named.mlflow is not None:
        uri_of(named.mlflow)


class Following:
    """Follows a stage while it trains: call it with each new line of metrics.jsonl.

    Leaving it ends the trackers' runs, as failed where an exception leaves with it. It waits for what is not sent yet,
    but never long, and raises nothing of a tracker's.
    """

    def __init__(self, plan: Plan, planned: PlannedStage, say: Callable[[str], None]) -> None:
        self._plan, self._planned, self._say = plan, planned, say
        self._board: TensorBoard | None = _board(plan, planned)
        metrics = planned.directory / "metrics.jsonl"
        named = plan.experiment.trackers
        self._outside: list[Outside] = []
        if named is None:
            return
        _be_quiet()
        if named.wandb is not None:
            self._outside.append(Outside("W&B", partial(WandbRun, named.wandb, plan, planned.record), metrics))
        if named.mlflow is not None:
            self._outside.append(Outside("MLflow", partial(MlflowRun, named.mlflow, planned.record), metrics))

    def __call__(self, line: dict[str, Any]) -> None:
        if self._board is not None:
            try:
                self._board.add(line)
            except Exception as error:
                self._board = None
                self._tell([f"TensorBoard: no more steps are written ({reason(error)}); the training goes on"])
        for tracker in self._outside:
            tracker.wake()
            self._tell(tracker.news())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._board is not None:
            with contextlib.suppress(Exception):
                self._board.close()
        if kind is None:
            show_finished(self._plan, self._planned, self._say)
        for tracker in self._outside:
            tracker.end(succeeded=kind is None)
        for tracker in self._outside:
            # Whoever stops a run is not kept waiting.
            tracker.join(hurry=kind is not None and not issubclass(kind, StageFailed))
            self._tell(tracker.news())

    def _tell(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._say(f"{self._planned.record.name}: {line}")


def show_finished(plan: Plan, planned: PlannedStage, say: Callable[[str], None]) -> None:
    """Let TensorBoard show a finished stage under this experiment, whichever experiment trained it."""
    board = _board(plan, planned)
    try:
        if not board.is_newer_than(planned.directory / "manifest.json"):
            board.write_anew()
            board.close()
    except Exception as error:
        say(f"{planned.record.name}: TensorBoard: {reason(error)}")


def _board(plan: Plan, planned: PlannedStage) -> TensorBoard:
    read = partial(read_metrics, planned.directory / "metrics.jsonl")
    return TensorBoard(plan.directory / DIRECTORY / planned.record.name, planned.record.key, read)


def _be_quiet() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
