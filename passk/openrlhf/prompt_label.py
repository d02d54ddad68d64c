"""What a training prompt carries as its label: which problem it is, and how an answer is judged."""

import hashlib
import json
from typing import Any, NamedTuple

from passk import verifiers

REASON = "passk_reason"
"""under which the reward function hands the number of a verdict's reason on, through OpenRLHF's `info`"""
NO_VERDICT = -1
"""that number where there is none: the answer could not be verified"""


class Label(NamedTuple):
    problem: str
    verifier: str
    answer: str
    opens_thinking: bool = False
    """Whether the prompt ends with <think>."""

    def dump(self) -> str:
        return json.dumps(self._asdict())

    @classmethod
    def load(cls, label: Any) -> "Label":
        """Raises ValueError where `label` is not one of ours: somebody else's may be a number, a list or nothing."""
        if not isinstance(label, str):
            raise ValueError("not a label of passk")
        fields = json.loads(label)
        if not isinstance(fields, dict) or not set(cls._fields) - {"opens_thinking"} <= set(fields) <= set(cls._fields):
            raise ValueError("not a label of passk")
        return cls(**fields)


def identity(prompt: str, label: Any) -> tuple[str, str]:
    """What tells a prompt with its label from others, to look it up by: not every label can be hashed."""
    return prompt, repr(label)


def problem_of(prompt: str, label: Any) -> str:
    """The problem's id: from a label of ours, else made from the prompt (somebody else's dataset)."""
    try:
        return Label.load(label).problem
    except ValueError:
        return f"prompt-{hashlib.sha256(prompt.encode(errors='replace')).hexdigest()[:12]}"


def reason_of(label: str, number: int) -> str:
    """The reason of that number, of the label's verifier; "crash" for NO_VERDICT."""
    return verifiers.CRASH if number == NO_VERDICT else verifiers.reasons(Label.load(label).verifier)[number]
