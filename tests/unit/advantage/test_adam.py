"""A constant factor on the advantages: Adam divides it out, SGD follows it. So no learning rate has to follow k."""

from functools import cache

import pytest
import torch

from passk import advantage
from passk.advantage import step_size

N, PROMPTS, ACTIONS, STEPS = 16, 8, 5, 40
FACTOR = N / max(step_size.curve("passk_analytical", N, 4))


@cache
def trained(make, factor: float, max_norm: float | None = None) -> torch.Tensor:
    """Return the logits of a softmax policy after STEPS policy-gradient steps; the advantages are multiplied."""
    draws = torch.Generator().manual_seed(0)
    logits = torch.nn.Parameter(torch.randn(PROMPTS, ACTIONS, generator=draws, dtype=torch.float64))
    optimizer = make([logits])
    for _ in range(STEPS):
        actions = torch.randint(ACTIONS, (PROMPTS, N), generator=draws)
        advantages = advantage.compute("passk_analytical", (actions == 0).float(), 4).double() * factor
        loss = -(advantages * logits.log_softmax(-1).gather(1, actions)).mean()
        optimizer.zero_grad()
        loss.backward()
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_([logits], max_norm)
        optimizer.step()
    return logits.detach()


def moved(make, factor: float, max_norm: float | None = None) -> float:
    """Return the largest difference between training with the factor and without, as a share of the movement."""
    start = torch.randn(PROMPTS, ACTIONS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain = trained(make, 1.0, max_norm)
    return float((trained(make, factor, max_norm) - plain).abs().max() / (plain - start).abs().max())


@cache
def adam(epsilon: float):
    return lambda weights: torch.optim.AdamW(weights, lr=1e-2, betas=(0.9, 0.95), eps=epsilon, weight_decay=0.0)


@pytest.mark.parametrize("factor", [FACTOR, 14.16, 1 / 3])
def test_under_adam_a_factor_on_the_advantages_changes_nothing_but_what_epsilon_does(factor):
    assert moved(adam(1e-8), factor) < 1e-3
    assert moved(adam(1e-2), factor) > 0.1, "an epsilon as large as the gradients keeps the factor"


def test_under_adam_without_epsilon_a_power_of_two_changes_no_bit():
    assert moved(adam(1e-30), 4.0) < 1e-12


def test_under_adam_gradient_clipping_keeps_a_part_of_the_factor():
    assert moved(adam(1e-8), FACTOR, max_norm=0.1) > 0.005


def test_under_sgd_the_first_update_is_the_factor_times_as_large():
    def first(factor):
        logits = torch.nn.Parameter(torch.zeros(3))
        logits.grad = factor * torch.tensor([1.0, -2.0, 0.5])
        torch.optim.SGD([logits], lr=0.1).step()
        return logits.detach()

    assert torch.allclose(first(FACTOR), FACTOR * first(1.0))
    assert moved(lambda weights: torch.optim.SGD(weights, lr=0.1), FACTOR) > 1
