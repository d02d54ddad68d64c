"""A response that hangs, dies or swells costs itself its score, and nobody else anything. Every death here is real."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError

import psutil
import pytest

from passk import verifiers
from passk.base.errors import ConfigError, PasskError
from passk.verifiers import AnswerError, Verdict, pool
from passk.verifiers.pool import Pool
from tests.processes import living

RIGHT = Verdict(1.0, True, "yes", "correct")
MIB = 2**20


def lost(reason: str) -> Verdict:
    return Verdict(0.0, False, "", reason)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("hang", "timeout"),
        ("hang-in-c", "timeout"),
        ("exit 0", "crash"),
        ("exit 7", "crash"),
        ("kill", "crash"),
        ("segfault", "crash"),
        ("swell", "crash"),
        ("swell-slowly", "crash"),
        ("raise it", "crash"),
        ("recurse", "crash"),
        ("system-exit", "crash"),
        ("score nan", "crash"),
        ("score 2", "crash"),
    ],
)
def test_a_bad_response_costs_itself_its_score_and_the_next_one_nothing(bad, response, reason):
    # what dies has a deadline that it cannot meet first, however slow the machine
    with Pool(1, seconds=0.5 if reason == "timeout" else 20, memory=300 * MIB) as judges:
        futures = [judges.submit(bad, text, "yes") for text in ("yes", response, "yes", "no")]
        assert [future.result(60) for future in futures] == [
            RIGHT,
            lost(reason),
            RIGHT,
            Verdict(0.0, False, "no", "incorrect"),
        ]


def test_what_sleeps_is_ended_by_the_clock_and_what_waits_for_a_core_is_not_hurried(bad, monkeypatch):
    monkeypatch.setattr(pool, "PATIENCE", 12)
    with Pool(1, seconds=0.5) as judges:
        # longer than its deadline, by no CPU of its own
        assert judges.submit(bad, "sleep 0.8", "yes").result(60).reason == "incorrect"
        assert judges.submit(bad, "sleep", "yes").result(60) == lost("timeout")


def test_verdicts_belong_to_their_responses_whatever_the_order_and_whoever_dies(bad):
    responses = [["yes", "no", f"word {i}", "exit 1", "sleep 0.01"][i % 5] for i in range(100)]
    with Pool(3, seconds=5) as judges:
        futures = [judges.submit(bad, response, "yes") for response in responses]
        for response, future in reversed(list(zip(responses, futures, strict=True))):
            verdict = future.result(120)
            expected = lost("crash") if response.startswith("exit") else verifiers.verify(bad, response, "yes")
            assert verdict == expected
        assert len({judges.submit(bad, "pid", "").result(60).extracted for _ in range(30)}) <= 3


def test_a_verifier_that_prints_judges_all_the_same(bad):
    with Pool(1) as judges:
        assert judges.submit(bad, "print", "yes").result(60) == Verdict(0.0, False, "print", "incorrect")
        assert judges.submit(bad, "yes", "yes").result(60) == RIGHT


def test_any_text_goes_through_and_back_whole(bad):
    texts = ["", "\n", "\ud800", "\0", '"\\', "\U0001f600" * 9, "x" * 1_000_000, "\r\n\u2028"]
    with Pool(1) as judges:
        assert [judges.submit(bad, text, text).result(60) for text in texts] == [
            Verdict(1.0, True, text, "correct") for text in texts
        ]


def test_an_unreadable_answer_is_an_error_and_no_crash(bad):
    with Pool(1) as judges:
        with pytest.raises(AnswerError, match="^answer: not good"):
            judges.submit(bad, "unreadable", "yes").result(60)
        with pytest.raises(ConfigError, match="^verifier: 'bat' does not exist"):
            judges.submit("bat", "", "")
        assert judges.check_answer("math", "\\frac{1}{").result(60).startswith("answer: ")
        assert judges.check_answer("math", "\\frac{1}{2}").result(60) is None


def test_a_child_holds_no_secret_and_imports_nothing_that_it_was_not_asked_for(bad, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    with Pool(1) as judges:
        names = judges.submit(bad, "environment", "").result(60).extracted.split()
        assert not [name for name in names if "TOKEN" in name or "KEY" in name]
        assert "PYTHONHASHSEED" in names
        assert judges.submit(bad, "modules", "").result(60).extracted == ""


def test_what_needs_no_deadline_starts_no_child():
    with Pool(2) as judges:
        assert judges.submit("maze", "RR", "S.E").result(0).correct
        assert not judges._keepers
    with Pool(2, in_place=False) as judges:
        assert judges.submit("maze", "RR", "S.E").result(60).correct
        assert judges._keepers


def test_a_closed_pool_leaves_no_child_and_cancels_what_it_did_not_judge(bad):
    judges = Pool(1, seconds=60)
    futures = [judges.submit(bad, response, "yes") for response in ("pid", "sleep", "yes", "yes")]
    pid = int(futures[0].result(60).extracted)
    judges.close()
    assert not psutil.pid_exists(pid)
    for future in futures[1:]:
        with pytest.raises((CancelledError, PasskError)):
            future.result(5)
    with pytest.raises(PasskError, match="closed"):
        judges.submit(bad, "yes", "yes")


def test_children_that_cannot_start_are_one_line_and_no_score(bad):
    with Pool(1, memory=1 * MIB) as judges, pytest.raises(PasskError, match=r"does not start .* 1 MiB of memory"):
        judges.submit(bad, "yes", "yes").result(60)


@pytest.mark.parametrize("doing", ["sleep", "hang"])
def test_the_children_end_with_their_parent_however_it_ends(bad, doing):
    code = f"""
import time
from passk.verifiers.pool import Pool
judges = Pool(1, seconds=1000)
print(judges.submit("{bad}", "pid", "").result().extracted, flush=True)
judges.submit("{bad}", "{doing}", "")
time.sleep(1000)
"""
    root = os.pathsep.join([os.environ["PYTHONPATH"], *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while living([child]):
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.05)


def test_a_child_is_renewed_before_caches_fill_the_memory(bad, monkeypatch):
    monkeypatch.setattr(pool, "RENEWED_AFTER", 5)
    with Pool(1) as judges:
        pids = [judges.submit(bad, "pid", "").result(60).extracted for _ in range(12)]
    assert len(set(pids)) == 3
