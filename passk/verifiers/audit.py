"""Determinism audit: judge the same rows twice, in new processes, with another hash seed and in another order.

The analytic advantage of a group assumes exact rewards. A verifier whose verdicts vary adds noise that more rollouts
do not average out, and a resumed run differs from an uninterrupted one. Verdicts can vary with Python's order of sets
(its hash seed), with earlier requests (caches), and near a deadline.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from passk.base.errors import ConfigError
from passk.verifiers import Verdict
from passk.verifiers.pool import MEMORY, SECONDS, Pool

Row = tuple[str, str, str]
"""(verifier, response, answer)"""
HASH_SEEDS = (1, 2**32 - 1)
PROBED = 200
"""Gold answers that `check` judges, which takes some seconds."""


class Difference(NamedTuple):
    row: Row
    verdicts: tuple[Verdict, Verdict]


def audit(
    rows: Sequence[Row], processes: int | None = None, seconds: float = SECONDS, memory: int = MEMORY
) -> list[Difference]:
    """Return the rows whose verdicts differ between two runs. An empty list means that no difference was found.

    Each run has new processes and its own hash seed; the second run takes the rows in reverse order. Verifiers that
    otherwise run in place run in children here. Raises the errors of Pool.submit's futures.
    """
    runs = []
    for turn, seed in zip((1, -1), HASH_SEEDS, strict=True):
        with Pool(processes, seconds, memory, hash_seed=seed, in_place=False) as pool:
            futures = [pool.submit(*row) for row in rows[::turn]]
            runs.append([future.result() for future in futures][::turn])
    pairs = zip(rows, zip(*runs, strict=True), strict=True)
    return [Difference(row, (one, other)) for row, (one, other) in pairs if one != other]


def check(name: str, answers: Sequence[str], demonstrations: Sequence[str] = ()) -> None:
    """Raise ConfigError with the first difference if the verdicts on responses to these answers vary.

    answers: gold answers, of which about 200, evenly spread, are judged. demonstrations: correct responses, one per
    answer, or none.
    """
    places = range(0, len(answers), max(1, len(answers) // PROBED))
    rows = [
        (name, response, answers[place])
        for place in places
        for response in probes(answers[place], answers[place - 1], demonstrations[place] if demonstrations else "")
    ]
    if differences := audit(rows):
        (_, response, answer), (one, other) = differences[0]
        raise ConfigError(
            "verifier",
            f"{name} is noisy: {len(differences)} of {len(rows)} verdicts differ between two runs, first for "
            f"{response[:80]!r} and the answer {answer[:80]!r}: {one.reason} and {other.reason}",
            "fix the verifier",
        )


def probes(answer: str, other: str, demonstration: str) -> Iterator[str]:
    """Yield correct and incorrect responses to a problem: in a box, in a tag, as a statement, bare."""
    yield from filter(None, (demonstration,))
    for text in (answer, other, f"{answer}, {other}"):
        yield from (f"\\boxed{{{text}}}", f"<answer>{text}</answer>", f"The answer is {text}.", text)
