"""Trackers of an experiment: where the step metrics go beside TensorBoard."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from passk.experiment.fields import Strict, Text


class WandbTracker(Strict):
    """W&B. The key is in WANDB_API_KEY or in W&B's own login, the server in WANDB_BASE_URL; never here."""

    project: str = Field(pattern=r"^[^/\\#?%:]{1,128}$", description="project of the run")
    entity: Text | None = Field(None, description="user or team (default: that of the login)")


class MlflowTracker(Strict):
    """MLflow. User and password are in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; never here."""

    experiment: Text = Field(description="experiment of the run")
    uri: Text | None = Field(None, description="URI of the server or store (default: MLFLOW_TRACKING_URI)")

    @model_validator(mode="after")
    def _no_password(self) -> Self:
        # "user@" alone is a token where the server is asked by HTTP
        at = urlsplit(self.uri or "")
        if at.password is not None or (at.username is not None and at.scheme.startswith("http")):
            raise ValueError("the uri holds a login; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead")
        return self


class Trackers(Strict):
    """Who gets the step metrics beside TensorBoard (passk/trackers)."""

    wandb: WandbTracker | None = Field(None, description="Weights & Biases")
    mlflow: MlflowTracker | None = Field(None, description="MLflow")
