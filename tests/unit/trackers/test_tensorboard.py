"""Read back by TensorBoard's own reader."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from passk import trackers
from passk.files import layout
from passk.files.layout import write_json
from tests.unit.trackers.stage import Stage


def kill(stage, steps):
    """A session that is killed: nothing is closed, and what was last written is cut off."""
    with stage.killed() as follow:
        for step in steps:
            stage.step(follow, step)
    (events,) = stage.tensorboard.glob("*tfevents*")
    events.write_bytes(events.read_bytes()[:-7])


def drawn(directory, tag="train/reward"):
    events = EventAccumulator(str(directory), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_tensorboard_reads_every_step_of_the_metrics_once_also_after_a_kill_and_a_resume_that_cut_lines(tmp_path):
    stage = Stage(tmp_path)
    kill(stage, range(1, 7))
    stage.forget_after(4)
    with stage.following() as follow:
        for step in range(5, 9):
            stage.step(follow, step)
        stage.finish()
    assert drawn(stage.tensorboard) == stage.recorded()
    assert [step for step, _ in stage.recorded()] == list(range(1, 9))
    assert [step for step, _ in drawn(stage.tensorboard, "train/grad_norm")] == [2, 4, 6, 8]
    assert stage.said == []


def evaluation(step: int, time: float) -> dict:
    point = {"value": 0.01 * step, "lower": 0.0, "upper": 1.0}
    line = {"step": step, "benchmark": "test", "pass_at_k": {"1": point, "4": point}, "time": time}
    line |= {"maj_at_k": {"4": point | {"value": 0.02 * step}}} if step else {}  # an earlier passk wrote no maj@k
    return line | {"length": 5.0, "truncated": 0.0, "seconds": 2.0}


def test_tensorboard_has_every_evaluation_once_at_its_step_also_after_a_resume_that_repeats_some(tmp_path):
    stage = Stage(tmp_path)
    stage.planned.own_directory.mkdir(parents=True)
    file = layout.training_evaluations(stage.planned.own_directory)

    def evaluate(follow, step, time):
        with file.open("a") as lines:
            lines.write(json.dumps(evaluation(step, time)) + "\n")
        follow.evaluated(evaluation(step, time))

    with stage.killed() as follow:
        evaluate(follow, 0, 100.0)  # before the first step
        for step in (1, 2):
            stage.step(follow, step)
        evaluate(follow, 2, 101.0)
    stage.forget_after(1)
    file.write_text(file.read_text().splitlines(keepends=True)[0])
    with stage.following() as follow:
        stage.step(follow, 2)
        evaluate(follow, 2, 102.0)
        follow.evaluated(evaluation(2, 102.0))
        stage.step(follow, 3)
        stage.finish()
    for k in (1, 4):
        points = drawn(stage.tensorboard, f"held_out/test/pass_at_k/{k}")
        assert points == [(0, 0.0), (2, pytest.approx(0.02))]
    assert drawn(stage.tensorboard, "held_out/test/maj_at_k/4") == [(2, pytest.approx(0.04))]
    assert drawn(stage.tensorboard) == stage.recorded()
    assert stage.said == []


def test_a_tensorboard_that_runs_through_the_resume_shows_no_step_twice(tmp_path):
    stage = Stage(tmp_path)
    with stage.killed() as follow:
        for step in (1, 2, 3):
            stage.step(follow, step)
    looking = EventAccumulator(str(stage.tensorboard)).Reload()
    assert len(looking.Scalars("train/reward")) == 3
    stage.forget_after(2)
    with stage.following() as follow:
        for step in (3, 4):
            stage.step(follow, step)
        looking.Reload()
    assert [(event.step, event.value) for event in looking.Scalars("train/reward")] == stage.recorded()


def test_tensorboard_names_the_runs_by_their_stages_also_one_that_another_experiment_trained(tmp_path):
    first, second = Stage(tmp_path), Stage(tmp_path, name="other")
    with first.following() as follow:
        first.step(follow, 1)
        first.finish()
    trackers.show_finished(second.plan, second.planned)
    shown = EventMultiplexer()
    shown.AddRunsFromDirectory(str(second.plan.directory))
    assert set(shown.Reload().Runs()) == {"tensorboard/arm"}
    assert drawn(second.tensorboard) == first.recorded()


def test_events_that_are_whole_are_left_and_those_of_a_stage_that_ended_elsewhere_are_completed(tmp_path):
    stage = Stage(tmp_path)
    with stage.following() as follow:
        stage.step(follow, 1)
        stage.finish()
    (whole,) = stage.tensorboard.iterdir()
    trackers.show_finished(stage.plan, stage.planned)
    assert list(stage.tensorboard.iterdir()) == [whole]
    stage.step(lambda line: None, 2)
    write_json(stage.planned.own_directory / "manifest.json", {})
    trackers.show_finished(stage.plan, stage.planned)
    assert drawn(stage.tensorboard) == stage.recorded()


def test_what_a_session_finds_done_is_shown_without_a_new_step(tmp_path):
    stage = Stage(tmp_path)
    kill(stage, (1, 2))
    with stage.following():
        stage.finish()
    assert drawn(stage.tensorboard) == stage.recorded()


def test_a_tensorboard_directory_that_cannot_be_written_is_one_line_and_the_training_goes_on(tmp_path):
    stage = Stage(tmp_path)
    stage.plan.directory.mkdir(parents=True)
    (stage.plan.directory / "tensorboard").write_text("in the way")
    with stage.following() as follow:
        for step in (1, 2):
            stage.step(follow, step)
    assert len(stage.said) == 2
    assert "the training continues" in stage.said[0] and stage.said[1].startswith("arm: TensorBoard: ")


def test_after_a_change_that_was_taken_back_the_first_configurations_curves_are_shown_again(tmp_path):
    first, other = Stage(tmp_path), Stage(tmp_path, steps=3)
    assert first.planned.record.key != other.planned.record.key
    for stage in (first, other):
        with stage.following() as follow:
            for step in (1, 2):
                stage.step(follow, step)
            stage.finish()
    assert drawn(first.tensorboard) == other.recorded()
    trackers.show_finished(first.plan, first.planned)
    assert drawn(first.tensorboard) == first.recorded()
