"""Send a stage to MLflow as a run that is identified by its tags."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from passk.base.errors import ConfigError
from passk.experiment.tracker_config import MlflowTracker
from passk.files.layout import StageRecord
from passk.trackers.scalars import is_evaluation, parameters, scalars, texts

if TYPE_CHECKING:
    from mlflow.entities import Metric

MOST_METRICS = 1000
"""Metrics of one request: MLflow's limit."""
MOST_PARAMETERS = 100


def uri_of(settings: MlflowTracker) -> str:
    """Return the URI of MLflow's server or store. Raise ConfigError without one: MLflow would make a database."""
    uri = settings.uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise ConfigError(
            "trackers.mlflow.uri", "is missing", "set it to the server's address, or set MLFLOW_TRACKING_URI"
        )
    return uri


class MlflowRun:
    """An `outside.Run`. MLflow keeps every value that it receives, even a second one of the same step."""

    def __init__(self, settings: MlflowTracker, record: StageRecord) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(uri_of(settings))
        experiment = self._client.get_experiment_by_name(settings.experiment)
        parent = experiment.experiment_id if experiment else self._client.create_experiment(settings.experiment)
        tags = {"passk.stage": record.key, "passk.experiment": record.experiment}
        query = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        if runs := self._client.search_runs([parent], query):
            self._id = runs[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            names = list(runs[0].data.metrics)
            self.last = self._last_step([name for name in names if name.startswith("train/")])
            benchmarks = {name.split("/")[1] for name in names if name.startswith("held_out/")}
            self.evaluated = {name: self._last_step([f"held_out/{name}/pass_at_k/1"]) for name in benchmarks}
        else:
            self._id = self._client.create_run(parent, run_name=record.name, tags=tags).info.run_id
            self._describe(record)
            self.last, self.evaluated = 0, {}
        self.where = f"run {self._id} of {settings.experiment}"

    def _describe(self, record: StageRecord) -> None:
        from mlflow.entities import Param

        params = [Param(name, value) for name, value in texts(parameters(record)).items()]
        for start in range(0, len(params), MOST_PARAMETERS):
            self._client.log_batch(self._id, params=params[start : start + MOST_PARAMETERS])

    def _last_step(self, names: list[str]) -> int:
        # Not every line has every metric.
        steps = (point.step for name in names for point in self._client.get_metric_history(self._id, name))
        return max(steps, default=0)

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        from mlflow.entities import Metric

        batch: list[Metric] = []
        waiting: list[dict[str, Any]] = []
        for line in lines:
            at, step = int(line["time"] * 1000), line["step"]
            points = [Metric(name, value, at, step) for name, value in scalars(line).items()]
            if len(batch) + len(points) > MOST_METRICS:
                self._log(batch, waiting)
                batch, waiting = [], []
            batch += points
            waiting.append(line)
        if batch:
            self._log(batch, waiting)

    def _log(self, batch: "list[Metric]", lines: Sequence[dict[str, Any]]) -> None:
        self._client.log_batch(self._id, metrics=batch)
        for line in lines:
            if is_evaluation(line):
                self.evaluated[line["benchmark"]] = line["step"]
            else:
                self.last = line["step"]

    def end(self, succeeded: bool) -> None:
        self._client.set_terminated(self._id, "FINISHED" if succeeded else "FAILED")
