"""The token of a cluster of our own, and the command that starts it. tests/integration starts a cluster itself."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from passk.base.errors import PasskError
from passk.experiment.compute import Compute
from passk.runtime import ray_cluster


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_each_cluster_has_a_token_of_its_own_in_a_private_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        (tmp_path / "other").mkdir()
        one, other = ray_cluster._access(tmp_path), ray_cluster._access(tmp_path / "other")
    finally:
        os.umask(before)
    file = tmp_path / ray_cluster.TOKEN_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(file.read_text()) == 64
    assert one == {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}
    assert ray_cluster.request_headers(one) == {"Authorization": f"Bearer {file.read_text()}"}
    assert ray_cluster.request_headers(other) != ray_cluster.request_headers(one)


@pytest.mark.parametrize("place", ["file", "link"])
def test_a_token_is_never_written_into_what_is_there_already(tmp_path, place):
    target = tmp_path / "theirs"
    target.write_text("before")
    file = tmp_path / "private" / ray_cluster.TOKEN_FILE
    file.parent.mkdir()
    if place == "link":
        file.symlink_to(target)
    else:
        file.write_text("before")
    with pytest.raises(FileExistsError):
        ray_cluster._access(file.parent)
    assert target.read_text() == file.read_text() == "before"


def test_a_cluster_of_the_users_gets_no_header_of_ours(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://10.0.0.1:8265")
    with ray_cluster.ray_cluster(Compute(profile="gpu"), Path("unused.log")) as joined:
        assert ray_cluster.request_headers(joined) == {}
        assert not [name for name in joined if name.startswith("RAY_AUTH")]


def test_a_stop_closes_the_cluster_for_the_threads_of_its_run_only(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://10.0.0.1:8265")
    stopped, log = threading.Event(), Path("unused.log")
    with (
        ray_cluster.ray_cluster(Compute(profile="gpu"), log, stopped) as joined,
        ray_cluster.ray_cluster(Compute(profile="gpu"), log) as other,
    ):
        assert ray_cluster.is_open(joined) and ray_cluster.rejoined(joined) == joined
        stopped.set()
        assert not ray_cluster.is_open(joined) and ray_cluster.is_open(other)
        with pytest.raises(KeyboardInterrupt):
            ray_cluster.rejoined(joined)
    assert not ray_cluster.is_open(other)


def test_the_command_that_starts_ray_names_its_directory_and_no_token(tmp_path):
    token = (tmp_path / ray_cluster._access(tmp_path)["RAY_AUTH_TOKEN_PATH"]).read_text()
    command = ray_cluster._head(Compute(profile="cpu"), list(range(20_000, 20_006)), tmp_path)
    assert f"--temp-dir={tmp_path / ray_cluster.RAY_DIRECTORY}" in command
    assert not [word for word in command if token in word]


# A stand-in for Ray's head: it ends at once until it was started `wanted` times.
HEAD = """
import sys, time
from pathlib import Path
count, wanted = Path(sys.argv[1]), int(sys.argv[2])
count.write_text(str(int(count.read_text()) + 1))
if int(count.read_text()) < wanted:
    sys.exit("raylet: timed out waiting for its agent")
print("Ray runtime started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("wanted", "starts"), [(3, 3), (9, ray_cluster.STARTS)])
def test_a_head_that_ends_before_it_is_ready_is_started_again_a_few_times(tmp_path, monkeypatch, wanted, starts):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    count, scratch, log = tmp_path / "count", [], tmp_path / "ray.log"
    count.write_text("0")

    def head(compute, ports, directory):
        scratch.append(directory)
        return [sys.executable, "-c", HEAD, str(count), str(wanted)]

    monkeypatch.setattr(ray_cluster, "_head", head)
    if wanted > starts:
        with pytest.raises(PasskError, match="^Ray did not start on 127.0.0.1"):
            ray_cluster.ray_cluster(Compute(profile="cpu"), log).__enter__()
    else:
        with ray_cluster.ray_cluster(Compute(profile="cpu"), log) as joined:
            assert Path(joined["RAY_AUTH_TOKEN_PATH"]).parent == scratch[-1]
    assert int(count.read_text()) == starts == len(set(scratch))
    assert not [directory for directory in scratch if directory.exists()], "no token stays"
