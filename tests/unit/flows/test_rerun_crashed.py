"""Which runs of deployments count as dead, and which crashed runs are repeated."""

import os
import subprocess
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import httpx
import psutil
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running

from flows import rerun_crashed
from tests.log_lines import logged_lines

NOW = datetime.now(UTC)


def run(state=None, standing=None, worker="here-cpu", **labels):
    labels |= {rerun_crashed.WORKER: worker} | ({f"{rerun_crashed.DONE}maze": standing} if standing else {})
    return FlowRun(flow_id=uuid4(), deployment_id=uuid4(), labels=labels, state=state or Crashed(timestamp=NOW))


def test_the_last_run_is_run_again_if_it_crashed_and_never_if_it_ended_otherwise():
    crashed = run()
    assert rerun_crashed.due([crashed, run(Completed())], NOW) is crashed
    for ended in (Completed(), Failed(), Cancelled(), Running(), Pending()):
        assert rerun_crashed.due([run(ended), crashed], NOW) is None
    assert rerun_crashed.due([], NOW) is None
    assert rerun_crashed.due([run(Crashed(timestamp=NOW - timedelta(days=30)))], NOW) is None


def test_a_run_that_comes_no_further_is_run_again_three_times_and_one_that_does_always():
    assert rerun_crashed.due([run(standing="warm: 5")] * (rerun_crashed.MOST - 1), NOW)
    assert rerun_crashed.due([run(standing="warm: 5")] * rerun_crashed.MOST, NOW) is None
    assert rerun_crashed.due([run()] * rerun_crashed.MOST, NOW) is None
    further = [run(standing=f"warm: {step}") for step in range(20, 0, -1)]
    assert rerun_crashed.due(further, NOW) is further[0]
    assert rerun_crashed.due([run(standing="warm: 5")] * (rerun_crashed.MOST - 1) + [run(standing="warm: 4")] * 9, NOW)
    # what lies before a run that ended otherwise has nothing to do with it
    assert rerun_crashed.due(
        [run(standing="warm: 5"), run(Completed())] + [run(standing="warm: 5")] * rerun_crashed.MOST, NOW
    )


def test_a_run_that_died_before_it_said_how_far_it_was_came_no_further():
    assert rerun_crashed.due([run(), run(standing="warm: 5"), run(standing="warm: 4")], NOW)
    assert rerun_crashed.due([run()] * (rerun_crashed.MOST - 1) + [run(standing="warm: 5")], NOW) is None


def test_a_run_with_a_process_here_lives_and_one_of_another_machine_is_left_to_it():
    lives, died, elsewhere = run(Running()), run(Running()), run(Running(), worker="there-cpu")
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, rerun_crashed.RUN: str(lives.id)})
    try:
        # for a moment after its start Linux shows no environment of a process
        while rerun_crashed.RUN not in psutil.Process(process.pid).environ():
            time.sleep(0.01)
        assert rerun_crashed.dead([lives, died, elsewhere], ["here-cpu"]) == [died]
    finally:
        process.kill()
        process.wait()
    assert rerun_crashed.dead([lives, died, elsewhere], ["here-cpu"]) == [lives, died]


@pytest.mark.parametrize("hours", [-48, 0, 48])
def test_a_run_that_a_worker_has_just_taken_may_have_no_process_yet_whatever_the_servers_clock_shows(
    monkeypatch, hours
):
    taken, now = run(Pending(timestamp=datetime.now(UTC) + timedelta(hours=hours))), [100.0]
    monkeypatch.setattr(rerun_crashed.time, "monotonic", lambda: now[0])
    for seconds, found in ((0, []), (59, []), (2, [taken])):
        now[0] += seconds
        assert rerun_crashed.dead([taken], ["here-cpu"]) == found


def looked(monkeypatch, crashed, read_deployment, times=1):
    """Check crashed runs. Return the deployments that were rerun, and the log lines about the others."""
    begun = []

    def read_flow_runs(flow_run_filter, **_):
        if wanted := flow_run_filter.deployment_id:
            return [run for run in crashed if run.deployment_id in wanted.any_]
        return crashed if flow_run_filter.state.type.any_ == ["CRASHED"] else []

    client = SimpleNamespace(
        read_flow_runs=read_flow_runs,
        read_deployment=read_deployment,
        create_flow_run_from_deployment=lambda deployment, **_: begun.append(deployment) or run(),
    )
    monkeypatch.setattr(rerun_crashed, "get_client", lambda **_: nullcontext(client))
    with logged_lines() as lines:
        for _ in range(times):
            rerun_crashed.look([], ["cpu"])
    return begun, [line for line in lines if "rerun as" not in line]


def test_a_run_of_a_deployment_that_was_deleted_keeps_no_other_from_being_run_again(monkeypatch):
    crashed = [run() for _ in range(6)]
    deleted = {each.deployment_id for each in crashed[::2]}

    def read_deployment(deployment):
        if deployment in deleted:
            raise ObjectNotFound(http_exc=Exception("404"))
        return SimpleNamespace(paused=False)

    begun, said = looked(monkeypatch, crashed, read_deployment)
    assert set(begun) == {each.deployment_id for each in crashed[1::2]}
    assert said == []


def test_what_the_server_refuses_is_said_once_and_the_others_are_run_again(monkeypatch):
    bad, good = run(), run()

    def read_deployment(deployment):
        if deployment == bad.deployment_id:
            raise PrefectException("refused")
        return SimpleNamespace(paused=False)

    begun, said = looked(monkeypatch, [bad, good], read_deployment, times=3)
    assert set(begun) == {good.deployment_id}
    assert said == [f"the crashed runs of deployment {bad.deployment_id}: not checked (refused)"]


def test_a_server_that_does_not_answer_is_asked_again_at_the_next_look_and_nothing_is_said(monkeypatch):
    def read_deployment(_):
        raise httpx.ConnectError("refused")

    assert looked(monkeypatch, [run(), run()], read_deployment, times=2) == ([], [])
