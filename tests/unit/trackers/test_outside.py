"""A tracker's server may be away, and nobody waits for it."""

import threading

from passk.trackers import outside
from passk.trackers.outside import Outside
from tests.unit.trackers.stage import KEY, Stage


class Unreachable:
    """A tracker whose server is away for its first tries."""

    where = "a run"

    def __init__(self, failures, last=0):
        self.failures, self.last, self.sent, self.ended = failures, last, [], None
        self.evaluated = {}
        self.tried = threading.Event()

    def open(self):
        self.tried.set()
        if self.failures:
            self.failures -= 1
            raise ConnectionError(f"no route to https://ann:{KEY}@host\nand more")
        return self

    def send(self, lines):
        self.sent += [line["step"] for line in lines]
        self.last = self.sent[-1] if self.sent else self.last

    def end(self, succeeded):
        self.ended = succeeded


def followed(stage, tracker, steps):
    to = Outside("It", tracker.open, stage.planned.own_directory)
    for step in steps:
        stage.step(lambda line: None, step)
        to.wake()
    assert tracker.tried.wait(20)
    return to


def test_a_tracker_that_is_away_is_one_line_and_the_rest_is_sent_at_the_end(tmp_path):
    stage, tracker = Stage(tmp_path), Unreachable(failures=1)
    to = followed(stage, tracker, (1, 2, 3))
    to.end(succeeded=True)
    to.join(hurry=False)
    news = to.news()
    assert [line for line in news if "passk retries" in line] == news[:1]
    assert KEY not in news[0] and "\n" not in news[0]
    assert (tracker.sent, tracker.ended) == ([1, 2, 3], True)
    assert len(news) == 2


def test_a_tracker_that_stays_away_ends_with_a_line_and_without_an_error(tmp_path):
    stage, tracker = Stage(tmp_path), Unreachable(failures=99)
    to = followed(stage, tracker, (1, 2, 3))
    to.end(succeeded=True)
    to.join(hurry=False)
    assert to.news()[-1].endswith("metrics.jsonl has all of them")
    assert tracker.sent == []


def test_a_tracker_that_does_not_answer_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "HURRY_SECONDS", 0.1)
    answers = threading.Event()
    stage = Stage(tmp_path)
    to = Outside("It", answers.wait, stage.planned.own_directory)
    stage.step(lambda line: to.wake(), 1)
    to.end(succeeded=False)
    to.join(hurry=True)
    assert "may lack steps" in to.news()[-1]
    answers.set()


def test_a_step_that_the_tracker_tells_to_have_is_not_sent_again(tmp_path):
    stage, tracker = Stage(tmp_path), Unreachable(failures=0, last=2)
    to = followed(stage, tracker, (1, 2, 3, 4))
    to.end(succeeded=False)
    to.join(hurry=False)
    assert (tracker.sent, tracker.ended) == ([3, 4], False)


def test_steps_that_end_while_others_are_sent_are_sent_too_and_the_run_ends_once(tmp_path):
    stage = Stage(tmp_path)

    class Slow(Unreachable):
        ends = 0

        def send(self, lines):
            super().send(lines)
            if len(self.sent) == 1:
                stage.step(lambda line: None, 2)
                to.end(succeeded=True)

        def end(self, succeeded):
            self.ends += 1
            assert self.sent == [1, 2]

    tracker = Slow(failures=0)
    to = Outside("It", tracker.open, stage.planned.own_directory)
    stage.step(lambda line: None, 1)
    to.wake()
    to.join(hurry=False)
    assert (tracker.sent, tracker.ends) == ([1, 2], 1)
    assert to.news() == ["It: a run"]


def test_evaluations_follow_their_step_and_those_that_the_tracker_has_are_not_sent_again(tmp_path):
    stage = Stage(tmp_path)

    class Noting(Unreachable):
        def send(self, lines):
            self.sent += [(line["step"], line.get("benchmark")) for line in lines]

    tracker = Noting(failures=0, last=1)
    tracker.evaluated = {"easy": 0}
    stage.evaluate(lambda line: None, 0, "easy")
    for step in (1, 2):
        stage.step(lambda line: None, step)
        stage.evaluate(lambda line: None, step, "easy")
    stage.evaluate(lambda line: None, 2, "hard")
    to = Outside("It", tracker.open, stage.planned.own_directory)
    to.end(succeeded=True)
    to.join(hurry=False)
    assert tracker.sent == [(1, "easy"), (2, None), (2, "easy"), (2, "hard")]
