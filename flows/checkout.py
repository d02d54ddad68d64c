"""The pull step of the deployments in prefect.yaml."""

from pathlib import Path


def enter() -> dict[str, str]:
    """Run the flow in the checkout that the worker's own passk comes from.

    Prefect would else bake the directory of whoever deploys into the deployment.
    """
    return {"directory": str(Path(__file__).resolve().parents[1])}
