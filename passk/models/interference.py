"""Interference of groups of problems: inner products of their policy gradients (arXiv 2602.21189).

The gradient of a group is the mean over its problems of (1 / N) sum_i w_i grad log p(y_i | x), with the N responses y_i
to a problem x and a weight w_i for each. Two groups interfere if the inner product of their gradients is negative: a
step that helps one then hurts the other, to first order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Response:
    """A response to a problem."""

    group: str
    prompt: list[int]
    """Tokens of the prompt, at least one."""
    response: list[int]
    """Tokens of the response."""
    weights: tuple[float, ...]
    """Its weight in each gradient, divided by N and by the problems of its group."""


def gradients(model: Any, responses: Iterable[Response], temperature: float) -> dict[str, torch.Tensor]:
    """Return the gradients of each group, [G, D] float32 on the CPU, for G weights and D parameters.

    model: a causal model of transformers. temperature: of the policy whose log-probabilities count.
    """
    parameters = [each for each in model.parameters() if each.requires_grad]
    totals: dict[str, torch.Tensor] = {}
    for each in responses:
        if not each.response or not any(each.weights):
            continue
        gradient = _flat(_log_prob(model, each, temperature), parameters)
        total = totals.setdefault(each.group, torch.zeros(len(each.weights), len(gradient)))
        for row, weight in enumerate(each.weights):
            total[row].add_(gradient, alpha=weight)
    return totals


def products(one: torch.Tensor, other: torch.Tensor) -> tuple[float, float]:
    """Return the inner product and the cosine of two gradients [D]; the cosine of a gradient of 0 is 0."""
    inner = float(one.double() @ other.double())
    lengths = float(one.double().norm() * other.double().norm())
    return inner, inner / lengths if lengths else 0.0


def _log_prob(model: Any, each: Response, temperature: float) -> torch.Tensor:
    """Return the log-probability of a response, with gradient."""
    tokens = torch.tensor([each.prompt + each.response])
    logits = model(tokens).logits[0, len(each.prompt) - 1 : -1].float() / temperature
    return logits.log_softmax(-1).gather(-1, tokens[0, len(each.prompt) :, None]).sum()


def _flat(value: torch.Tensor, parameters: list[torch.Tensor]) -> torch.Tensor:
    per_parameter = torch.autograd.grad(value, parameters, allow_unused=True)
    parts = [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(parameters, per_parameter, strict=True)
    ]
    return torch.cat([part.detach().float().flatten() for part in parts])
