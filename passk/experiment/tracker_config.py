"""Trackers of an experiment: services that receive the step metrics in addition to TensorBoard."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from passk.base.errors import InvalidError
from passk.experiment.fields import Strict, Text


class WandbTracker(Strict):
    """W&B. WANDB_API_KEY or W&B's login provides the key, WANDB_BASE_URL the server; the file has neither."""

    project: str = Field(pattern=r"^[^/\\#?%:]{1,128}$", description="project of the run")
    entity: Text | None = Field(None, description="user or team (default: that of the login)")


class MlflowTracker(Strict):
    """MLflow. MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD provide the login; the file does not."""

    experiment: Text = Field(description="experiment of the run")
    uri: Text | None = Field(None, description="URI of the server or store (default: MLFLOW_TRACKING_URI)")

    @model_validator(mode="after")
    def _no_password(self) -> Self:
        # "user@" without a password is a token for an HTTP server
        at = urlsplit(self.uri or "")
        if at.password is not None or (at.username is not None and at.scheme.startswith("http")):
            raise InvalidError(
                "the uri contains a login", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
            )
        return self


class Trackers(Strict):
    """Services that receive the step metrics in addition to TensorBoard (passk/trackers)."""

    wandb: WandbTracker | None = Field(None, description="Weights & Biases")
    mlflow: MlflowTracker | None = Field(None, description="MLflow")
