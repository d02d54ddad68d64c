"""Which runs of deployments count as dead, and which of those that crashed are run again."""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from flows import again

NOW = datetime.now(UTC)


def run(state=None, standing=None, worker="here-cpu", **labels):
    labels |= {again.WORKER: worker} | ({f"{again.DONE}maze": standing} if standing else {})
    return FlowRun(flow_id=uuid4(), deployment_id=uuid4(), labels=labels, state=state or Crashed(timestamp=NOW))


def test_the_last_run_is_run_again_if_it_crashed_and_never_if_it_ended_otherwise():
    crashed = run()
    assert again.due([crashed, run(Completed())], NOW) is crashed
    for ended in (Completed(), Failed(), Cancelled(), Running(), Pending()):
        assert again.due([run(ended), crashed], NOW) is None
    assert again.due([], NOW) is None
    assert again.due([run(Crashed(timestamp=NOW - timedelta(days=30)))], NOW) is None


def test_a_run_that_comes_no_further_is_run_again_three_times_and_one_that_does_always():
    assert again.due([run(standing="warm: 5")] * (again.MOST - 1), NOW)
    assert again.due([run(standing="warm: 5")] * again.MOST, NOW) is None
    assert again.due([run()] * again.MOST, NOW) is None
    further = [run(standing=f"warm: {step}") for step in range(20, 0, -1)]
    assert again.due(further, NOW) is further[0]
    assert again.due([run(standing="warm: 5")] * (again.MOST - 1) + [run(standing="warm: 4")] * 9, NOW)
    # what lies before a run that ended otherwise has nothing to do with it
    assert again.due([run(standing="warm: 5"), run(Completed())] + [run(standing="warm: 5")] * again.MOST, NOW)


def test_a_run_that_died_before_it_said_how_far_it_was_came_no_further():
    assert again.due([run(), run(standing="warm: 5"), run(standing="warm: 4")], NOW)
    assert again.due([run()] * (again.MOST - 1) + [run(standing="warm: 5")], NOW) is None


def test_a_run_with_a_process_here_lives_and_one_of_another_machine_is_left_to_it():
    lives, died, elsewhere = run(Running()), run(Running()), run(Running(), worker="there-cpu")
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, again.RUN: str(lives.id)})
    try:
        # for a moment after its start Linux shows no environment of a process
        while again.RUN not in psutil.Process(process.pid).environ():
            time.sleep(0.01)
        assert again.dead([lives, died, elsewhere], ["here-cpu"]) == [died]
    finally:
        process.kill()
        process.wait()
    assert again.dead([lives, died, elsewhere], ["here-cpu"]) == [lives, died]


@pytest.mark.parametrize(("seconds", "counts"), [(0, False), (120, True)])
def test_a_run_that_a_worker_has_just_taken_may_have_no_process_yet(seconds, counts):
    # of this moment: NOW is when the tests were collected, which is minutes ago where all of them are run
    taken = run(Pending(timestamp=datetime.now(UTC) - timedelta(seconds=seconds)))
    assert again.dead([taken], ["here-cpu"]) == ([taken] if counts else [])
