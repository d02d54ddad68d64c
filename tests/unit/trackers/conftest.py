import sys

import pytest


@pytest.fixture(autouse=True)
def no_login(monkeypatch, tmp_path):
    """Remove the trackers' variables of the caller. W&B reads its environment once per process."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    yield
    if wandb := sys.modules.get("wandb"):
        wandb.teardown()
