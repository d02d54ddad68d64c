"""Metrics that a benchmark may ask for by name, beside those of summary.py: columns of values or estimates."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from passk.statistics import counts
from passk.statistics.bootstrap import Estimate
from passk.statistics.pass_at_k import Floats

KNOWN = "g-pass@TAU, mg-pass, cover@TAU, bayes or best-of"
BEST_OF = "best-of"
_NAME = re.compile(r"(g-pass|cover)@([0-9.]+)|mg-pass|bayes|best-of")


@dataclass(frozen=True)
class Counts:
    """Samples of P problems."""

    n: NDArray
    """Samples of each problem, [P]."""
    c: NDArray
    """Correct ones, [P]."""
    correct: Sequence[NDArray] = ()
    """Verdicts of each problem's samples; needed by best-of."""
    logprob: Sequence[NDArray] = ()
    """Mean log-probability of a token, of the same samples."""


def fault(name: str) -> tuple[str, str] | None:
    """Return the problem and the fix of a name that is no metric, or None."""
    match = _NAME.fullmatch(name)
    if not match:
        return f"{name!r} is no metric", f"write {KNOWN}, with TAU as in cover@0.5"
    try:
        good = match[2] is None or 0 < float(match[2]) <= 1
    except ValueError:
        good = False
    return None if good else (f"{name}: TAU must be above 0 and at most 1", f"write it as in {match[1]}@0.5")


def columns(name: str, of: Counts, ks: Sequence[int]) -> Iterator[tuple[str, Floats | Estimate]]:
    """Yield (title, values [P]) of a metric for each of ks, or one (title, estimate) if it has its own interval.

    `mg-pass` and `best-of` begin at k = 2.
    """
    kind, _, tau = name.partition("@")
    if kind == "cover":
        yield f"Cover@{tau}", counts.cover_at(of.n, of.c, float(tau))
    elif kind == "bayes":
        yield "Bayes@N", counts.bayes_at_n(of.n, of.c)
    else:
        # at k = 1, best-of is pass@1, and mG-Pass is an empty sum
        for k in (k for k in ks if k > 1 or kind == "g-pass"):
            yield _of_k(kind, tau, of, k)


def _of_k(kind: str, tau: str, of: Counts, k: int) -> tuple[str, Floats]:
    if kind == "g-pass":
        return f"G-Pass@{k} ({tau})", counts.g_pass_at_k(of.n, of.c, k, float(tau))
    if kind == "mg-pass":
        return f"mG-Pass@{k}", counts.mean_g_pass_at_k(of.n, of.c, k)
    pairs = zip(of.correct, of.logprob, strict=True)
    return f"best-of-{k}", np.concatenate([counts.best_of_k(right[None], score[None], k) for right, score in pairs])
