"""The files of deploy/: units that systemd takes, the pinned versions, and commands and variables that exist."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from passk.experiment import config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def pinned(name: str) -> str:
    lock = (ROOT / "requirements" / "gpu.lock").read_text()
    return re.search(rf"^{name}==([\w.]+)", lock, re.MULTILINE)[1]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path):
    written = []
    for unit in UNITS:
        # systemd checks that the programs exist
        text = unit.read_text().replace("/opt/passk/.venv/bin/", f"{Path(sys.executable).parent}/")
        written.append(tmp_path / unit.name)
        written[-1].write_text(text.replace("/opt/passk", str(ROOT)).replace("User=passk", "User=root"))
    command = ["systemd-analyze", "verify", *map(str, written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    written[0].write_text(written[0].read_text().replace("ExecStart=", "ExecStrat="))
    assert "ExecStrat" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_the_server_is_the_pinned_prefect_with_a_password_and_on_loopback():
    content = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    server = content["services"]["server"]
    assert server["image"] == f"prefecthq/prefect:{pinned('prefect')}-python3.11"
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    secrets = [
        value for service in content["services"].values() for name, value in service["environment"].items()
        if "PASSWORD" in name or "AUTH_STRING" in name
    ]  # fmt: skip
    assert len(secrets) == 2 and all(re.match(r"\$\{\w+:\?", value) for value in secrets), "none is in the file"


def test_the_server_has_the_same_settings_everywhere():
    """make serve, the unit and the compose file: the lease storage, CSRF protection, no telemetry."""
    names = {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"}
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["services"]["server"]["environment"]
    unit = (DEPLOY / "systemd" / "passk-server.service").read_text()
    page = (ROOT / "docs" / "deploy.md").read_text()
    for name in names:
        assert f"{name}={compose[name]}" in unit and f"{name}={compose[name]}" in page


def test_the_ray_cluster_has_one_token_and_its_job_reaches_it():
    cluster, job = yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text())
    head = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    [worker] = cluster["spec"]["workerGroupSpecs"]
    pods = [head, worker["template"]["spec"], job["spec"]["template"]["spec"]]
    variables = [{each["name"]: each["value"] for each in pod["containers"][0]["env"]} for pod in pods]
    assert {each["RAY_AUTH_MODE"] for each in variables} == {"token"}
    assert len({each["RAY_AUTH_TOKEN_PATH"] for each in variables}) == 1
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"]}
        mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts <= volumes and {"shared", "token"} <= mounts
    assert variables[2]["RAY_ADDRESS"] == f"http://{cluster['metadata']['name']}-head-svc:8265"
    assert pods[2]["containers"][0]["command"][:2] == ["passk", "run"]


def test_the_cloud_task_runs_a_shipped_experiment_on_as_many_gpus_as_it_needs():
    task = yaml.safe_load((DEPLOY / "skypilot.yaml").read_text())
    experiment = config.load(ROOT / task["envs"]["EXPERIMENT"])
    assert task["resources"]["accelerators"].rpartition(":")[2] == str(experiment.gpus)
    assert task["run"].strip() == '.venv/bin/passk run "$EXPERIMENT" --runs /shared/runs'
