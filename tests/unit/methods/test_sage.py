"""SAGE's three guides on numbers worked by hand, and the penalty that OpenRLHF makes of them."""

import math
from dataclasses import replace

import pytest
import torch

from passk.base.errors import ConfigError
from passk.experiment.method_field import chosen
from passk.methods.method import Group
from passk.methods.sage import Sage
from tests.unit.experiment.test_config import refusal
from tests.unit.experiment.test_engine_checks import arm


class Entropies:
    def __init__(self, *values):
        self.values = torch.tensor(values)

    def entropy(self, group):
        return self.values


def group(log_probs, mask=None, step=1, seed=1) -> Group:
    log_probs = torch.tensor(log_probs)
    mask = torch.ones_like(log_probs, dtype=torch.bool) if mask is None else torch.tensor(mask)
    sequences = torch.zeros(log_probs.shape[0], log_probs.shape[1] + 1, dtype=torch.long)
    return Group(
        step=step, seed=seed, rewards=torch.zeros(len(log_probs)), sequences=sequences, attention_mask=sequences + 1,
        mask=mask, log_probs=log_probs, advantages=torch.ones_like(log_probs), base_log_probs=log_probs - 1,
    )  # fmt: skip


def q_of(method, one, policy=None):
    changes = method.of_group(one, policy)
    assert changes.advantages is None
    return (changes.base_log_probs - one.base_log_probs).exp()


def test_the_branch_guide_grows_with_the_entropy_above_its_threshold():
    one = group([[-1.0, -1, -1, -1]], mask=[[True, True, True, False]])
    q = q_of(Sage(), one, Entropies([0.5, 2.2, 4.0, 4.0]))
    torch.testing.assert_close(q, torch.tensor([[1.0, 1.3, 1.4, 1.0]]))  # 1.84 is above the bound


def test_the_token_guide_follows_the_surprisal_within_its_response():
    method = Sage(guide="token", token_spread=(0.0, 0.0))
    one = group([[0.0, -1, -2, -9], [-3.0, -3, -3, -3]], mask=[[True, True, True, False], [True] * 4])
    # The quantiles 0.05 and 0.95 of 0, 1, 2 are 0.1 and 1.9: w is 0, 0.5, 1. Equal surprisals have w = 0.
    torch.testing.assert_close(q_of(method, one), torch.tensor([[1.0, 1.15, 1.3, 1.0], [1.0] * 4]))


def test_the_values_follow_a_cosine_in_cycles_that_decay():
    method = Sage(guide="token", cycle_steps=4, cycles=2)
    first = [method.at(step, (0.3, 0.1)) for step in (1, 3, 5, 9, 13)]
    # Half way the cosine is 0. The second cycle begins at 0.27, and so does every later one.
    assert first == pytest.approx([0.3, 0.2, 0.27, 0.27, 0.27])
    quarter = 0.1 + 0.2 * (1 + math.cos(math.pi / 4)) / 2
    assert method.at(2, (0.3, 0.1)) == pytest.approx(quarter)


def test_the_random_guide_draws_its_share_and_repeats_for_the_same_seed():
    method = Sage(guide="random", random_share=(0.25, 0.25), random_spread=(0.1, 0.1))
    one = group([[-1.0] * 4000])
    q = q_of(method, one)
    drawn = q[q != 1]
    assert len(drawn) == pytest.approx(1000, abs=100)
    assert float(drawn.mean()) == pytest.approx(1, abs=0.02) and float(drawn.std()) == pytest.approx(0.1, abs=0.02)
    assert torch.equal(q, q_of(method, one))
    assert not torch.equal(q, q_of(method, replace(one, seed=2)))
    assert q_of(Sage(guide="random", random_share=(0, 0)), one).unique().tolist() == [1.0]


def test_it_needs_a_kl_penalty_in_the_loss_and_bounds_above_zero():
    line = "stages.arm.method.name: sage changes the reference of the KL penalty; add kl, as in {coef: 0.05}"
    assert refusal(arm(method={"name": "sage"})) == line
    with pytest.raises(ConfigError, match="^name: bounds must be above 0"):
        chosen({"name": "sage", "bounds": [0.0, 1.0]})
