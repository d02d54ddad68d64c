"""reasoning_gym: full marks are right, all else is wrong, and no scorer is asked what it would run as Python."""

import json
import re
from pathlib import Path

import pytest
import reasoning_gym

from passk import verifiers
from passk.verifiers import verify
from passk.verifiers.reasoning_gym import _EVALUATED, _FORMS

TASKS = (
    "chain_sum", "countdown", "puzzle24", "game_of_life_halting", "gsm_symbolic", "knights_knaves", "kakurasu", "survo",
    "sokoban",
    "quantum_lock", "polynomial_equations", "polynomial_multiplication", "simple_integration",
    "intermediate_integration",
    "advanced_geometry", "string_insertion", "spiral_matrix", "binary_matrix", "n_queens", "word_sorting",
    "shortest_path", "jugs",
    "prime_factorization", "number_sorting", "base_conversion", "word_ladder", "syllogism", "leg_counting",
    "caesar_cipher",
)  # fmt: skip


def problem(task: str, index: int = 0) -> tuple[dict, str]:
    entry = reasoning_gym.create_dataset(task, size=2, seed=1)[index]
    return entry, json.dumps({"task": task, "entry": entry})


@pytest.mark.parametrize("task", TASKS)
def test_its_own_answer_is_right_and_what_holds_it_is_not(task):
    (entry, answer), (another, _) = problem(task), problem(task, 1)
    own, other = entry["answer"], another["answer"]
    assert verifiers.check_answer("reasoning_gym", answer) is None
    assert verify("reasoning_gym", f"I think so. <answer>\n{own}\n</answer>", answer).correct
    assert verify("reasoning_gym", own, answer).correct
    for given in (
        f"The answer is {own}", f"{own} or so", f"not {own}", f"x {own} y", f"{own}\n{other}" if other != own else "",
        "",
        f"{own} or {other}" if other != own else "", "anything", "0", "[]", "{}", "correct",
    ):  # fmt: skip
        verdict = verify("reasoning_gym", f"<answer>{given}</answer>", answer)
        assert not verdict.correct and verdict.score == 0, given


@pytest.mark.parametrize("task", [*_FORMS, "string_insertion", "spiral_matrix", "binary_matrix", "n_queens"])
def test_no_scorer_runs_what_a_model_wrote(task, tmp_path):
    _, answer = problem(task)
    mark = tmp_path / "ran"
    touch = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for code in (touch, f"[{touch}]", f"({touch}) or [[1]]", f"1 + ({touch} or 1)", f"sin({touch})", f"x*{touch}"):
        assert not verify("reasoning_gym", f"<answer>{code}</answer>", answer).correct
        assert not verify("reasoning_gym", code, answer).correct
    assert not mark.exists()


def test_every_scorer_of_the_installed_package_that_evaluates_text_is_known():
    root = Path(reasoning_gym.__file__).parent
    found = set()
    for file in root.rglob("*.py"):
        source = file.read_text()
        scorer = source.partition("def score_answer")[2].partition("\n    def ")[0].partition("\nclass ")[0]
        if re.search(r"\b(eval|exec|parse_expr|sympify|literal_eval|compile)\(", scorer):
            found.add(file.stem)
    known = {name.rpartition(".")[2] for name in _EVALUATED} | set(_FORMS)
    # number_sorting evaluates the gold answer, and that only where it is no JSON; it is ours
    assert found - {"number_sorting"} <= known


def test_what_the_package_takes_for_right_and_is_not():
    entry, answer = problem("puzzle24")
    assert reasoning_gym.get_score_answer_fn("puzzle24")("6*4*1*1", entry) == 1
    assert sorted(entry["metadata"]["numbers"]) != [1, 1, 4, 6]
    assert verify("reasoning_gym", "6*4*1*1", answer).reason == "wrong"
    entry, answer = problem("game_of_life_halting")
    assert reasoning_gym.get_score_answer_fn("game_of_life_halting")("anything", entry) == 1
    wrong = {"True": "False", "False": "True"}[entry["answer"]]
    assert verify("reasoning_gym", wrong, answer).reason == "wrong"


def test_a_task_without_an_answer_of_its_own_is_judged_by_its_scorer():
    _, answer = problem("graph_color")
    assert verifiers.check_answer("reasoning_gym", answer) is None
    assert not verify("reasoning_gym", "{}", answer).correct


def test_tuples_that_json_made_lists_are_tuples_again():
    _, answer = problem("rearc")
    assert verifiers.check_answer("reasoning_gym", answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        "", "42", "{}", "[]", "null", pytest.param("[" * 100_000, id="deep"),
        '{"task": 1, "entry": {}}', '{"task": "chain_sum", "entry": {"answer": "1"}}',
        '{"task": "no such task", "entry": {"answer": "1", "metadata": {}}}',
        '{"task": "chain_sum", "config": {"no_such": 1}, "entry": {"answer": "1", "metadata": {}}}',
        '{"task": "countdown", "entry": {"answer": "1+1", "metadata": {"numbers": [2], "target": 2}}}',
    ],
)  # fmt: skip
def test_an_unreadable_answer_says_so_in_one_line(answer):
    said = verifiers.check_answer("reasoning_gym", answer)
    assert said.startswith("answer: ") and "\n" not in said
