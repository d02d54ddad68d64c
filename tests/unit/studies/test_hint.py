"""The pilot's problems differ in their hint alone, and its turning point is the theory's."""

import json

import pytest

from passk import verifiers
from studies.hint import sums, table
from tests.unit.each import every


def test_the_conditions_differ_in_the_hint_alone_and_incorrect_hints_are_incorrect(tmp_path):
    sums.write(tmp_path)
    rows = {name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").open()] for name in sums.CONDITIONS}
    for each, none, correct, incorrect in zip(sums.sums(), *(rows[name] for name in sums.CONDITIONS), strict=True):
        assert none["answer"] == correct["answer"] == incorrect["answer"] == str(each.left + each.right)
        assert each.incorrect not in (each.total, each.left, each.right)
        for row, number in ((correct, each.total), (incorrect, each.incorrect)):
            assert row["problem"].replace(f"My friend thinks that it is {number}. ", "") == none["problem"]
    assert len({row["problem"] for row in rows["none"]}) == sums.COUNT


def test_the_form_that_the_prompt_asks_for_is_read_by_the_verifier():
    verify = verifiers.load("numeric").verify
    assert verify("The answer is 61.", "61").correct and verify("The answer is 60.", "61").extracted == "60"


@every("e", [0.05, 0.5, 0.7, 0.9])
def test_at_the_turning_point_the_gain_of_computing_equals_its_loss(e):
    odds = (e / (1 - e)) ** 2
    assert table.turning_point(odds) == pytest.approx(e)
    b = odds / (1 + odds)

    # GRPO's weight 1 / sqrt(rho (1 - rho)) at a small p: rho is p b without a correct hint, 1 - p (1 - b) with one
    p = 1e-9
    gain = (1 - e) * b / (p * b * (1 - p * b)) ** 0.5
    loss = e * (1 - b) / (p * (1 - b) * (1 - p * (1 - b))) ** 0.5
    assert gain == pytest.approx(loss, rel=1e-6)
