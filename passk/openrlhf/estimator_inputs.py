"""Read the inputs of an estimator besides the rewards from a step's rollouts, and add false positive rewards."""

from typing import Any

import torch

from passk.advantage import Estimator
from passk.base.errors import PasskError
from passk.openrlhf.step_recorder import Rollout


def inputs(
    estimator: Estimator, rollouts: list[Rollout], n: int, generator: torch.Generator, state: dict[str, Any]
) -> dict[str, Any]:
    """Return the inputs that the estimator uses, of passk.advantage.estimator.INPUTS.

    rollouts: [R] in the order of generation, n per prompt, each with the identity of the answer that its verdict
    extracted. state: of the estimator, {} in the first step of a stage.

    Raise PasskError if the estimator needs answers and the reward function is not passk's. Also raise it if the
    estimator needs entropy and OpenRLHF returned no log-probabilities.
    """
    values: dict[str, Any] = {"state": state} if "state" in estimator.inputs else {}
    if "generator" in estimator.inputs:
        values["generator"] = generator
    if "entropy" in estimator.inputs:
        surprises = [rollout.surprise for rollout in rollouts]
        if None not in surprises:
            values["entropy"] = torch.tensor(surprises).view(-1, n)
        elif "entropy" in estimator.needs:
            raise PasskError(
                f"advantage: {estimator.name} computes entropy from log-probabilities, and OpenRLHF returned none; "
                "choose an estimator that needs none"
            )
    if "answers" in estimator.inputs:
        extracted = [rollout.answer for rollout in rollouts]
        if None not in extracted:
            values["answers"] = torch.tensor(extracted, dtype=torch.int64).view(-1, n)
        elif "answers" in estimator.needs:
            raise PasskError(
                f"advantage: {estimator.name} needs answers, which passk's reward function extracts; "
                "set --reward.remote_url to passk/openrlhf/reward.py and use prompts with labels of passk"
            )
    return values


def false_positive_rate(rewards: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Return rewards [P, N] with each 0 of an incorrect rollout raised to 1 with probability `share`.

    This is the noise baseline of Pass@k Training (arXiv 2508.10751, section 3.1).
    """
    flipped = torch.rand(rewards.shape, generator=generator) < share
    return rewards.masked_fill((rewards == 0) & flipped, 1.0)
