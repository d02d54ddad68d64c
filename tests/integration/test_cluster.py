"""A run's own Ray cluster: on loopback alone, closed to other users, and gone when the run is."""

import contextlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from ray.job_submission import JobSubmissionClient

from passk.base.errors import PasskError
from passk.experiment.compute import Compute
from passk.runtime import follow, ray_job
from passk.runtime.failures import StageFailed
from passk.runtime.ray_cluster import ray_cluster, request_headers
from tests.processes import command_lines, descendants, listening, living

pytestmark = pytest.mark.slow

WRONG = {"Authorization": "Bearer " + "0" * 64}
JOIN = "import ray; ray.init(logging_level='ERROR'); print('joined', ray.cluster_resources()['GPU'])"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE"):
            patched.delenv(name, raising=False)
        # of another cluster: it must not become this one's
        patched.setenv("RAY_AUTH_TOKEN", "1" * 64)
        with ray_cluster(Compute(profile="cpu"), tmp_path_factory.mktemp("cluster") / "ray.log") as joined:
            time.sleep(3)  # the dashboard's agent is the last to listen
            yield joined


def token_file(cluster) -> Path:
    return Path(cluster["RAY_AUTH_TOKEN_PATH"])


def submit(cluster, headers: dict[str, str], marker: Path) -> httpx.Response:
    return httpx.post(
        f"{cluster['RAY_API_SERVER_ADDRESS']}/api/jobs/", json={"entrypoint": f"touch {marker}"}, headers=headers
    )


def test_the_job_server_takes_a_job_with_the_token_alone(cluster, tmp_path):
    marker = tmp_path / "marker"
    refused = [
        submit(cluster, headers, marker).status_code for headers in ({}, WRONG, {"Origin": "http://evil.example"})
    ]
    assert refused == [401, 403, 401]
    # without the headers, as for a cluster at RAY_ADDRESS whose token the user has not exported
    with pytest.raises(StageFailed, match="^RAY_AUTH_MODE: the job server at .* refuses ") as raised:
        ray_job.Job(cluster["RAY_API_SERVER_ADDRESS"], tmp_path)
    assert raised.value.kind == "configuration" and "\n" not in str(raised.value)
    assert submit(cluster, request_headers(cluster), marker).status_code == 200
    deadline = time.monotonic() + 60
    while not marker.exists():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_no_port_of_the_cluster_shows_or_takes_jobs_without_the_token(cluster):
    """The dashboard, the agent that starts jobs, the agent of runtime environments, and whatever else speaks HTTP."""
    answers = []
    for process in descendants():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="inet"):
                if connection.status == psutil.CONN_LISTEN:
                    answers += asked(connection.laddr.port)
    # Numbers of load and memory, for Prometheus, are open: read-only, whatever the path.
    closed = [each for each in answers if not each[2].startswith("# H")]
    assert {status for _, status, _ in closed} <= {401, 404}, closed
    assert ("/api/jobs/", 401) in [each[:2] for each in closed]
    assert ("/api/job_agent/jobs/", 401) in [each[:2] for each in closed]


def asked(port: int) -> list[tuple[str, int, str]]:
    found = []
    paths = {"/api/jobs/": "GET", "/api/job_agent/jobs/": "POST", "/get_or_create_runtime_env": "POST"}
    for path, method in paths.items():
        with contextlib.suppress(httpx.HTTPError):  # gRPC
            answer = httpx.request(method, f"http://127.0.0.1:{port}{path}", timeout=5)
            found.append((path, answer.status_code, answer.text[:100]))
    return found


@pytest.mark.parametrize("given", ["nothing", "a wrong token", "the token"])
def test_a_driver_joins_with_the_token_alone(cluster, given):
    variables = {
        "nothing": {"RAY_AUTH_MODE": "disabled"},
        "a wrong token": {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
        "the token": cluster,
    }[given]
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_A")}
    known |= {name: value for name, value in cluster.items() if not name.startswith("RAY_A")} | variables
    known |= {"RAY_ADDRESS": cluster["RAY_ADDRESS"]}
    try:
        done = subprocess.run([sys.executable, "-c", JOIN], env=known, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:  # Ray asks again for a while
        assert given != "the token"
    else:
        assert ("joined" in done.stdout) == (given == "the token"), done.stderr[-2000:]


def test_the_server_of_rays_client_does_not_run(cluster):
    assert not [words for _, words in command_lines(descendants()) if "ray.util.client.server" in words]


def test_other_users_cannot_enter_the_clusters_directory_nor_see_its_token(cluster):
    file = token_file(cluster)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700 and file.parent.stat().st_uid == os.geteuid()
    token = file.read_text()
    assert len(token) == 64
    for process, words in command_lines(descendants()):
        with contextlib.suppress(psutil.Error):
            assert token not in " ".join(words) and token not in str(process.environ())
    logs = [each for each in file.parent.rglob("*") if each.is_file() and each != file]
    assert any(each.name.startswith("gcs_server") for each in logs)
    assert not [each for each in logs if token.encode() in each.read_bytes()]
    shown = JobSubmissionClient(cluster["RAY_API_SERVER_ADDRESS"], headers=request_headers(cluster)).list_jobs()
    assert token not in str([details.dict() for details in shown])


def test_two_clusters_have_two_tokens_and_one_ends_without_the_other(cluster, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with ray_cluster(Compute(profile="cpu"), tmp_path / "ray.log") as other:
        assert request_headers(other) != request_headers(cluster)
        assert submit(other, request_headers(cluster), tmp_path / "marker").status_code == 403
        (tmp_path / "job").mkdir()
        follow.train(
            [sys.executable, "-c", "print('well')"], cluster=other, environment={}, directory=tmp_path / "job",
            about="test", stall_timeout_s=600, on_step=print,
        )  # fmt: skip
    assert not token_file(other).parent.exists()
    with pytest.raises(PasskError, match="^the Ray cluster of this run is gone; ") as gone:
        request_headers(other)
    assert gone.value.retry
    assert token_file(cluster).exists() and not (tmp_path / "marker").exists()


def test_the_cluster_listens_on_loopback_alone_and_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = descendants()
    with pytest.raises(KeyboardInterrupt), ray_cluster(Compute(profile="cpu"), tmp_path / "ray.log") as joined:
        assert joined["RAY_ADDRESS"].startswith("127.0.0.1:")
        time.sleep(3)  # the dashboard's agent is the last to listen
        started = [process for process in descendants() if process not in before]
        assert any("raylet" in words[0] for _, words in command_lines(started))
        assert set() < listening(started) <= {"127.0.0.1", "::1"}
        raise KeyboardInterrupt
    assert not living(started)


def test_a_cluster_of_the_users_is_used_and_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://10.0.0.1:8265")
    with ray_cluster(Compute(profile="gpu"), tmp_path / "ray.log") as joined:
        assert joined["RAY_ADDRESS"] == joined["RAY_API_SERVER_ADDRESS"] == "http://10.0.0.1:8265"
        # its mode is the user's: Ray itself reads the user's RAY_AUTH_MODE and token
        assert not [name for name in joined if name.startswith("RAY_AUTH")] and request_headers(joined) == {}
    assert not (tmp_path / "ray.log").exists()
