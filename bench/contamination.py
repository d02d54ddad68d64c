"""Measure the search for 1,000 test problems in 10,000 training problems, against a comparison of all pairs.

    python -m bench.contamination

The result is CPU seconds of one run and their ratio. Both methods find the same matches. The texts have 20 to 120
words of a vocabulary of 8,000, with frequencies that fall as 1 / rank. A tenth of the test problems comes from the
training set, with up to three words changed. The comparison of all pairs is timed on the first 50 test problems.
"""

import itertools
import random
import time
from collections import Counter

from passk.problems import contamination

TRAIN, TEST, TIMED, VOCABULARY = 10_000, 1_000, 50, 8_000


def texts(rng: random.Random) -> tuple[list[str], list[str]]:
    """Return training and test problems."""
    words = ["".join(chr(97 + int(digit)) for digit in str(rank)) for rank in range(VOCABULARY)]
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))

    def text() -> list[str]:
        return rng.choices(words, cum_weights=weights, k=rng.randint(20, 120))

    train = [text() for _ in range(TRAIN)]
    test = [text() for _ in range(TEST)]
    for place in range(0, TEST, 10):
        test[place] = list(rng.choice(train))
        for _ in range(rng.randint(0, 3)):
            test[place][rng.randrange(len(test[place]))] = rng.choice(words)
    return [" ".join(words) for words in train], [" ".join(words) for words in test]


def all_with_all(train: list[str], test: list[str]) -> set[int]:
    """Return which of the first TIMED test problems are near a training problem, as contamination.py defines it."""

    def phrases(text: str) -> frozenset[tuple[str, ...]]:
        words = text.split()
        return frozenset(zip(*(words[offset:] for offset in range(contamination.PHRASE)), strict=False))

    def alike(a: frozenset, b: frozenset) -> bool:
        shared = len(a & b)
        return 10 * shared >= 7 * (len(a) + len(b) - shared)

    every = list(map(phrases, (*train, *test)))
    times = Counter(itertools.chain.from_iterable(every))
    common = {phrase for phrase, count in times.items() if count > max(contamination.COMMON, len(every) // 20)}
    rare = [phrase_set - common for phrase_set in every]
    return {
        place
        for place, at in enumerate(range(len(train), len(train) + TIMED))
        if any(alike(every[at], every[row]) and alike(rare[at], rare[row]) for row in range(len(train)))
    }


def main() -> None:
    train, test = texts(random.Random(0))
    started = time.process_time()
    sets = [contamination.Texts(problem_set) for problem_set in (train, test)]
    read = time.process_time()
    matches = contamination.overlap(*sets)
    reading, looking = read - started, time.process_time() - read
    started = time.process_time()
    slow = all_with_all(train, test)
    slow_seconds = (time.process_time() - started) * TEST / TIMED
    assert slow == {match.test for match in matches if match.test < TIMED}
    print("| 10,000 x 1,000 problems | CPU seconds | matches |\n|---|---|---|")
    print(f"| read both sets once | {reading:.1f} | |")
    print(f"| passk.problems.contamination, after reading | {looking:.1f} | {len(matches)} |")
    print(f"| all pairs, extrapolated from {TIMED} test problems | {slow_seconds:.0f} | the same |")
    print(f"\nratio {slow_seconds / (reading + looking):.0f}, including reading")


if __name__ == "__main__":
    main()
