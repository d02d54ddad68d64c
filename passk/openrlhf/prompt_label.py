"""What a training prompt carries as its label: which problem it is, and how an answer is judged."""

import hashlib
import json
from typing import Any, NamedTuple

from passk import verifiers

REASON = "passk_reason"
"""under which the reward function hands the number of a verdict's reason on, through OpenRLHF's `info`"""
ANSWER_HALVES = ("passk_answer_high", "passk_answer_low")
"""Keys under which the reward function passes on the identity of the extracted answer, 24 bits each."""
NO_VERDICT = -1
"""that number where there is none: the answer could not be verified"""
_HALF = 24
"""Bits that a float32 holds exactly. Two halves tell the answers of a step apart but for one case in millions."""


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


def answer_halves(extracted: str) -> dict[str, float]:
    """Return the identity of an extracted answer as two whole floats, -1 where the verifier extracted none."""
    if not extracted:
        return dict.fromkeys(ANSWER_HALVES, -1.0)
    number = int.from_bytes(hashlib.blake2b(extracted.encode(errors="replace"), digest_size=2 * _HALF // 8).digest())
    return dict(zip(ANSWER_HALVES, map(float, divmod(number, 1 << _HALF)), strict=True))


def answer_id(high: float, low: float) -> int:
    """Return the identity, at least 0, from its halves; -1 for no answer."""
    return -1 if high < 0 else (int(high) << _HALF) + int(low)


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
