"""ResRL on numbers worked by hand: hidden states whose directions and residuals are plain to see."""

import pytest
import torch

from passk.base.errors import ConfigError
from passk.experiment.method_field import chosen
from passk.methods.method import Group
from passk.methods.resrl import ResRL, _principal
from tests.unit.each import every

# Mean 0 and variance 1, so that the layer norm leaves them, and orthogonal.
A, B = torch.tensor([1.0, -1, 1, -1]), torch.tensor([1.0, 1, -1, -1])
HIDDEN = torch.stack([torch.stack([A, -A, A]), torch.stack([-A, A, -A]), torch.stack([A, B, (A + B) / 2**0.5])])
"""[3, 3, 4]: two rollouts along A, and one with tokens along A, along B and between them."""
CORRECT = torch.tensor([True, True, False])


def weights(mask=None, correct=CORRECT, hidden=HIDDEN, **options) -> list[list[float]]:
    mask = torch.ones(hidden.shape[:2], dtype=torch.bool) if mask is None else torch.tensor(mask)
    return ResRL(rank=1, **options).weights(hidden, mask, correct, 1).tolist()


def test_a_token_weighs_by_its_residual_between_the_quantiles():
    # The residuals are 0, 1 and 0.5, so the quantiles 0.2 and 0.8 are 0.2 and 0.8. Half way is 0.1 + 0.9 * 0.5.
    found = weights()
    assert found[:2] == [[1, 1, 1], [1, 1, 1]]
    assert found[2] == pytest.approx([0.1, 1, 0.55], abs=1e-3)
    assert weights(least=0.5, low=0.0, high=1.0)[2] == pytest.approx([0.5, 1, 0.75], abs=1e-3)


def test_the_method_scales_both_kinds_of_rollouts():
    class States:
        def hidden_states(self, group):
            return HIDDEN.bfloat16()

    shape = HIDDEN.shape[:2]
    group = Group(
        step=1, seed=1, rewards=CORRECT.float(), sequences=torch.zeros(3, 4, dtype=torch.long),
        attention_mask=torch.ones(3, 4), mask=torch.ones(shape, dtype=torch.bool), log_probs=torch.zeros(shape),
        advantages=torch.tensor([[2.0], [2.0], [-4.0]]).expand(shape),
    )  # fmt: skip
    changes = ResRL(rank=1).of_group(group, States())
    assert changes.base_log_probs is None
    assert changes.advantages[:2].flatten().tolist() == pytest.approx([0.2] * 6)
    assert changes.advantages[2].tolist() == pytest.approx([-0.4, -4, -2.2], abs=0.02)


@every(
    ("correct", "mask"),
    [
        (torch.tensor([False] * 3), None),
        (torch.tensor([True] * 3), None),
        (CORRECT, [[True, True, True], [False] * 3, [True] * 3]),  # three tokens of correct rollouts
        (CORRECT, [[True, True, True], [True] * 3, [False] * 3]),  # none of the incorrect one
    ],
)
def test_without_enough_tokens_of_both_kinds_every_weight_is_one(correct, mask):
    assert weights(mask, correct) == [[1, 1, 1]] * 3


def test_a_token_that_is_no_part_of_the_loss_counts_nowhere():
    hidden = HIDDEN.clone()
    hidden[2, 2] = torch.tensor([1.0, -1, -1, 1])  # a residual of 1, that would move the quantiles
    found = weights([[True] * 3, [True] * 3, [True, True, False]], hidden=hidden)
    # The residuals 0 and 1 have the quantiles 0.2 and 0.8.
    assert found[2] == pytest.approx([0.1, 1, 1], abs=1e-3)


def test_equal_residuals_weigh_the_mean_if_they_are_many():
    hidden = torch.cat([HIDDEN[:2].repeat(1, 12, 1), B.repeat(1, 36, 1)])
    assert weights(hidden=hidden)[2] == pytest.approx([0.55] * 36)


def test_the_directions_are_those_of_an_exact_decomposition_and_the_draw_disturbs_no_other():
    torch.manual_seed(5)
    rows = torch.randn(60, 12) @ torch.diag(torch.logspace(0, -2, 12))
    rows = rows - rows.mean(dim=0)
    before = torch.random.get_rng_state()
    found = _principal(rows, 4, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(found, _principal(rows, 4, seed=3))
    exact = torch.linalg.svd(rows)[2][:4].T
    torch.testing.assert_close(found @ found.T, exact @ exact.T, atol=1e-2, rtol=0)
    assert _principal(rows[:3], 64, seed=3).shape == (12, 2)


def test_more_tokens_than_the_most_are_taken_at_equal_distances():
    hidden = torch.cat([torch.stack([A, B, -A, B, A, -B, -A]).repeat(2, 1, 1), torch.stack([A, B] + [A] * 5)[None]])
    # Of the fourteen tokens of correct rollouts the four at 0, 4, 8 and 13 are A, A, B and -A.
    assert weights(hidden=hidden, tokens=4) == weights(hidden=torch.cat([
        torch.stack([A, A, B, -A] + [A] * 3)[None], torch.zeros(1, 7, 4), hidden[2:],
    ]), mask=[[True] * 4 + [False] * 3, [False] * 7, [True] * 7])  # fmt: skip


def test_quantiles_out_of_order_are_refused_in_one_line():
    with pytest.raises(ConfigError, match="^name: low must be below high; write the lower quantile as low$"):
        chosen({"name": "resrl", "low": 0.8, "high": 0.2})
