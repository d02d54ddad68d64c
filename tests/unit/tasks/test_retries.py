"""Tries: those that came further do not count, waits grow, a stop is heard in a wait."""

import threading

import pytest

from passk.base.errors import PasskError
from passk.experiment.compute import Compute
from passk.runtime.failures import StageFailed
from tasks import retries
from tasks.retries import FRUITLESS, Retries
from tasks.train_slots import TrainSlots


def attempts(reached, *errors):
    """Retry on each error in turn. `reached`: the step of each attempt. Return retries, waits and the last reason."""
    waits, now = [], [0]
    tried = Retries(waits.append)
    for number, error in enumerate(errors, 1):
        try:
            with tried.one("pass4", lambda: now[0]):
                now[0] = reached(number)
                raise error
        except PasskError as raised:
            if not getattr(raised, "retry", False):
                return number, waits, str(raised)
    return len(errors), waits, None


def lost():
    return StageFailed("a worker died; see log.txt", "lost")


def test_a_stage_that_comes_further_each_time_may_lose_a_worker_as_often_as_it_likes():
    made, waits, given_up = attempts(lambda number: number, *[lost() for _ in range(3 * FRUITLESS)])
    assert (made, given_up) == (3 * FRUITLESS, None)
    assert max(waits) <= 1.5 * retries.FIRST_SECONDS


def test_a_stage_that_fails_at_the_same_step_again_and_again_is_given_up_with_its_reason():
    made, waits, given_up = attempts(lambda number: 3, *[lost() for _ in range(3 * FRUITLESS)])
    assert made == FRUITLESS + 1  # the first one reached step 3
    assert given_up == "a worker died; see log.txt"
    assert waits[1:] == sorted(waits[1:]) and max(waits) > retries.LONGEST_SECONDS
    assert 600 <= sum(waits) <= 1000


def test_steps_done_again_up_to_where_it_was_are_no_progress():
    reached = {1: 9, 2: 5, 3: 8, 4: 9}
    _, waits, _ = attempts(lambda number: reached.get(number, 9), *[lost() for _ in range(6)])
    assert waits[-1] > waits[0]
    made, _, given_up = attempts(lambda number: reached.get(number, 9), *[lost() for _ in range(30)])
    assert made == FRUITLESS + 1 and given_up


def test_what_hangs_is_tried_three_times_and_what_would_fail_again_once():
    hung = [StageFailed("no step for 1800 s; see log.txt", "hung") for _ in range(9)]
    assert attempts(lambda number: 0, *hung)[0] == 3
    assert attempts(lambda number: number, StageFailed("CUDA out of memory; see log.txt", "memory"), lost())[0] == 1


def test_two_stages_have_their_own_tries():
    waits = []
    tried = Retries(waits.append)
    for name in ("a", "b"):
        with pytest.raises(StageFailed), tried.one(name, lambda: 0):
            raise lost()
    assert waits == []


def test_a_stop_is_heard_by_a_stage_that_waits_for_its_next_try():
    slots, waits, ended = TrainSlots(Compute(profile="cpu")), threading.Event(), []

    def wait():
        try:
            waits.set()
            slots.pause(600)
        except KeyboardInterrupt:
            ended.append("stopped")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert waits.wait(10)
    while not slots._threads:
        pass
    with pytest.raises(ZeroDivisionError), slots.stopped_with_the_flow():
        raise ZeroDivisionError
    thread.join(10)
    assert ended == ["stopped"]
