"""What an estimator needs besides the rewards, read from a step's rollouts; and false positive rewards."""

from typing import TYPE_CHECKING, Any

import torch

from passk.advantage import Estimator
from passk.base.errors import PasskError
from passk.openrlhf.prompt_label import Label
from passk.openrlhf.step_recorder import Answer
from passk.verifiers import Verdict, pool
from passk.verifiers.extract import as_read

if TYPE_CHECKING:
    from concurrent.futures import Future

    from transformers import PreTrainedTokenizerBase


def inputs(
    estimator: Estimator,
    answers: list[Answer],
    rollouts: int,
    generator: torch.Generator,
    tokenizer: "PreTrainedTokenizerBase",
) -> dict[str, Any]:
    """Those of passk.advantage.estimator.INPUTS that the estimator takes. answers: [R] in the order of generation.

    Raises PasskError where the estimator needs answers and the labels are not ours: only a verifier of passk tells
    what a response comes to. Also where it takes entropy and there are no log-probabilities.
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
        texts = tokenizer.batch_decode([answer.tokens for answer in answers], skip_special_tokens=True)
        judged = [_judged(estimator, answer.label, text) for answer, text in zip(answers, texts, strict=True)]
        read = [verdict.result().extracted or None for verdict in judged]
        given["answers"] = [read[start : start + rollouts] for start in range(0, len(read), rollouts)]
    return given


def _judged(estimator: Estimator, label: Any, text: str) -> "Future[Verdict]":
    """In the pool, as the reward is: what a model wrote must hang or end a child, never the trainer."""
    try:
        problem = Label.load(label)
    except ValueError:
        raise PasskError(
            f"advantage: {estimator.name} needs answers, which passk's verifiers read; use prompts with labels of passk"
        ) from None
    read = as_read(text, opens_thinking=problem.opens_thinking)
    return pool.shared().submit(problem.verifier, read, problem.answer)


def false_positive_rate(rewards: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Rewards [P, N] in which each wrong answer (0) is paid as a right one (1) with probability `share`.

    The noise baseline of Pass@k Training (arXiv 2508.10751, section 3.1).
    """
    flipped = torch.rand(rewards.shape, generator=generator) < share
    return rewards.masked_fill((rewards == 0) & flipped, 1.0)
