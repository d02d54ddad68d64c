"""Tasks of the real package reasoning_gym."""

import json

import pytest

from passk import problems
from passk.base.errors import ConfigError
from passk.problems import reasoning_gym_worker
from passk.problems.reasoning_gym import ReasoningGymProblems
from tests.unit.each import every


def spec(**fields):
    return ReasoningGymProblems(
        **{"source": "reasoning_gym", "split": "train", "size": 6, "task": "chain_sum"} | fields
    )


def test_an_answer_holds_all_that_the_tasks_own_scorer_needs():
    import reasoning_gym

    options = {"min_terms": 3, "max_terms": 3}
    for problem in problems.generate(spec(options=options), 1):
        held = json.loads(problem.answer)
        assert held["task"] == "chain_sum" and held["config"] == options
        dataset = reasoning_gym.create_dataset(held["task"], **held["config"])
        assert dataset.score_answer(held["entry"]["answer"], held["entry"]) == 1.0
        assert dataset.score_answer("no number", held["entry"]) < 1.0
        assert problem.prompt.startswith(held["entry"]["question"]) and "<answer></answer>" in problem.prompt
        assert problem.demonstration == f"<answer>{held['entry']['answer']}</answer>"
        assert problem.verifier == "reasoning_gym"


def test_the_same_seed_gives_the_same_problems_whatever_the_hash_seed_of_a_task_that_draws_from_a_set(monkeypatch):
    # isomorphic_strings: with two hash seeds, reasoning_gym's own problems of one seed differ
    drawn = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        drawn.append(problems.generate(spec(task="isomorphic_strings", size=5), 1))
    assert drawn[0] == drawn[1] and len(drawn[0]) == 5
    assert problems.generate(spec(task="isomorphic_strings", size=5), 2) != drawn[0]


def test_train_and_test_are_disjoint_even_where_there_are_few_different_problems():
    few = {"task": "coin_flip", "options": {"min_trials": 2, "max_trials": 6}}
    both = {}
    for split, count in (("train", 30), ("test", 8)):
        found = problems.generate(spec(split=split, size=count, **few), 1)
        both[split] = {json.loads(problem.answer)["entry"]["question"] for problem in found}
        assert len(both[split]) == count == len({problem.id for problem in found})
    assert not both["train"] & both["test"]


def test_a_task_with_too_few_different_problems_says_how_many_there_are(monkeypatch):
    monkeypatch.setattr(reasoning_gym_worker, "PATIENCE", 300)
    options = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    *drawn, last = reasoning_gym_worker.draw("chain_sum", options, 5000, "test", 1)
    assert 5 < len(drawn) < 5000
    error = (
        "size: 5000 different problems of chain_sum requested, but 300 tries in a row gave no new one for test after"
    )
    assert "{field}: {problem}; {fix}".format(**last["error"]).startswith(f"{error} {len(drawn)};")


@every(
    ("fields", "message"),
    [
        ({"task": "chain_sums"}, "task: reasoning_gym has no 'chain_sums'; did you mean chain_sum?"),
        ({"options": {"terms": 3}}, "options: chain_sum has no 'terms'; "),
        ({"options": {"seed": 3}}, "options: chain_sum has no 'seed'; "),
        ({"options": {"min_terms": 9, "max_terms": 2}}, "options: chain_sum refuses them: "),
        ({"task": "composite"}, "options: composite refuses them: Must specify at least one dataset"),
    ],
)
def test_a_task_or_option_that_is_not_there_is_refused_before_anything_is_drawn(fields, message):
    with pytest.raises(ConfigError) as raised:
        problems.check(spec(**fields))
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_a_task_without_one_right_answer_has_problems_but_no_demonstrations():
    for problem in problems.generate(spec(task="graph_color", size=2), 1):
        assert problem.demonstration == "" and json.loads(problem.answer)["entry"]["answer"] is None
