"""What the docstrings say of groups that are all alike, and of those in which an estimator sees only some rollouts."""

import random
import re
from pathlib import Path

import pytest
import torch

from passk import advantage
from tests.unit.advantage import cases
from tests.unit.advantage.cases import compute
from tests.unit.each import every

DOCS = Path(__file__).parents[3] / "docs"

FLAT = [*("grpo", "dr_grpo", "rloo", "passk_full", "passk_bootstrap", "loo_max", "maxpo"),
        *("rs_grpo", "remax", "poly_epo", "ordergrad", "rspo", "riskpo", "tea")]  # fmt: skip


@every("name", FLAT)
@every("value", [0.0, -0.0, 1.0, 0.1, -7.3, 1e-45, 3e38])
def test_a_group_without_spread_gets_exactly_nothing(name, value):
    for n, k in cases.shapes(name, 7):
        assert not compute(name, torch.full((2, n), value), k).any(), (n, k)


@every("value", [1.0, 0.1, -7.3, 1e-30, 3e38])
def test_a_group_without_spread_gets_what_pkpo_gives_a_constant(value):
    for n in range(2, 8):
        rewards = torch.full((1, n), value)
        for k in range(1, n + 1):
            assert torch.allclose(compute("pkpo_s", rewards, k), rewards * (k / n), rtol=1e-6, atol=0)
            if k < n:
                wanted = rewards * (-k / (n * (n - 1)))
                assert torch.allclose(compute("pkpo_sloo", rewards, k), wanted, rtol=1e-5, atol=0)
            if k > 1:
                assert not compute("pkpo_sloo_minus_one", rewards, k).any()


CENTRED_ON_COUNTS = sorted(set(cases.BINARY) - {"psr", "nsr", "w_reinforce", "edas"})


@every("name", CENTRED_ON_COUNTS)
def test_all_correct_and_all_incorrect_get_exactly_nothing(name):
    for n, k in cases.shapes(name, 9):
        assert not compute(name, [[0.0] * n, [1.0] * n], k).any(), (n, k)


@pytest.mark.parametrize("name", ["passk_analytical", "passk_exceeding", "passk_easy_masked"])
def test_fewer_incorrect_answers_than_k_get_exactly_nothing(name):
    more = {"threshold": 1.0} if name == "passk_easy_masked" else {}
    for n, k in cases.shapes(name, 9):
        silent = ~compute(name, cases.staircase(n), k, **more).any(dim=1)
        assert silent.tolist() == [c == 0 or n - c < k for c in range(n + 1)], (n, k)


def test_all_correct_and_all_incorrect_where_there_is_no_baseline():
    rewards = [[0.0] * 3, [1.0] * 3]
    assert compute("psr", rewards, 1).tolist() == [[0.0] * 3, [1.0] * 3]
    assert compute("nsr", rewards, 1).tolist() == [[-1.0] * 3, [0.0] * 3]
    assert compute("w_reinforce", rewards, 1, positive=0.25).tolist() == [[-1.0] * 3, [0.25] * 3]
    alike = compute("edas", rewards, 1, base="nsr", beta=0.2, answers=[["a"] * 3, ["b"] * 3])
    assert alike.tolist() == [pytest.approx([-1.2] * 3), [0.0] * 3]  # one answer for all: pressed by beta S


@pytest.mark.parametrize(("kind", "value"), [("all incorrect", 0.0), ("all correct", 1.0)])
def test_the_estimators_that_learn_from_a_group_without_spread_are_those_that_the_docs_name(kind, value):
    """Each in a batch with other groups, since a bundle of riskpo has several prompts."""
    learning = set()
    for name in sorted(set(cases.DOMAIN) - {"edas", *cases.GRADED}):
        more = {"bundle": 2} if name == "riskpo" else {}
        more |= {"answers": [["a"] * 8, ["a", "b"] * 4]} if name in cases.VOTING else {}
        if compute(name, [[value] * 8, [1.0, 0.0] * 4], cases.some_k(name, 8), **more)[0].any():
            learning.add(name)
    [row] = [line for line in (DOCS / "engine-settings.md").read_text().splitlines() if line.startswith(f"| {kind} |")]
    assert set(re.findall(r"`(\w+)`", row)) - {"edas", "base"} == learning


def test_best_of_a_group_alone_gets_anything_and_a_tie_for_it_gives_nothing():
    found = compute("loo_max", [[1.0, 5, 3, 2, 2, 1, 9]], 3)
    assert found.tolist() == [[0, 2, 0, 0, 0, 0, 0]]
    assert (compute("pkpo_sloo_minus_one", cases.tensor(cases.dyadic(9, 24)), 4) >= 0).all()
    right_alone = compute("pkpo_sloo_minus_one", cases.staircase(9), 4)
    assert not right_alone[cases.staircase(9) == 0].any()


def test_votes_of_nobody_and_without_anybody():
    rewards = torch.tensor([[1.0, 0, 1], [1, 0, 0]])
    found = compute("majority", rewards, 3, answers=[[None] * 3, ["a", None, None]])
    assert found.tolist() == [[0.0] * 3, [1.0, 0.0, 0.0]]


def test_edas_spares_rare_incorrect_answers_presses_common_ones_and_never_turns_a_sign():
    generator = random.Random(0)
    rewards = cases.staircase(9).repeat(30, 1)
    answers = [[generator.choice("aaaabc") for _ in row] for row in rewards]
    for base, kappa in (("grpo", 2.0), ("nsr", 1.01)):
        plain = advantage.compute(base, rewards, 1)
        found = advantage.compute("edas", rewards, 1, answers=answers, base=base, alpha=9.0, beta=9.0, kappa=kappa)
        assert torch.equal(found[rewards == 1], plain[rewards == 1])
        assert torch.equal(found.sign(), plain.sign()) and not torch.equal(found, plain)
        assert ((found - plain).abs() <= plain.abs() / kappa + 1e-6).all()
    rewards = torch.tensor([[1.0, 0, 0, 0, 0]])
    one = advantage.compute("edas", rewards, 1, answers=[list("xaaab")])
    plain = advantage.compute("grpo", rewards, 1)
    assert (one < plain).tolist() == [[False, True, True, True, False]] and one[0, 4] > plain[0, 4]
