"""reasoning_gym: full marks are right, all else is wrong, and no scorer is asked what it would run as Python."""

import json
import re
from pathlib import Path

import pytest
import reasoning_gym
from reasoning_gym.factory import DATASETS

from passk import verifiers
from passk.verifiers import verify
from passk.verifiers.reasoning_gym import _EVALUATED, _FORMS

TASKS = sorted(DATASETS.keys() - {"composite"})  # that one is of others


def problem(task: str, index: int = 0, dataset=None) -> tuple[dict, str]:
    entry = (dataset or reasoning_gym.create_dataset(task, size=2, seed=1))[index]
    return entry, json.dumps({"task": task, "entry": entry})


@pytest.mark.parametrize("task", TASKS)
def test_its_own_answer_is_right_and_what_holds_it_is_not(task):
    dataset = reasoning_gym.create_dataset(task, size=2, seed=1)
    (entry, answer), other = problem(task, dataset=dataset), dataset[1]["answer"]
    own = entry["answer"]
    assert verifiers.check_answer("reasoning_gym", answer) is None
    if own is not None:
        assert verify("reasoning_gym", f"I think so. <answer>\n{own}\n</answer>", answer).correct
        assert verify("reasoning_gym", own, answer).correct
    numbers = len(re.findall(r"-?[0-9]+(?:\.[0-9]+)?", str(own)))
    for given in (
        f"The answer is {own}", f"{own} or so", f"not {own}", f"x {own} y", f"{own} is wrong", f"{own} weeks",
        f"{own}, {own}", f"{own} {own}", f"{own}\n{own}",
        f"{own}\n{other}" if other != own else "", f"{own} or {other}" if other != own else "",
        "", "anything", "0", "[]", "{}", "correct", "NaN", "Infinity", "-inf", "1e999", "null", "[[NaN]]",
        *(f"[{', '.join([value] * numbers)}]" for value in ("NaN", "Infinity", '"NaN"')),
    ):  # fmt: skip
        verdict = verify("reasoning_gym", f"<answer>{given}</answer>", answer)
        assert given == own or (not verdict.correct and verdict.score == 0), given


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


@pytest.mark.parametrize(
    ("task", "own", "metadata", "right", "wrong"),
    [
        ("number_sorting", "['-1.5', '2.0', '30.0']", {"direction": "ascending"},
         ["[-1.5, 2, 30]", '["-1.5", "2.0", "30"]'], ["[NaN, NaN, NaN]", "[-1.5, 2.9, 30]", "[-1.5, 2.0, Infinity]"]),
        ("time_intervals", "34 days", {"task_type": "date"}, ["34 days", "34 day"],
         ["34 weeks", "34 is wrong", "34", "34 days, 10:00", "35 days"]),
        ("time_intervals", "01:30", {"task_type": "time"}, ["01:30", "1:30", "01:30:00"],
         ["01:30 or so", "01:30:00:9"]),
        ("coin_flip", "3.051757812e-05", {}, ["3.051757812e-05", "1/32768", "0.00003052"], ["0", "1e-4", "nan"]),
        ("puzzle24", "8*(5-2)*1", {"numbers": [8, 5, 2, 1]}, ["8*(5-2)*1"], ["8*(5-2)**1", "8*(5-2)* *1", "49//2"]),
        ("countdown", "5*2", {"numbers": [5, 2, 1], "target": 10}, ["5*2*1"], ["5*2**1", "5*2//1"]),
        ("fraction_simplification", "\\frac{1}{2}",
         {"numerator": 2, "denominator": 4, "simplified_numerator": 1, "simplified_denominator": 2},
         ["$\\frac{1}{2}$", "1/2"], ["\\frac{1}{2} is wrong", "\\frac{1}{2}3"]),
        ("cryptarithm", "A=1,B=2,C=3", {"words_letters": ["A", "B"], "result_letters": "C"}, ["B=2, A=1, C=3"],
         ["A=1,B=2,C=4,C=3"]),
        ("complex_arithmetic", "1.0 - 2.0i", {"result": [1.0, -2.0]}, ["1 - 2i", "(1.0-2.0j)"], ["nan", "nan+nanj"]),
        ("polynomial_equations", "-1.0, 2.0", {}, ["-1, 2.0"], ["-1.0, 2.0 5", "-1.0, 2.0,"]),
        ("game_of_life", "[[0, 1]]", {}, ["[[0,1]]"], ["[[0, 1, 1]]", "[[0, 1], [1, 1]]"]),
        ("pool_matrix", "4.5 4.56", {}, ["4.5 4.56", "4.50 4.56"], ["4.54 4.56", "4.5 4.56 # is wrong"]),
        ("spell_backward", "ainomma", {}, ["Ainomma"], ["ainommas"]),
    ],
)  # fmt: skip
def test_what_a_scorer_overlooks_is_looked_at_again(task, own, metadata, right, wrong):
    answer = json.dumps({"task": task, "entry": {"question": "", "answer": own, "metadata": metadata}})
    for given in right:
        assert verify("reasoning_gym", f"<answer>{given}</answer>", answer).correct, given
    for given in wrong:
        assert not verify("reasoning_gym", f"<answer>{given}</answer>", answer).correct, given


def test_a_hanoi_move_is_a_line_of_its_own():
    entry, answer = problem("tower_of_hanoi")
    lines = entry["answer"].splitlines()
    assert verify("reasoning_gym", "\n \n".join(lines), answer).correct
    assert not verify("reasoning_gym", "\n".join(f"I do not {line}, or do I?" for line in lines), answer).correct


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
