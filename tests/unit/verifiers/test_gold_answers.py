"""A gold answer can make its verifier hang or die. The preparation logs it and continues."""

from functools import partial

import pytest

from passk.base.errors import ConfigError
from passk.problems import preparation
from passk.problems.files import JsonlProblems
from passk.problems.record import Problem
from passk.verifiers.pool import Pool
from tests.log_lines import logged_lines

GOLD = ["yes", "hang", "sleep 0.2", "exit 3", "unreadable", "kill", "no"]


@pytest.fixture
def readable(bad, monkeypatch):
    monkeypatch.setattr(preparation, "Pool", partial(Pool, 2, seconds=0.5))
    rows = [Problem(f"row {i}", "?", answer, bad, "test", "-", "", {}) for i, answer in enumerate(GOLD)]

    def run(unreadable):
        spec = JsonlProblems(source="jsonl", split="test", file="-", verifier=bad, unreadable=unreadable)
        with logged_lines() as said:
            return [row.id for row in preparation.readable(rows, spec, preparation.Activity())], said

    return run


def test_a_gold_answer_that_hangs_or_kills_its_verifier_is_unreadable_and_the_others_keep_their_place(readable):
    left, said = readable("leave_out")
    assert left == ["row 0", "row 2", "row 6"]
    assert [line.partition(": ")[2] for line in said[:-1]] == [
        "row 1: answer: timeout of its verifier; fix it",
        "row 3: answer: crash of its verifier; fix it",
        "row 4: answer: not good",
        "row 5: answer: crash of its verifier; fix it",
    ]


def test_it_is_refused_in_one_line(readable):
    message = r"^unreadable: .* 4 of 7 gold answers, such as row 1: answer: timeout of"
    with pytest.raises(ConfigError, match=message) as raised:
        readable("refuse")
    assert "\n" not in str(raised.value)
