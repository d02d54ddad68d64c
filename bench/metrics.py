"""Measure the metrics and their intervals, and the accuracy of pass@k.

    OPENBLAS_NUM_THREADS=1 python -m bench.metrics [--problems 10000] [--samples 256] [--draws 10000]

The metrics are those of `passk evaluate` by default: each benchmark k up to the samples, and maj@k for those above 1.
Times are CPU times of the process over all threads. Use one thread, since waiting threads spin. For comparison, a plain
bootstrap draws problems one by one for one metric, and pass@k is computed in the usual loop over problems.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from passk.experiment.benchmark_presets import K
from passk.statistics.bootstrap import mean_interval
from passk.statistics.maj_at_k import maj_at_k
from passk.statistics.paired import compare
from passk.statistics.pass_at_k import pass_at_k
from passk.statistics.summary import Samples, by_problem, summary

SEED = 0
TURNS = 3


def generated(problems: int, samples: int) -> Samples:
    """Return samples with solve rates Beta(0.5, 1). Incorrect answers are geometric, and one in ten has no answer."""
    rng = np.random.default_rng(SEED)
    shape = (problems, samples)
    answer = rng.geometric(rng.beta(1, 3, problems)[:, None], shape)
    answer[rng.random(shape) < 0.1] = -1
    correct = rng.random(shape) < rng.beta(0.5, 1, problems)[:, None]
    tokens = rng.integers(1, 2048, shape)
    return Samples(correct.astype(float), correct, answer, tokens, tokens > 2000, -rng.random(shape), True)


def seconds(call: Callable[[], object], turns: int = TURNS) -> float:
    """Return the smallest CPU seconds of several calls."""
    times = []
    for _ in range(turns):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def one_by_one(values: np.ndarray, draws: int) -> np.ndarray:
    """Return the usual bootstrap: the means of problems drawn with replacement."""
    rng = np.random.default_rng(SEED)
    rows = max(1, 1_000_000 // len(values))
    return np.concatenate(
        [values[rng.integers(0, len(values), (rows, len(values)))].mean(axis=1) for _ in range(-(-draws // rows))]
    )[:draws]


def looped(n: int, c: np.ndarray, k: int) -> list[float]:
    """Return HumanEval's product, one problem at a time (Chen et al. 2021, Fig. 3)."""
    return [1.0 if n - i < k else float(1.0 - np.prod(1.0 - k / np.arange(n - i + 1, n + 1))) for i in c.tolist()]


def worst(n: int) -> float:
    """Return the largest error of pass@k at n samples, against exact fractions, over c and k from 1 to n."""
    spread = sorted({1, 2, 3, n // 100 or 1, n // 10 or 1, n // 4 or 1, n // 2, 3 * n // 4, n - 1, n} - {0})
    error = Fraction(0)
    for k in spread:
        total = math.comb(n, k)
        for c in spread:
            exact = 1 - Fraction(math.comb(n - c, k), total)
            error = max(error, abs(Fraction(float(pass_at_k(n, c, k))) - exact))
    return float(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("problems", 10_000), ("samples", 256), ("draws", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    n, draws = options.samples, options.draws
    samples = replace(generated(options.problems, n), on_policy=False)  # top-p is 0.95 by default
    c = samples.correct.sum(axis=1)
    ks = [k for k in K if k <= n]
    votes = [k for k in ks if k > 1]
    figures = by_problem(samples, ks, votes)
    one = pass_at_k(n, c, 8)
    spread = figures["length"] / 2048
    both = 1 - spread

    timed = {
        f"all {len(figures)} metrics of each problem": seconds(lambda: by_problem(samples, ks, votes)),
        "their means and intervals, one set of draws": seconds(lambda: summary(figures, draws)),
        f"pass@k at {len(ks)} k": seconds(lambda: pass_at_k(n, c[:, None], np.array(ks))),
        "pass@8, one problem at a time": seconds(lambda: looped(n, c, 8), 1),
        "interval of pass@8": seconds(lambda: mean_interval(one, draws)),
        "interval of one metric with distinct values": seconds(lambda: mean_interval(spread, draws)),
        "draws of one metric, one problem at a time": seconds(lambda: one_by_one(one, draws), 1),
        "two checkpoints, paired: interval and p, pass@8": seconds(lambda: compare(one, one[::-1], draws)),
        "the same, with distinct values": seconds(lambda: compare(spread, both[::-1], draws), 1),
    }
    print(f"{options.problems} problems x {n} samples, {draws} draws\n\n| what | CPU seconds |\n|---|---|")
    for what, taken in timed.items():
        print(f"| {what} | {taken:.2f} |")
    first, second = list(timed.values())[:2]
    print(f"| **all metrics with their intervals** | **{first + second:.2f}** |")
    print("\n| maj@k, exact | CPU seconds |\n|---|---|")
    for k in votes:
        print(f"| {k} | {seconds(lambda k=k: maj_at_k(samples.answer, samples.correct, k), 1):.2f} |")
    print("\n| n | largest error of pass@k |\n|---|---|")
    for size in (10, 256, 1024, 10_000):
        print(f"| {size} | {worst(size):.1e} |", flush=True)


if __name__ == "__main__":
    main()
