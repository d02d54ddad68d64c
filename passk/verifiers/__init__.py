"""Verifiers: (response, answer) -> Verdict. Pure, total in the response, deterministic.

A verifier is a module, one file, with

    REASONS         what its verdicts give as their reason, "correct" first
    EXAMPLE         (response, answer): a right one
    NEEDS_DEADLINE  False where it is linear in the response and runs in place; else passk/verifiers/pool.py runs it
    verify(response, answer) -> Verdict
    check_answer(answer) -> str | None
                    why the answer is not one that the verifier can judge by; None: it is

In a child of the pool a verifier reads installed packages and nothing else: it has no network, starts no program and
writes no file (passk/verifiers/sandbox.py).

It is light to import: what it needs beyond the standard library is imported when it is first used. Another
package offers one as an entry point of the group `passk.verifiers`, under the verifier's name.

A response is whatever a model wrote; an answer is ours, and one that is not readable raises AnswerError
rather than being scored as wrong.
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
"""reasons that the pool gives: the verifier came to no verdict"""
MEND = "see the responses, then mend the verifier or raise max_failed"
LONGEST = 1000
"""characters of an answer that are read; what a model gives beyond that is no answer to any problem"""


class AnswerError(ValueError):
    """An answer of ours that its verifier cannot read. The message: `answer: ` and why."""


@dataclass(frozen=True)
class Verdict:
    score: float
    """in [0, 1]: the reward"""
    correct: bool
    extracted: str
    """what was judged, in one canonical form: two responses with the same one gave the same answer"""
    reason: str
    """a word or two of the verifier's own fixed vocabulary; "correct" if and only if it is"""


_VERIFIERS = {
    name: f"{__name__}.{name}"
    for name in ("choice", "exact", "math", "maze", "maze_strict", "numeric", "reasoning_gym")
}


def names() -> list[str]:
    return sorted(_found())


def verify(name: str, response: str, answer: str) -> Verdict:
    """Judge a response in this process, for as long as it takes.

    Raises ConfigError for an unknown verifier, AnswerError (a ValueError) for an unreadable answer.
    """
    return load(name).verify(response, answer)


def check_answer(name: str, answer: str) -> str | None:
    """Why a gold answer cannot be judged by, in one line, or None. Raises ConfigError for an unknown verifier."""
    return load(name).check_answer(answer)


def needs_deadline(name: str) -> bool:
    """Whether a response can make it run long, blow up or die; the others run in place."""
    return load(name).NEEDS_DEADLINE


def reasons(name: str) -> tuple[str, ...]:
    """All reasons that a verdict can have, those of the pool last."""
    return (*load(name).REASONS, *FAILURES)


def stop_above(most: float, shares: Mapping[str, float], where: str, mend: str = MEND) -> None:
    """Raise PasskError where timeouts and crashes are more than `most` of the responses.

    shares: reason -> share; mend: what the message tells to do.
    """
    failures = {reason: shares[reason] for reason in FAILURES if shares.get(reason)}
    if (total := sum(failures.values())) > most:
        each = ", ".join(f"{reason} {share:.1%}" for reason, share in failures.items())
        raise PasskError(
            f"max_failed: {where}: the verifier came to no verdict on {total:.1%} of the responses ({each}), "
            f"and {most:.1%} are allowed; {mend}"
        )


@cache
def load(name: str) -> ModuleType:
    """A verifier's module. Raises ConfigError for an unknown one, PasskError for one that cannot be imported."""
    if name not in _found():
        raise ConfigError(f"verifier: {name!r} does not exist{nearest(name, _found())}")
    return plugins.imported(_found()[name], "verifier", name)


@cache
def _found() -> dict[str, str]:
    """name -> module."""
    return plugins.found(GROUP, "verifier", _VERIFIERS)
