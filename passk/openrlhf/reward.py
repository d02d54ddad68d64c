"""OpenRLHF's `--reward.remote_url`: apply the verifier that a prompt's label names to one response.

OpenRLHF calls this in a thread, with one sample at a time. It swallows exceptions, which later look like a missing
reward model, so this module never raises. Verifiers with a deadline run in the pool of this process
(passk/verifiers/pool.py), which the threads share.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from passk import verifiers
from passk.models.tiny import ENDS
from passk.openrlhf.prompt_label import NO_VERDICT, REASON, Label, answer_halves
from passk.verifiers import pool
from passk.verifiers.extract import as_read

logger = logging.getLogger("openrlhf.passk.reward")

# OpenRLHF decodes special tokens too. End tokens of the usual models, and of the tiny model, are removed.
_ENDS = re.compile(
    r"(?:<\|[A-Za-z_ .-]{1,40}\|>|</s>|<eos>|<end_of_turn>|<pad>|<｜end▁of▁sentence｜>|"
    rf"{re.escape(ENDS['maze'])}|\s)+\Z"
)
_LONGEST_END = 1000
"""Characters at the end that are searched. Padding is short, and the search linear."""


def reward_func(queries: list[str], prompts: list[str], labels: list[str], **_: Any) -> dict[str, Any]:
    """Return {"rewards", "scores": a float in [0, 1], "extra_logs"} for one query (prompt and response as text).

    extra_logs: the number of the verdict's reason among verifiers.reasons, and the identity of the extracted answer.
    Estimators that need answers read it here, so that a rollout has one verdict.
    """
    score, number, extracted = 0.0, NO_VERDICT, ""
    try:
        problem = Label.load(labels[0])
        response = stopped(response_of(queries[0], prompts[0]), problem.stop)
        response = as_read(response, opens_thinking=problem.opens_thinking)
        verdict = pool.shared().submit(problem.verifier, response, problem.answer).result()
        number = verifiers.reasons(problem.verifier).index(verdict.reason)
        score, extracted = verdict.score, verdict.extracted
    except Exception:
        logger.exception("reward: 0 for a response that could not be verified")
    return {"rewards": score, "scores": score, "extra_logs": {REASON: float(number)} | answer_halves(extracted)}


def response_of(query: str, prompt: str) -> str:
    """Return the response without the special tokens at its end."""
    response = query[len(prompt) :] if query.startswith(prompt) else query.partition(prompt)[2] or query[len(prompt) :]
    kept = max(0, len(response) - _LONGEST_END)
    return response[:kept] + _ENDS.sub("", response[kept:])


def stopped(response: str, stop: Sequence[str]) -> str:
    """Return the response before the text that ends it, as vLLM returns it in an evaluation.

    The tokens of a rollout include that text, and the last of them may continue after it.
    """
    ends = [(start + len(text), start) for text in stop if (start := response.find(text)) >= 0]
    return response[: min(ends)[1]] if ends else response
