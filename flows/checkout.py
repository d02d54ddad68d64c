"""The pull step of the deployments in prefect.yaml."""

from pathlib import Path


def enter() -> dict[str, str]:
    """Return the worker's checkout, in which the flow then runs.

    Otherwise Prefect stores the directory of the process that deploys in the deployment.
    """
    return {"directory": str(Path(__file__).resolve().parents[1])}
