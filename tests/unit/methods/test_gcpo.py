"""The reconstruction of GCPO on numbers worked by hand, and against all orders of a group."""

import itertools
import math

import pytest
import torch

from passk.methods import get, names
from passk.methods.gcpo import GCPO
from passk.methods.method import Group


def test_it_alone_is_marked_as_a_reconstruction():
    assert [name for name in names() if get(name).reconstruction] == ["gcpo"]


def test_like_rollouts_share_their_credit_and_incorrect_ones_have_none():
    x, y = torch.eye(2, dtype=torch.float64)
    credit = GCPO(orders=1).credit(torch.stack([x, x, y, y]), torch.tensor([1.0, 1, 1, 0]).double(), 1)
    # The two alike have det(I + 2 x x^T) = 3 together, and the third one has 2.
    assert credit.tolist() == pytest.approx([math.log(3) / 2, math.log(3) / 2, math.log(2), 0])


def test_many_orders_approach_the_mean_over_all_of_them():
    torch.manual_seed(4)
    embeddings = torch.nn.functional.normalize(torch.randn(4, 3, dtype=torch.float64), dim=1)
    rewards = torch.tensor([1.0, 0.5, 1.0, 1.0]).double()

    def volume(members):
        total = torch.eye(3, dtype=torch.float64)
        for member in members:
            total += rewards[member] * torch.outer(embeddings[member], embeddings[member])
        return float(torch.logdet(total))

    exact = [0.0] * 4
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        for place, member in enumerate(order):
            exact[member] += (volume(order[: place + 1]) - volume(order[:place])) / len(orders)
    found = GCPO(orders=4000).credit(embeddings, rewards, 1)
    assert found.tolist() == pytest.approx(exact, abs=5e-3)
    assert float(GCPO(orders=1).credit(embeddings, rewards, 1).sum()) == pytest.approx(volume(range(4)))


def test_the_advantages_are_centred_and_those_of_the_rollouts_tokens():
    class States:
        def hidden_states(self, group):
            x, y, z = torch.eye(3)
            # Rollouts 0 and 1 have the mean direction x, whatever stands outside the mask.
            return torch.stack([torch.stack([2 * x, z]), torch.stack([x, x]), torch.stack([y, y])])

    mask = torch.tensor([[True, False], [True, True], [True, True]])
    group = Group(
        step=1, seed=1, rewards=torch.ones(3), sequences=torch.zeros(3, 3, dtype=torch.long),
        attention_mask=torch.ones(3, 3), mask=mask, log_probs=torch.zeros(3, 2), advantages=torch.ones(3, 2),
    )  # fmt: skip
    advantages = GCPO(orders=1).of_group(group, States()).advantages
    alike, other = math.log(3) / 2, math.log(2)
    mean = (2 * alike + other) / 3
    expected = [[alike - mean, 0], [alike - mean] * 2, [other - mean] * 2]
    torch.testing.assert_close(advantages, torch.tensor(expected))
