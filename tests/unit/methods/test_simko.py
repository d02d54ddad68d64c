"""SimKO on numbers worked by hand: which tokens are critical, the gradient of each, and the pushed advantages."""

import pytest
import torch

from passk.methods.method import LossBatch
from passk.methods.simko import SimKO

PROBABILITIES = torch.tensor([0.4, 0.3, 0.2, 0.1])
SAMPLED = 1


def batch(advantage: float, *, entropy, tokens=None, mask=None, logits=None) -> LossBatch:
    """One response of five tokens, each with the logits of PROBABILITIES."""
    positions = len(entropy)
    logits = PROBABILITIES.log().repeat(1, positions, 1) if logits is None else logits
    tokens = torch.full((1, positions), SAMPLED) if tokens is None else torch.tensor([tokens])
    return LossBatch(
        log_probs=logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0],
        advantages=torch.full((1, positions), advantage),
        mask=torch.ones(1, positions, dtype=torch.bool) if mask is None else torch.tensor([mask]),
        tokens=tokens,
        entropy=torch.tensor([entropy]),
        of_logits=lambda function: function(logits),
    )


def test_critical_tokens_are_those_above_the_quantile_of_their_own_response():
    method = SimKO()
    # the quantile 0.8 of 1..5 is 4.2, of 10..50 it is 42
    entropy = torch.tensor([[1.0, 5, 3, 4, 2], [10, 20, 30, 40, 50]])
    mask = torch.ones_like(entropy, dtype=torch.bool)
    assert method.critical(entropy, mask).int().tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    # without its largest, the first response has 1, 2, 3, 4: the quantile is 3.4; the second has no token
    mask = torch.tensor([[True, False, True, True, True], [False] * 5])
    assert method.critical(entropy, mask).int().tolist() == [[0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]


def test_a_correct_response_has_its_own_values_and_the_candidates_gradients_at_its_critical_token():
    logits = PROBABILITIES.log().repeat(1, 5, 1).requires_grad_()
    given = batch(0.5, entropy=[0.1, 0.2, 0.9, 0.3, 0.4], logits=logits)
    log_probs, advantages = SimKO(alpha=0.5, candidates=2).in_loss(given)
    assert torch.equal(log_probs, given.log_probs) and torch.equal(advantages, given.advantages)
    (gradient,) = torch.autograd.grad(log_probs.sum(), logits)
    plain = torch.tensor([-0.4, 0.7, -0.2, -0.1])  # e_1 - p
    # 0.5 (e_1 - p) + 0.25 (e_0 - p) + 0.25 (e_1 - p)
    mixed = torch.tensor([-0.15, 0.45, -0.2, -0.1])
    expected = torch.stack([plain, plain, mixed, plain, plain])
    torch.testing.assert_close(gradient[0], expected)


@pytest.mark.parametrize("advantage", [0.0, -0.5])
def test_the_gradient_of_another_response_stays(advantage):
    logits = PROBABILITIES.log().repeat(1, 5, 1).requires_grad_()
    given = batch(advantage, entropy=[0.1, 0.2, 0.9, 0.3, 0.4], logits=logits)
    log_probs, _ = SimKO(alpha=0.5).in_loss(given)
    (gradient,) = torch.autograd.grad(log_probs.sum(), logits)
    torch.testing.assert_close(gradient[0], torch.tensor([-0.4, 0.7, -0.2, -0.1]).repeat(5, 1))


def test_an_incorrect_response_is_pushed_where_its_critical_token_is_the_most_probable_one():
    entropy = [0.1, 0.2, 0.9, 0.3, 0.8]  # the quantile 0.6 is 0.5: the third and the last token are critical
    method = SimKO(quantile=0.6, push=1.1)
    _, advantages = method.in_loss(batch(-0.5, entropy=entropy, tokens=[0, 0, 0, 0, 1]))
    torch.testing.assert_close(advantages, torch.tensor([[-0.5, -0.5, -0.55, -0.5, -0.5]]))
    _, advantages = method.in_loss(batch(0.5, entropy=entropy, tokens=[0, 0, 0, 0, 1]))
    assert advantages.unique().tolist() == [0.5]


def test_more_candidates_than_the_vocabulary_are_all_of_it():
    logits = PROBABILITIES.log().repeat(1, 2, 1).requires_grad_()
    log_probs, _ = SimKO(alpha=1.0, candidates=9, quantile=0.0).in_loss(batch(1.0, entropy=[0.1, 0.2], logits=logits))
    (gradient,) = torch.autograd.grad(log_probs.sum(), logits)
    torch.testing.assert_close(gradient[0, 1], 0.25 - PROBABILITIES)  # the mean of e_j - p over all four
