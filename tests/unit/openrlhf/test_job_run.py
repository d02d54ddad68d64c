"""Sampling's process on this machine: one that makes nothing for a set time is hung, and is ended."""

import os

import pytest

from passk.openrlhf import job

SLOW = "for i in 1 2 3 4 5 6; do echo '{}' >> metrics.jsonl; sleep 1; done"


def run(directory, command, hung_after):
    job.run(["sh", "-c", f"cd {directory}; {command}"], environment={}, directory=directory, hung_after=hung_after)


def test_a_sampling_without_a_sign_of_life_is_hung_and_is_worth_another_try(tmp_path):
    with pytest.raises(job.StageFailed, match=r"^no sample for 5 s; see .*log\.txt$") as raised:
        run(tmp_path, "echo $$ > pid; exec sleep 600", hung_after=5)
    assert raised.value.kind == "hung" and raised.value.retry
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_sampling_that_says_a_line_now_and_then_may_take_longer_than_that(tmp_path):
    run(tmp_path, SLOW, hung_after=4)
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 6
