"""The estimator over the steps: every form means what it says, is refused in one line, and survives a command line."""

import json
import re
from pathlib import Path

import pytest
import yaml

from passk.base.errors import ConfigError
from passk.experiment import config, plan, validate, yaml_file
from passk.experiment.advantage_schedule import AdvantageSchedule
from passk.experiment.k_schedule import Schedule
from passk.openrlhf import flags
from passk.openrlhf.settings import split_arguments
from tests.unit.each import every
from tests.unit.experiment.test_config import GOOD, changed

TWO = {1: "grpo", 3: "passk_analytical"}
FORMS = [TWO, {3: "passk_analytical", 1: "grpo"}, {"1": "grpo", "3": "passk_analytical"},
         [[1, "grpo"], [3, "passk_analytical"]]]  # fmt: skip


def test_a_name_is_the_estimator_all_the_way():
    schedule = AdvantageSchedule.of("grpo")
    assert {schedule.at(step) for step in range(1, 50)} == {"grpo"}
    assert schedule.plain == schedule.spelled == schedule.label == "grpo"


@every("written", FORMS)
def test_an_estimator_holds_from_its_step_on_in_every_form(written):
    schedule = AdvantageSchedule.of(written)
    assert [schedule.at(step) for step in (1, 2, 3, 99)] == ["grpo", "grpo", "passk_analytical", "passk_analytical"]
    assert schedule.plain == [[1, "grpo"], [3, "passk_analytical"]]
    assert schedule.label == "grpo→passk_analytical" and schedule.names == ("grpo", "passk_analytical")


@every("written", ["grpo", TWO, {1: "grpo"}, [[1, "a"], [2, "b"], [9, "a"]]])
def test_a_command_line_and_json_carry_it_whole(written):
    schedule = AdvantageSchedule.of(written)
    assert AdvantageSchedule.parse(schedule.spelled) == schedule
    assert AdvantageSchedule.of(json.loads(json.dumps(schedule.plain))) == schedule


@every(
    ("written", "message"),
    [
        (4, "4 is not an estimator or a schedule of them; write a name, or {step: name"),
        ([], "is not an estimator or a schedule of them"),
        ("", "'' is not an estimator; write a name"),
        ({}, "must name the estimator of step 1; add 1: NAME"),
        ({2: "grpo"}, "must name the estimator of step 1; add 1: NAME"),
        ({0: "grpo"}, "0 is not a step; write a whole number from 1"),
        ({1: "grpo", "x": "maxrl"}, "'x' is not a step"),
        ({True: "grpo"}, "True is not a step"),
        ({1: "grpo", 10**9: "maxrl"}, "1000000000 is not a step"),
        ({1: "grpo", 2: 5}, "5 is not an estimator; write a name"),
        ([[1, "grpo"], [1, "maxrl"]], "step 1 has two estimators; remove one"),
        ([[1, "grpo"], [5, "grpo"]], "grpo at step 5 changes nothing; remove it"),
        ([[1, "grpo"], "maxrl"], "'maxrl' in the list is not [step, estimator]; write both"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_line(written, message):
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        AdvantageSchedule.of(written)
    assert "\n" not in str(raised.value)


def parsed(**fields):
    return config.parse(changed("stages.arm", {**yaml.safe_load(GOOD)["stages"]["arm"], "steps": 9, **fields}))


def checked(**fields):
    experiment = parsed(**fields)
    validate.check(experiment)
    return experiment


@every(
    ("fields", "message"),
    [
        ({"advantage": TWO, "k": 4}, "stages.arm.k: must be 1 for grpo, not 4"),
        ({"advantage": TWO, "k": {"from": 1, "to": 99, "at": 3}}, "stages.arm.k: must be smaller than the rollouts"),
        ({"advantage": "tea"}, "stages.arm.advantage: tea needs graded rewards, and the verifier maze gives 0 and 1"),
        (
            {"advantage": {1: "grpo", 3: "passk_analytica"}, "k": 1},
            "stages.arm.advantage: 'passk_analytica' does not exist",
        ),
        (
            {"advantage": TWO, "k": {"from": 1, "to": 4, "at": 3}, "options": {"sigma": False}},
            "stages.arm.options.sigma: several estimators need their options by name",
        ),
        (
            {"advantage": TWO, "k": {"from": 1, "to": 4, "at": 3}, "options": {"grpo": False}},
            "stages.arm.options.grpo: must be the options of grpo",
        ),
        (
            {"advantage": TWO, "k": {"from": 1, "to": 4, "at": 3}, "options": {"passk_analytical": {"sigma": 1}}},
            "stages.arm.options.passk_analytical.sigma: is invalid",
        ),
    ],
)
def test_what_cannot_work_at_some_step_is_refused_before_anything_starts(fields, message):
    with pytest.raises(ConfigError) as raised:
        checked(**fields)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_k_and_the_estimator_change_together_and_each_has_its_options():
    options = {"passk_analytical": {"sigma": False}}
    experiment = checked(advantage=TWO, k={"from": 1, "to": 4, "at": 3}, options=options)
    planned, paths = experiment.stages["arm"], flags.Paths("m", Path("d"), Path("o"))
    settings, _ = split_arguments(flags.rl(planned, experiment.compute, paths, seed=1))
    settings.check(planned.rollouts_per_prompt)
    assert settings.advantage == planned.advantage and settings.options == options
    assert settings.advantage.options("passk_analytical", settings.options) == {"sigma": False}
    assert settings.advantage.options("grpo", settings.options) == {}


def test_an_estimator_after_the_last_step_is_left_out_with_its_options():
    schedule, options = AdvantageSchedule.of({1: "grpo", 50: "maxrl"}), {"grpo": {"std": "sample"}, "maxrl": {}}
    kept, own = schedule.until(20, options)
    assert (kept.plain, own) == ("grpo", {"std": "sample"})
    schedule.check(Schedule.of(1), 20, 8, options)


def test_the_file_may_have_steps_as_keys_there_and_nowhere_else(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("stages:\n  a:\n    advantage: {1: grpo, 200: maxrl}\n")
    assert yaml_file.read(file).content["stages"]["a"]["advantage"] == {1: "grpo", 200: "maxrl"}
    for text in ("stages:\n  a: {1: 2}\n", "advantage: {1: grpo}\n", "stages:\n  a: {advantage: {true: grpo}}\n"):
        file.write_text(text)
        with pytest.raises(ConfigError, match="the key is not text"):
            yaml_file.read(file)


def test_a_plain_name_keeps_its_key_and_every_form_of_a_schedule_has_one(tmp_path):
    def key(**fields):
        laid_out = plan.plan(parsed(**fields), tmp_path)
        return next(planned.record.key for planned in laid_out.stages if planned.record.name == "arm")

    k = {"from": 1, "to": 4, "at": 3}
    assert len({key(advantage=written, k=k) for written in FORMS}) == 1
    assert key(advantage={1: "passk_analytical"}) == key(advantage="passk_analytical")
    assert key(advantage=TWO, k=k) != key(advantage={1: "grpo", 4: "passk_analytical"}, k=k)
    written = parsed(advantage="passk_analytical").stages["arm"]
    assert written.model_dump(mode="json")["advantage"] == "passk_analytical"
