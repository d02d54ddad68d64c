"""Ctrl-C while a stage begins to train."""

import signal
import subprocess
import time

import pytest

from .conftest import left_after, passk, prepared

pytestmark = pytest.mark.slow


def test_ctrl_c_ends_the_run_and_all_its_processes_and_says_how_to_go_on(tmp_path):
    environment = prepared(tmp_path)
    command = passk("run", "small.yaml")
    with (tmp_path / "output.txt").open("w") as output:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 120
            while not list(tmp_path.glob("runs/small/stages/*/log.txt")) and time.monotonic() < deadline:
                assert run.poll() is None, (tmp_path / "output.txt").read_text()[-4000:]
                time.sleep(0.2)
            time.sleep(3)  # well into the training process's own start
            run.send_signal(signal.SIGINT)
            status = run.wait(timeout=60)
        finally:
            run.kill()
    said = (tmp_path / "output.txt").read_text()
    assert status == 130, said[-4000:]
    assert said.strip().endswith("passk: stopped; repeat the command to resume from the last checkpoint")
    assert left_after(tmp_path, seconds=10) == []
    assert not list(tmp_path.glob("runs/small/stages/*/manifest.json"))
