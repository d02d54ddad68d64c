"""OpenRLHF's `--reward.remote_url`: the verifier that a prompt's label names, applied to one answer.

OpenRLHF calls this in a thread, with one sample at a time, and swallows what it raises, which would later
read as a missing reward model: so it never raises.
"""

import logging
from typing import Any

from passk import verifiers
from passk.openrlhf.labels import Label

logger = logging.getLogger("openrlhf.passk.reward")


def reward_func(queries: list[str], prompts: list[str], labels: list[str], **_: Any) -> dict[str, Any]:
    """One query (prompt and answer as text) -> {"rewards", "scores": a float in [0, 1], "extra_logs": {}}."""
    query, prompt, label = queries[0], prompts[0], labels[0]
    try:
        problem = Label.load(label)
        score = verifiers.verify(problem.verifier, query[len(prompt) :], problem.answer).score
    except Exception:
        logger.exception("reward: 0 for an answer that could not be verified")
        score = 0.0
    return {"rewards": score, "scores": score, "extra_logs": {}}
