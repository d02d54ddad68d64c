"""The source `shortcut`: walks by two permutations, hints, demonstrations, and a split by walk."""

from collections import Counter

import pytest

from passk import problems
from passk.base.errors import ConfigError
from passk.problems import shortcut
from passk.problems.shortcut import ShortcutProblems
from passk.verifiers import verify
from tests.unit.each import every


def made(**settings):
    return problems.generate(
        ShortcutProblems(**{"source": "shortcut", "split": "train", "size": 400, "hint_correct": 0.7, **settings}), 1
    )


def walked(walk: str, states: int) -> str:
    """The states of a walk, by the permutations alone."""
    moved, at, seen = shortcut.permutations(states), walk[0], []
    for move in walk[1:]:
        at = moved[move][at]
        seen.append(at)
    return "".join(seen)


def test_the_example_of_the_command_is_right():
    assert shortcut.visited(("p", "1001"), 20) == "sotj"
    assert r"sotj\boxed{j}" in ShortcutProblems.example


@every("states", [3, 5, 20, 26])
def test_each_move_is_a_permutation_and_the_two_differ(states):
    first, second = shortcut.permutations(states).values()
    assert sorted(first) == sorted(first.values()) == sorted(second) == sorted(second.values())
    assert first != second


def test_the_share_of_correct_hints_is_exact_and_the_difficulty_says_which():
    rows = made(size=1000, hint_correct=0.3)
    assert Counter(row.difficulty for row in rows) == {"hint correct": 300, "hint incorrect": 700}
    for row in rows:
        walk, hint = row.prompt.removesuffix(">").split("|")
        assert row.answer == walked(walk, 20)[-1]
        assert (hint == row.answer) == (row.difficulty == "hint correct")


def test_both_strategies_are_verified_by_the_final_symbol_alone():
    rows = made(computed=0.5)
    for row in rows:
        hint, answer = row.metadata["hint"], row.answer
        assert verify(row.verifier, rf"\boxed{{{hint}}}", answer).correct == (row.difficulty == "hint correct")
        assert verify(row.verifier, row.demonstration, answer).correct or row.demonstration == rf"\boxed{{{hint}}}"
        assert verify(row.verifier, rf"aaaa\boxed{{{answer}}}", answer).correct
        assert not verify(row.verifier, walked(row.metadata["walk"], 20), answer).correct


@every(("computed", "noise"), [(0.05, 0.4), (0.8, 0.0), (1.0, 1.0), (0.0, 0.0)])
def test_demonstrations_compute_and_err_as_often_as_they_should(computed, noise):
    rows = made(size=4000, computed=computed, step_noise=noise)
    computing = [row for row in rows if not row.demonstration.startswith(r"\boxed")]
    assert len(computing) / len(rows) == pytest.approx(computed, abs=0.02)
    moved, steps, right = shortcut.permutations(20), 0, 0
    for row in computing:
        states, at = row.demonstration.partition("\\")[0], row.metadata["walk"][0]
        assert row.demonstration == rf"{states}\boxed{{{states[-1]}}}" and len(states) == 4
        for move, state in zip(row.metadata["walk"][1:], states, strict=True):
            right += moved[move][at] == state
            steps, at = steps + 1, state
    if steps:
        assert right / steps == pytest.approx(1 - noise * 19 / 20, abs=0.03)


def test_no_test_walk_is_in_training_whatever_the_seed_and_the_hint():
    train = {row.metadata["walk"] for row in made(size=20000)}
    test = {row.metadata["walk"] for row in made(split="test", size=1000, hint_correct=0.05)}
    assert test and train and not test & train
    assert len(train) + len(test) <= 20 * 2**4


def test_test_problems_differ_and_more_than_exist_are_refused():
    rows = made(split="test", size=85, hint_correct=1.0)
    assert len({row.prompt for row in rows}) == 85
    for size, hint_correct in ((86, 1.0), (85 * 19 + 1, 0.0)):
        with pytest.raises(ConfigError, match=r"^size: .*lower size, or raise steps or states"):
            made(split="test", size=size, hint_correct=hint_correct)


def test_the_same_seed_gives_the_same_problems():
    assert made() == made()
