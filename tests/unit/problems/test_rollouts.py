"""Problems made of a stage's rollouts: which ones, and what the prompts show."""

import random

import pandas as pd
import pytest

from passk.base.errors import ConfigError
from passk.problems import check, generate, rollouts
from passk.problems.record import Problem, content_hash
from passk.problems.rollouts import RolloutProblems
from tests.unit.each import every

PROBLEMS = [
    Problem(name, f"What is {name}?", name.upper(), "exact", "train", "easy", "shown", {"of": "test"})
    for name in ("a", "b", "c", "d")
]
# Of a 0 of 4 rollouts are correct, of b 1 of 4, of c all 4. d has no rollout.
REWARDS = {"a": [0, 0, 0, 0], "b": [0, 1, 0, 0], "c": [1, 1, 1, 1]}


@pytest.fixture
def files(tmp_path):
    """Two steps with two rollouts of each problem. A response names its problem, its number and its reward."""
    paths = []
    for step in (1, 2):
        rows = [
            {"problem": name, "reward": float(rewards[sample]), "response": f"{name}{sample}:{rewards[sample]}"}
            for name, rewards in REWARDS.items()
            for sample in range(2 * step - 2, 2 * step)
        ]
        paths.append(tmp_path / f"step-{step:06d}.parquet")
        pd.DataFrame(rows).to_parquet(paths[-1])
    return paths


def spec(**fields):
    return RolloutProblems(source="rollouts", stage="pass1", **fields)


def made(files, seed=1, **fields):
    return rollouts.of_stage(spec(**fields), PROBLEMS, files, random.Random(seed))


@pytest.mark.parametrize(
    ("pass_rate", "names"),
    [((0, 1), "abc"), ((0, 0), "a"), ((0, 0.25), "ab"), ((0.25, 0.25), "b"), ((0.3, 1), "c"), ((1, 1), "c")],
)
def test_problems_are_chosen_by_their_pass_rate_and_stay_as_they_are(files, pass_rate, names):
    rows = made(files, pass_rate=pass_rate)
    assert "".join(row.id for row in rows) == names
    originals = {row.id: row for row in PROBLEMS}
    for row in rows:
        first = originals[row.id]
        assert (row.prompt, row.answer, row.verifier, row.demonstration) == (
            first.prompt, first.answer, first.verifier, first.demonstration,
        )  # fmt: skip
        assert row.content == content_hash(first)
        assert row.metadata == {"of": "test", "pass_rate": sum(REWARDS[row.id]) / 4}


def test_only_the_last_steps_count_if_so_wished(files):
    assert "".join(row.id for row in made(files, pass_rate=(0, 0))) == "a"
    assert (
        "".join(row.id for row in made(files, pass_rate=(0, 0), last_steps=1)) == "ab"
    )  # b is correct in step 1 alone
    assert "".join(row.id for row in made(files, pass_rate=(0, 0), last_steps=9)) == "a"


def test_a_prompt_to_revise_shows_an_incorrect_response_and_keeps_the_gold_answer(files):
    rows = made(files, make="revise")
    assert [row.id for row in rows] == ["a-revise", "b-revise"], "c has no incorrect rollout"
    for row in rows:
        name = row.id[0]
        before, after = f"What is {name}?\n\nHere is an attempt:\n", "\n\nThe attempt is incorrect."
        assert row.prompt.startswith(before) and after in row.prompt
        response = row.prompt.removeprefix(before).split(after)[0]
        assert response[0] == name and response.endswith(":0")
        assert (row.answer, row.verifier, row.demonstration) == (name.upper(), "exact", "")
        assert row.metadata["of"] == name and row.content == content_hash(row)
    seen = {row.prompt for seed in range(30) for row in made(files, seed, make="revise") if row.id == "b-revise"}
    assert len(seen) == 3, "each of its incorrect responses"
    assert made(files, make="revise") == rows


def test_a_prompt_to_verify_has_the_answer_that_its_response_deserves(files):
    answers = {"a": set(), "b": set(), "c": set()}
    for seed in range(30):
        for row in made(files, seed, make="verify"):
            response = row.prompt.split("Here is an attempt:\n")[1].split("\n")[0]
            assert row.answer == ("yes" if response.endswith(":1") else "no") and row.verifier == "exact"
            answers[row.id[0]].add(row.answer)
    assert answers == {"a": {"no"}, "b": {"yes", "no"}, "c": {"yes"}}


def test_a_template_of_ones_own_is_filled_once_whatever_a_response_contains(tmp_path):
    file = tmp_path / "step-000001.parquet"
    pd.DataFrame([{"problem": "a", "reward": 0.0, "response": "{problem} {response}"}]).to_parquet(file)
    (row,) = made([file], make="revise", template="Wrong: {response} Now: {problem}")
    assert row.prompt == "Wrong: {problem} {response} Now: What is a?"


def test_a_size_draws_some_of_them_in_their_order(files):
    drawn = {"".join(row.id for row in made(files, seed, size=2)) for seed in range(30)}
    assert drawn == {"ab", "ac", "bc"}
    assert len(made(files, size=9)) == 3


def test_no_problem_is_an_error_of_one_line(files):
    with pytest.raises(ConfigError, match="^pass_rate: no problem of pass1 has a pass rate from 0.5 to 0.9;"):
        made(files, pass_rate=(0.5, 0.9))
    with pytest.raises(ConfigError, match="from 1 to 1 and an incorrect rollout; widen it$"):
        made(files, pass_rate=(1, 1), make="revise")


@every(
    ("fields", "line"),
    [
        ({"pass_rate": (0.5, 0.2)}, "pass_rate: 0.5 to 0.2 is no range of shares;"),
        ({"pass_rate": (0, 1.5)}, "pass_rate: 0 to 1.5 is no range of shares;"),
        ({"template": "{problem} {response}"}, "template: has no effect on solve"),
        ({"make": "revise", "template": "{problem}"}, "template: does not contain {problem} and {response} once;"),
    ],
)
def test_a_specification_that_cannot_work_is_refused(fields, line):
    with pytest.raises(ConfigError) as error:
        check(spec(**fields))
    assert str(error.value).startswith(line)


def test_the_problems_cannot_be_made_before_the_stage():
    with pytest.raises(ConfigError, match="^stage: the problems exist once pass1 is finished; run the experiment$"):
        generate(spec(), 1)
