"""Verifiers: (response, answer) -> Verdict. Pure, total in the response, deterministic.

A verifier is a module, one file, with

    REASONS         the reasons of its verdicts, "correct" first
    EXAMPLE         (response, answer): a correct response and its gold answer
    NEEDS_DEADLINE  False if it is linear in the response and runs in place; else passk/verifiers/pool.py runs it
    verify(response, answer) -> Verdict
    check_answer(answer) -> str | None
                    the reason why the verifier cannot use the gold answer, or None

In a child of the pool, a verifier can read installed packages only. It has no network, cannot start programs and
cannot write files (passk/verifiers/sandbox.py).

The import is fast: a verifier imports other packages than the standard library at its first use. Another package
provides a verifier as an entry point of the group `passk.verifiers`, with the verifier's name.

A response is any text of a model. An unreadable gold answer raises AnswerError instead of scoring the response as
incorrect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from passk.base import plugins
from passk.base.errors import ConfigError, PasskError, nearest

GROUP = "passk.verifiers"
TIMEOUT, CRASH = "timeout", "crash"
FAILURES = (TIMEOUT, CRASH)
"""Reasons of the pool: the verifier returned no verdict."""
FIX = "see the responses, then fix the verifier or raise max_failed"
LONGEST = 1000
"""Most characters of an answer that are read."""


class AnswerError(ValueError):
    """A gold answer that its verifier cannot read. The message is `answer: ` and the reason."""


@dataclass(frozen=True)
class Verdict:
    score: float
    """Reward in [0, 1]."""
    correct: bool
    extracted: str
    """Extracted answer in a canonical form: two responses with the same text have the same answer."""
    reason: str
    """One of the verifier's REASONS; "correct" if and only if the response is correct."""


_VERIFIERS = {
    name: f"{__name__}.{name}"
    for name in ("choice", "code", "exact", "math", "maze", "maze_strict", "numeric", "reasoning_gym")
}


def names() -> list[str]:
    """Return the names of all verifiers."""
    return sorted(_locations())


def verify(name: str, response: str, answer: str) -> Verdict:
    """Judge a response in this process, without a deadline.

    Raises ConfigError for an unknown verifier, AnswerError (a ValueError) for an unreadable answer.
    """
    return load(name).verify(response, answer)


def check_answer(name: str, answer: str) -> str | None:
    """Return in one line why the verifier cannot use a gold answer, or None. Raises ConfigError for an unknown one."""
    return load(name).check_answer(answer)


def needs_deadline(name: str) -> bool:
    """Return whether a response can make the verifier hang, use all memory or crash. The others run in place."""
    return load(name).NEEDS_DEADLINE


def reasons(name: str) -> tuple[str, ...]:
    """Return all reasons of a verifier's verdicts, those of the pool last."""
    return (*load(name).REASONS, *FAILURES)


def stop_above(most: float, shares: Mapping[str, float], where: str, fix: str = FIX) -> None:
    """Raise PasskError if the share of timeouts and crashes exceeds `most`.

    shares: reason -> share of the responses. where: place of the responses in the message. fix: end of the message.
    """
    failures = {reason: shares[reason] for reason in FAILURES if shares.get(reason)}
    if (total := sum(failures.values())) > most:
        each = ", ".join(f"{reason} {share:.1%}" for reason, share in failures.items())
        raise PasskError(
            f"max_failed: {where}: the verifier returned no verdict for {total:.1%} of the responses ({each}), "
            f"the limit is {most:.1%}; {fix}"
        )


@cache
def load(name: str) -> ModuleType:
    """Return a verifier's module. Raise ConfigError if it is unknown, or cannot be imported."""
    if name not in _locations():
        raise ConfigError("verifier", f"{name!r} does not exist", nearest(name, _locations()))
    return plugins.imported(_locations()[name], "verifier", name)


@cache
def _locations() -> dict[str, str]:
    """Return name -> module."""
    return plugins.locations(GROUP, "verifier", _VERIFIERS)
