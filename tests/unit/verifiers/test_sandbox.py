"""What judges has an empty home, no network, no program and no file to write, where the kernel allows that."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from passk.verifiers import pool, sandbox
from passk.verifiers.pool import Pool

ENTER = "import sys; from passk.verifiers import sandbox; {}; print(sandbox.enter([*sys.path, sys.base_prefix]))"


def left_open(change="pass"):
    """What a process of its own says that the kernel leaves open."""
    return subprocess.check_output([sys.executable, "-c", ENTER.format(change)], text=True).strip()


@pytest.fixture(scope="module")
def shut():
    if (said := left_open()) != "[]":
        pytest.skip(f"this kernel leaves open {said}")


def test_what_the_kernel_does_not_offer_is_named(shut):
    assert left_open("sandbox._CREATE_RULESET = 9999") == "['files']"
    assert left_open("sandbox._REFUSED_CALLS = {}") == "['network and programs']"


def test_the_pool_warns_once_of_what_stays_open():
    pool._warn_of.cache_clear()
    with pytest.warns(UserWarning, match="leaves files open .* Linux 5.13") as warned:
        pool._warn_of(("files",))
        pool._warn_of(("files",))
    assert len(warned) == 1


@pytest.fixture
def judge(bad, shut):
    with Pool(1) as judges:
        yield lambda response: judges.submit(bad, response, "yes").result(60)


def test_no_file_is_written_and_no_program_run(judge, tmp_path, monkeypatch):
    mark = tmp_path / "mark"
    for doing in (f"touch {mark}", "touch ~/mark", "touch mark", f"run touch {mark}", f"run echo x > {mark}"):
        assert judge(doing).reason == "crash", doing
    assert not mark.exists()
    assert judge("yes").correct


def test_home_is_empty_and_the_real_one_out_of_reach(bad, shut, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    (home / "secret").write_text("secret")
    monkeypatch.setenv("HOME", str(home))
    with Pool(1) as judges:
        said = {
            doing: judges.submit(bad, doing, "").result(60)
            for doing in ("list ~", "read ~/secret", f"read {home}/secret")
        }
    assert [verdict.extracted for verdict in said.values()] == ["nothing", "", ""]
    assert [file.name for file in home.iterdir()] == ["secret"]


def test_the_parents_environment_and_the_working_directory_are_out_of_reach(judge, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("project"))
    Path("token").write_text("secret")
    for doing in ("parent", "read token", f"read {Path.cwd()}/token"):
        assert judge(doing).reason == "crash", doing


def test_there_is_no_network(judge):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        assert judge(f"connect {server.getsockname()[1]}").reason == "crash"
        assert judge(f"datagram {datagrams.getsockname()[1]}").reason == "crash"
        datagrams.settimeout(0.1)
        with pytest.raises(TimeoutError):
            datagrams.recv(1)


def test_the_empty_home_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.tempfile, "tempdir", str(tmp_path))
    home = sandbox.empty_home()
    assert not list(Path(home).iterdir()) and not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        Path(home, "mark").touch()
    os.close(int(home.rpartition("/")[2]))


def test_a_second_verifier_is_loaded_though_the_child_of_the_first_is_shut_in(bad, shut):
    with Pool(1) as judges:
        for _ in range(2):
            assert judges.submit(bad, "yes", "yes").result(60).correct
            assert judges.submit("math", "\\boxed{0.5}", "1/2").result(120).correct
        assert judges._keepers[0]._names == {bad, "math"}
