"""What an estimator needs besides the rewards, read from a step's rollouts; and false positive rewards."""

from typing import Any

import torch

from passk.advantage import Estimator
from passk.base.errors import PasskError
from passk.openrlhf.step_recorder import Answer


def inputs(estimator: Estimator, answers: list[Answer], rollouts: int, generator: torch.Generator) -> dict[str, Any]:
    """Return those of passk.advantage.estimator.INPUTS that the estimator takes.

    answers: [R] in the order of generation, each with the identity of the answer that its one verdict extracted.
    Raise PasskError where the estimator needs answers and the reward function is not passk's, or needs entropy and
    there are no log-probabilities.
    """
    given: dict[str, Any] = {}
    if "generator" in estimator.inputs:
        given["generator"] = generator
    if "entropy" in estimator.inputs:
        surprises = [answer.surprise for answer in answers]
        if None in surprises:
            raise PasskError(
                f"advantage: {estimator.name} takes entropy from log-probabilities, and OpenRLHF returned none; "
                "choose an estimator that needs none"
            )
        given["entropy"] = torch.tensor(surprises).view(-1, rollouts)
    if "answers" in estimator.inputs:
        extracted = [answer.answer for answer in answers]
        if None in extracted:
            raise PasskError(
                f"advantage: {estimator.name} needs answers, which passk's reward function extracts; "
                "set --reward.remote_url to passk/openrlhf/reward.py and use prompts with labels of passk"
            )
        given["answers"] = torch.tensor(extracted, dtype=torch.int64).view(-1, rollouts)
    return given


def false_positive_rate(rewards: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Rewards [P, N] in which each wrong answer (0) is paid as a right one (1) with probability `share`.

    The noise baseline of Pass@k Training (arXiv 2508.10751, section 3.1).
    """
    flipped = torch.rand(rewards.shape, generator=generator) < share
    return rewards.masked_fill((rewards == 0) & flipped, 1.0)
