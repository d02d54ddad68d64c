"""Verifiers: (response, answer) -> Verdict. Pure, total in the response, deterministic.

A verifier is a module with `verify(response, answer)`. A response is whatever a model wrote; an answer is
ours, and one that is not readable raises ValueError rather than being scored as wrong.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from passk.errors import ConfigError, nearest


@dataclass(frozen=True)
class Verdict:
    score: float
    """in [0, 1]: the reward"""
    correct: bool
    extracted: str
    """what was judged, in one canonical form: two responses with the same one gave the same answer"""
    reason: str
    """a word or two of the verifier's own fixed vocabulary; "correct" if and only if it is"""


_VERIFIERS = {"maze": "passk.verifiers.maze"}


def names() -> list[str]:
    return sorted(_VERIFIERS)


def verify(name: str, response: str, answer: str) -> Verdict:
    """Judge a response. Raises ConfigError for an unknown verifier, ValueError for an unreadable answer."""
    return _load(name)(response, answer)


def check_answer(name: str, answer: str) -> str | None:
    """Why a gold answer cannot be judged by, in one line, or None. Raises ConfigError for an unknown verifier."""
    try:
        verify(name, "", answer)
    except ValueError as error:
        return str(error)
    return None


@cache
def _load(name: str) -> Callable[[str, str], Verdict]:
    if name not in _VERIFIERS:
        raise ConfigError(f"verifier: {name!r} does not exist{nearest(name, _VERIFIERS)}")
    return importlib.import_module(_VERIFIERS[name]).verify
