"""The determinism audit: the same verdicts twice, in fresh processes, with another hash seed, in another order.

The analytic advantage of a group takes its rewards for facts. A verifier that says right today and wrong
tomorrow adds a noise to it that no number of rollouts averages out, and a resumed run is no longer the same
run. What makes verdicts differ is Python's order of sets and dicts (its hash seed), what was judged before
(caches), and a deadline that is nearly met.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from passk.base.errors import PasskError
from passk.verifiers import Verdict
from passk.verifiers.pool import MEMORY, SECONDS, Pool

Row = tuple[str, str, str]
"""(verifier, response, answer)"""
HASH_SEEDS = (1, 2**32 - 1)
PROBED = 200
"""answers that `check` looks at: some seconds' worth"""


class Difference(NamedTuple):
    row: Row
    verdicts: tuple[Verdict, Verdict]


def audit(
    rows: Sequence[Row], processes: int | None = None, seconds: float = SECONDS, memory: int = MEMORY
) -> list[Difference]:
    """The rows on which two runs differ in anything; none: the verifiers are deterministic as far as this tells.

    Each run has fresh processes with a hash seed of its own; the second takes the rows from the last to the
    first. Verifiers that otherwise run in place are run in children here too. Raises as Pool.submit's futures.
    """
    runs = []
    for turn, seed in zip((1, -1), HASH_SEEDS, strict=True):
        with Pool(processes, seconds, memory, hash_seed=seed, in_place=False) as pool:
            futures = [pool.submit(*row) for row in rows[::turn]]
            runs.append([future.result() for future in futures][::turn])
    pairs = zip(rows, zip(*runs, strict=True), strict=True)
    return [Difference(row, (one, other)) for row, (one, other) in pairs if one != other]


def check(name: str, answers: Sequence[str], demonstrations: Sequence[str] = ()) -> None:
    """Raise PasskError, the first difference in one line, where the verifier is noisy on responses to these answers.

    answers: gold ones, of which some 200 evenly spread are looked at. demonstrations: right responses, one an
    answer or none at all.
    """
    places = range(0, len(answers), max(1, len(answers) // PROBED))
    rows = [
        (name, response, answers[place])
        for place in places
        for response in probes(answers[place], answers[place - 1], demonstrations[place] if demonstrations else "")
    ]
    if found := audit(rows):
        (_, response, answer), (one, other) = found[0]
        raise PasskError(
            f"verifier: {name} is noisy: {len(found)} of {len(rows)} verdicts differ between two runs, first for "
            f"{response[:80]!r} and the answer {answer[:80]!r}: {one.reason} and {other.reason}; mend the verifier"
        )


def probes(answer: str, other: str, demonstration: str) -> Iterator[str]:
    """Responses to a problem, right and wrong ones: in a box, in a tag, stated, bare."""
    yield from filter(None, (demonstration,))
    for given in (answer, other, f"{answer}, {other}"):
        yield from (f"\\boxed{{{given}}}", f"<answer>{given}</answer>", f"The answer is {given}.", given)
