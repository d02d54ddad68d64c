"""A group gets the problem and the demonstration of its label."""

import pytest

from passk import problems
from passk.base.errors import PasskError
from passk.openrlhf.demonstrations import Demonstrations
from passk.openrlhf.prompt_label import Label
from passk.problems.record import Problem
from tests.unit.methods.test_sage import group


@pytest.fixture
def demonstrations(tmp_path):
    rows = [
        Problem(name, f"{name}?", "x", "exact", "train", "easy", shown, {}) for name, shown in (("a", "R"), ("b", ""))
    ]
    problems.save(rows, tmp_path / "problems.parquet")
    return Demonstrations(tmp_path / "problems.parquet")


def test_a_group_has_the_problem_and_the_demonstration_of_its_label(demonstrations):
    found = demonstrations.added(group([[0.0]]), Label("a", "exact", "x").dump())
    assert (found.problem, found.demonstration) == ("a?", "R")


@pytest.mark.parametrize("label", [Label("b", "exact", "x").dump(), Label("c", "exact", "x").dump(), 5])
def test_a_problem_without_a_demonstration_ends_the_training_in_one_line(demonstrations, label):
    with pytest.raises(PasskError, match=r"^method: \S+ has no demonstration in --passk.problems; add it, or drop the"):
        demonstrations.added(group([[0.0]]), label)
