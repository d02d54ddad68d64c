"""The label of a training prompt: its problem, and how a response is verified."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from passk import verifiers

REASON = "passk_reason"
"""Key in OpenRLHF's `info` under which the reward function passes the number of a verdict's reason."""
ANSWER_HALVES = ("passk_answer_high", "passk_answer_low")
"""Keys under which the reward function passes the identity of the extracted answer, 24 bits each."""
NO_VERDICT = -1
"""Number for a response that could not be verified."""
_HALF = 24
"""Bits that a float32 holds exactly. Two halves distinguish the answers of a step but for one case in millions."""


class Label(NamedTuple):
    """The label that passk writes."""

    problem: str
    verifier: str
    answer: str
    opens_thinking: bool = False
    """Whether the prompt ends with <think>."""
    stop: Sequence[str] = ()
    """Texts that end a response, which is judged without them."""

    def dump(self) -> str:
        # Without an empty `stop`, since the seeds of responses depend on the label's text.
        return json.dumps({name: value for name, value in self._asdict().items() if name != "stop" or value})

    @classmethod
    def load(cls, label: Any) -> "Label":
        """Read a label. Raise ValueError for a label that is not passk's, such as a number, a list or nothing."""
        if not isinstance(label, str):
            raise ValueError("not a label of passk")
        fields = json.loads(label)
        if not isinstance(fields, dict) or not set(cls._fields) - {"opens_thinking", "stop"} <= set(fields) <= set(
            cls._fields
        ):
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
    """Return a key that identifies a prompt with its label. Not every label can be hashed."""
    return prompt, repr(label)


def problem_of(prompt: str, label: Any) -> str:
    """Return the problem's id from a label of passk, or else an id made from the prompt."""
    try:
        return Label.load(label).problem
    except ValueError:
        return f"prompt-{hashlib.sha256(prompt.encode(errors='replace')).hexdigest()[:12]}"


def reason_of(label: str, number: int) -> str:
    """Return the reason of that number, for the label's verifier; "crash" for NO_VERDICT."""
    return verifiers.CRASH if number == NO_VERDICT else verifiers.reasons(Label.load(label).verifier)[number]
