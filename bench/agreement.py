"""Measure how the verifiers judge published rows: gold answers, published solutions, and incorrect answers.

    python -m bench.agreement DIRECTORY [--limit 200] [--exceptions]

DIRECTORY holds copies of the data sets gsm8k, math, math500, aime24, aime25 and olymmath under these names. Each row
gives up to four responses: its gold answer in a box, its published solution, its gold answer plus one, and the gold
answer of another row. The first two are correct and the others are not. math-verify with its defaults judges the same
texts. The table counts the responses that both judge as expected, only passk, only math-verify, and neither.
"""

import argparse
import logging
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from passk import problems
from passk.problems import sources
from passk.problems.record import Problem
from passk.verifiers.pool import Pool

NAMES: dict[str, tuple[dict[str, Any], ...]] = {
    "gsm8k": ({"split": "test"}, {"split": "train"}),
    "math": ({"split": "test"},),
    "math500": ({},),
    "aime24": ({},),
    "aime25": ({},),
    "olymmath": ({"language": "en"}, {"language": "zh"}),
}
EXPECTED = {"gold": True, "solution": True, "gold + 1": False, "other gold": False}
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?|\\frac\{(-?[0-9]+)\}\{([0-9]+)\}")


@dataclass(frozen=True)
class Row:
    """A response to judge."""

    kind: str
    verifier: str
    response: str
    answer: str
    id: str


def rows(published: Sequence[Problem]) -> Iterator[Row]:
    """Yield the responses to every problem."""
    rng = random.Random(0)
    for problem in published:
        texts = {"gold": f"The answer is $\\boxed{{{problem.answer}}}$."}
        if problem.demonstration:
            texts["solution"] = problem.demonstration
        if number := _NUMBER.fullmatch(problem.answer):
            value = (Fraction(number[1]) / Fraction(number[2]) if number[1] else Fraction(problem.answer)) + 1
            texts["gold + 1"] = f"The answer is $\\boxed{{{value}}}$."
        others = [other.answer for other in rng.sample(published, min(9, len(published)))]
        if other := next((other for other in others if other != problem.answer), None):
            texts["other gold"] = f"The answer is $\\boxed{{{other}}}$."
        for kind, response in texts.items():
            yield Row(kind, problem.verifier, response, problem.answer, problem.id)


def by_math_verify(row: Row) -> bool:
    """Return the verdict of math-verify with its defaults."""
    import math_verify

    gold = math_verify.parse(f"${row.answer}$")
    return bool(math_verify.verify(gold, math_verify.parse(row.response)))


def judge(name: str, work: Sequence[Row], pool: Pool, exceptions: list[str]) -> None:
    """Judge responses with passk and math-verify, and print a row of counts per kind."""
    started = time.perf_counter()
    futures = [pool.submit(row.verifier, row.response, row.answer) for row in work]
    verdicts = []
    for row, future in zip(work, futures, strict=True):
        try:
            verdicts.append(future.result())
        except ValueError as error:  # an unreadable gold answer
            exceptions.append(f"{name} {row.id} {row.kind}: {error}")
            verdicts.append(None)
    ours = 1000 * (time.perf_counter() - started) / len(work)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in EXPECTED}
    times = []
    for row, verdict in zip(work, verdicts, strict=True):
        started = time.perf_counter()
        theirs = by_math_verify(row) == EXPECTED[row.kind]
        times.append(1000 * (time.perf_counter() - started))
        mine = verdict is not None and verdict.correct == EXPECTED[row.kind]
        counts[row.kind][{(1, 1): "both", (1, 0): "ours", (0, 1): "theirs", (0, 0): "neither"}[mine, theirs]] += 1
        if not mine and verdict is not None:
            exceptions.append(f"{name} {row.id} {row.kind}: {verdict.reason}: {verdict.extracted!r} for {row.answer!r}")
    for kind, count in counts.items():
        if count:
            cells = " | ".join(f"{count[column]:,}" for column in ("both", "ours", "theirs", "neither"))
            print(f"| {name} | {kind} | {count.total():,} | {cells} |", flush=True)
    print(f"{name}: {ours:.1f} ms per verdict; math-verify {statistics.mean(times):.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--limit", type=int, help="Rows per source, drawn at random (default: all).")
    parser.add_argument("--sources", nargs="+", default=list(NAMES), choices=NAMES, help="Sources (default: all).")
    parser.add_argument("--exceptions", action="store_true", help="Print every response that passk judges otherwise.")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    exceptions: list[str] = []
    print("| rows | response | count | both | only passk | only math-verify | neither |")
    print("|---|---|--:|--:|--:|--:|--:|", flush=True)
    with Pool(1) as pool:
        for source in arguments.sources:
            for options in NAMES[source]:
                settings = {"source": source, "dataset": str(arguments.directory / source), **options}
                spec = TypeAdapter(sources.Problems).validate_python(settings)
                published = problems.generate(spec, 0)
                if arguments.limit and arguments.limit < len(published):
                    published = random.Random(0).sample(published, arguments.limit)
                name = " ".join([source, *options.values()])
                judge(name, list(rows(published)), pool, exceptions)
    print(f"{len(exceptions)} exceptions")
    if arguments.exceptions:
        print(*exceptions, sep="\n")


if __name__ == "__main__":
    main()
