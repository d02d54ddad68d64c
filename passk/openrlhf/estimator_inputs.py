"""Read the inputs of an estimator besides the rewards from a step's rollouts, and add false positive rewards."""

from typing import TYPE_CHECKING, Any

import torch

from passk.advantage import Estimator
from passk.base.errors import PasskError
from passk.openrlhf.prompt_label import Label
from passk.openrlhf.step_recorder import Rollout
from passk.verifiers import Verdict, pool
from passk.verifiers.extract import as_read

if TYPE_CHECKING:
    from concurrent.futures import Future

    from transformers import PreTrainedTokenizerBase


def inputs(
    estimator: Estimator,
    rollouts: list[Rollout],
    n: int,
    generator: torch.Generator,
    tokenizer: "PreTrainedTokenizerBase",
) -> dict[str, Any]:
    """Return the inputs that the estimator uses, of passk.advantage.estimator.INPUTS.

    rollouts: [R] in the order of generation, n per prompt.

    Raise PasskError if the estimator needs answers and a label is not passk's, since only passk's verifiers extract
    answers. Also raise it if the estimator uses entropy and OpenRLHF returned no log-probabilities.
    """
    values: dict[str, Any] = {}
    if "generator" in estimator.inputs:
        values["generator"] = generator
    if "entropy" in estimator.inputs:
        surprises = [rollout.surprise for rollout in rollouts]
        if None in surprises:
            raise PasskError(
                f"advantage: {estimator.name} computes entropy from log-probabilities, and OpenRLHF returned none; "
                "choose an estimator that needs none"
            )
        values["entropy"] = torch.tensor(surprises).view(-1, n)
    if "answers" in estimator.inputs:
        texts = tokenizer.batch_decode([rollout.tokens for rollout in rollouts], skip_special_tokens=True)
        judged = [_judged(estimator, rollout.label, text) for rollout, text in zip(rollouts, texts, strict=True)]
        extracted = [verdict.result().extracted or None for verdict in judged]
        values["answers"] = [extracted[start : start + n] for start in range(0, len(extracted), n)]
    return values


def _judged(estimator: Estimator, label: Any, text: str) -> "Future[Verdict]":
    """Judge a response in the pool, as for the reward: it may hang or end a child process, but never the trainer."""
    try:
        problem = Label.load(label)
    except ValueError:
        raise PasskError(
            f"advantage: {estimator.name} needs answers, which only passk's verifiers extract; "
            "use prompts with labels of passk"
        ) from None
    response = as_read(text, opens_thinking=problem.opens_thinking)
    return pool.shared().submit(problem.verifier, response, problem.answer)


def false_positive_rate(rewards: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Return rewards [P, N] with each 0 of an incorrect rollout raised to 1 with probability `share`.

    This is the noise baseline of Pass@k Training (arXiv 2508.10751, section 3.1).
    """
    flipped = torch.rand(rewards.shape, generator=generator) < share
    return rewards.masked_fill((rewards == 0) & flipped, 1.0)
