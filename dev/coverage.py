"""Measure how often the 95 % intervals contain the truth, at the sizes that we report.

    python -m dev.coverage [--trials 1000] [--part means|lengths|pairs|seeds|paired ...]

A trial draws problems from a population and samples from the problems. It then checks whether the interval contains the
mean of the population, which is known. The tables compare our intervals with alternatives. The aim is 93 to 97 %, and
values outside of it are bold.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import stdtrit

from passk.statistics.bootstrap import acceleration, bca, bootstrap_means, intervals, mean_intervals
from passk.statistics.nested import difference_crossed
from passk.statistics.paired import paired_difference
from passk.statistics.pass_at_k import Floats, pass_at_k
from passk.statistics.seeds import difference_over_seeds, mean_over_seeds

SEED = 0
DRAWS = 1000
MANY = 2_000_000
"""Number of problems that approximates the whole population."""
KS = (1, 4, 8)
SIZES = ((30, 64), (60, 32), (200, 32), (500, 32))
SEEDED = ((3, 30, 64), (3, 200, 32), (5, 30, 64), (5, 200, 32))
POPULATIONS = {
    "even: Beta(1, 1)": (1, 1),
    "alike: Beta(10, 10)": (10, 10),
    "easy or hard: Beta(0.2, 0.2)": (0.2, 0.2),
    "hard: Beta(0.3, 2)": (0.3, 2),
    "rare: Beta(0.1, 3)": (0.1, 3),
    "very rare: Beta(0.05, 5)": (0.05, 5),
    "nearly solved: Beta(3, 0.4)": (3, 0.4),
}
"""Distributions of the problems' solve rates."""
LENGTHS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "lognormal, sigma 0.8": lambda rng, size: rng.lognormal(0, 0.8, size),
    "lognormal, sigma 1.2": lambda rng, size: rng.lognormal(0, 1.2, size),
    "the same, cut at 2": lambda rng, size: np.minimum(rng.lognormal(0, 1.2, size), 2.0),
    "nine in ten near the limit": lambda rng, size: np.where(
        rng.random(size) < 0.9, rng.uniform(0.99, 1, size), rng.uniform(0.2, 1, size)
    ),
    "normal": lambda rng, size: rng.normal(0, 1, size),
}
"""Distributions of the problems' lengths or log-probabilities, which are scales without ends."""
LENGTH_SIZES = (30, 100)
SEEDED_POPULATION = "hard: Beta(0.3, 2)"
PAIRED = ("even: Beta(1, 1)", "hard: Beta(0.3, 2)", "very rare: Beta(0.05, 5)", "nearly solved: Beta(3, 0.4)")
GAIN, OWN_GAIN = 0.3, 0.5
"""Increase of the second checkpoint's log-odds, and its deviation from problem to problem."""
SEED_SPREADS = (0.0, 0.1, 0.3)
"""Deviation of the log-odds from seed to seed. Each problem moves independently by half as much."""

Edges = tuple[float, float]


class Tally:
    """Counts of a cell: whether the truth was below, within or above."""

    def __init__(self) -> None:
        self.seen: list[tuple[bool, bool, float]] = []

    def add(self, edges: Edges, truth: float) -> None:
        low, high = edges
        self.seen.append((truth < low, truth > high, high - low))

    def __str__(self) -> str:
        below, above, width = np.mean(self.seen, axis=0)
        held = f"{100 * (1 - below - above):.1f}"
        return f"{held if 0.9299 < 1 - below - above < 0.9701 else f'**{held}**'} ({width:.3f})"


def tables(n: int) -> Floats:
    """Return pass@k of c of n correct, [n + 1, len(KS)]."""
    return pass_at_k(n, np.arange(n + 1)[:, None], np.array(KS))


def plain_bca(values: Floats, seed: int) -> list[Edges]:
    """Return the plain BCa interval of each figure, [P, S] -> S intervals."""
    drawn = bootstrap_means(values, DRAWS, seed)
    return [
        (float(figure[0]), float(figure[0])) if acceleration(figure) is None else bca(column, figure)
        for column, figure in zip(drawn.T, values.T, strict=True)
    ]


def t_interval(values: Floats) -> Edges:
    half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / len(values) ** 0.5
    return values.mean() - half, values.mean() + half


def logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def log_odds(rng: np.random.Generator, name: str, size: int) -> Floats:
    rate = np.clip(rng.beta(*POPULATIONS[name], size=size), 1e-300, 1 - 1e-12)
    return np.log(rate) - np.log1p(-rate)


def solved(rate: Floats) -> Floats:
    """Return the true pass@k at each solve rate, [..., len(KS)]."""
    return 1 - (1 - rate[..., None]) ** np.array(KS)


def means(trials: int) -> Iterator[str]:
    yield "| problems x samples | solve rates | k | pass@k | ours | BCa | Student's t |"
    yield "|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(SEED)
    for problems, n in SIZES:
        for name, shape in POPULATIONS.items():
            truth = solved(rng.beta(*shape, size=MANY)).mean(axis=0)
            cells = [[Tally() for _ in range(3)] for _ in KS]
            for trial in range(trials):
                values = tables(n)[rng.binomial(n, rng.beta(*shape, size=problems))]
                plain = plain_bca(values, trial)
                for i, ours in enumerate(mean_intervals(values, DRAWS, trial)):
                    edges_of_all = ((ours.low, ours.high), plain[i], t_interval(values[:, i]))
                    for cell, edges in zip(cells[i], edges_of_all, strict=True):
                        cell.add(edges, truth[i])
            for k, mean, row in zip(KS, truth, cells, strict=True):
                yield f"| {problems} x {n} | {name} | {k} | {mean:.3f} | {' | '.join(map(str, row))} |"


def lengths(trials: int) -> Iterator[str]:
    yield "| problems | values | mean | ours | BCa | Student's t |"
    yield "|---|---|---|---|---|---|"
    rng = np.random.default_rng(SEED)
    for problems in LENGTH_SIZES:
        for name, draw in LENGTHS.items():
            truth = float(draw(rng, MANY).mean())
            cells = [Tally() for _ in range(3)]
            for trial in range(trials):
                values = draw(rng, problems)[:, None]
                [ours] = intervals(values, [None], DRAWS, trial)
                edges_of_all = ((ours.low, ours.high), *plain_bca(values, trial), t_interval(values[:, 0]))
                for cell, edges in zip(cells, edges_of_all, strict=True):
                    cell.add(edges, truth)
            yield f"| {problems} | {name} | {truth:.3f} | {' | '.join(map(str, cells))} |"


def pairs(trials: int) -> Iterator[str]:
    yield "| problems x samples | solve rates | k | difference | ours | BCa | Student's t |"
    yield "|---|---|---|---|---|---|---|"
    rng = np.random.default_rng(SEED)

    def two(name: str, size: int) -> tuple[Floats, Floats]:
        before = log_odds(rng, name, size)
        return logistic(before + GAIN + OWN_GAIN * rng.standard_normal(size)), logistic(before)

    for problems, n in SIZES:
        for name in PAIRED:
            better, before = two(name, MANY)
            truth = (solved(better) - solved(before)).mean(axis=0)
            cells = [[Tally() for _ in range(3)] for _ in KS]
            for trial in range(trials):
                a, b = (tables(n)[rng.binomial(n, rate)] for rate in two(name, problems))
                plain = plain_bca(a - b, trial)
                for i in range(len(KS)):
                    ours = paired_difference(a[:, i], b[:, i], DRAWS, trial)
                    edges_of_all = ((ours.low, ours.high), plain[i], t_interval(a[:, i] - b[:, i]))
                    for cell, edges in zip(cells[i], edges_of_all, strict=True):
                        cell.add(edges, truth[i])
            for k, mean, row in zip(KS, truth, cells, strict=True):
                yield f"| {problems} x {n} | {name} | {k} | {mean:+.3f} | {' | '.join(map(str, row))} |"


def resampled(tables: list[Floats], rng: np.random.Generator) -> Edges:
    """Return percentiles of the first mean minus the other. Seeds and problems are resampled, and tables are [S, P]."""
    problems = tables[0].shape[1]
    drawn = np.zeros((DRAWS, problems))
    for sign, values in zip((1, -1), tables, strict=False):
        count = len(values)
        drawn += sign * (rng.multinomial(count, np.full(count, 1 / count), size=DRAWS) / count) @ values
    by_problem = rng.multinomial(problems, np.full(problems, 1 / problems), size=DRAWS) / problems
    low, high = np.quantile((drawn * by_problem).sum(axis=1), (0.025, 0.975))
    return float(low), float(high)


def runs(rng: np.random.Generator, log: Floats, count: int, spread: float, gain: float) -> Floats:
    """Return solve rates of `count` runs, [count, problems]."""
    common = spread * rng.standard_normal((count, 1))
    return logistic(log + gain + common + spread / 2 * rng.standard_normal((count, len(log))))


def seeds(trials: int) -> Iterator[str]:
    yield "| seeds x problems x samples | deviation of seeds | k | what | truth | ours | seeds and problems resampled |"
    yield "|---|---|---|---|---|---|---|"
    rng, name = np.random.default_rng(SEED), SEEDED_POPULATION
    for count, problems, n in SEEDED:
        for spread in SEED_SPREADS:
            many = log_odds(rng, name, MANY)
            # Each problem has its own seed, which gives the mean over both.
            each = logistic(many + spread * 1.25**0.5 * rng.standard_normal(MANY))
            other = logistic(many + GAIN + spread * 1.25**0.5 * rng.standard_normal(MANY))
            level, gain = solved(each).mean(axis=0), (solved(other) - solved(each)).mean(axis=0)
            cells = {(k, what): [Tally(), Tally()] for k in KS for what in ("mean", "difference")}
            for trial in range(trials):
                log = log_odds(rng, name, problems)
                b, a = (tables(n)[rng.binomial(n, runs(rng, log, count, spread, by))] for by in (0.0, GAIN))
                for i, k in enumerate(KS):
                    first, second = a[..., i], b[..., i]
                    ours = mean_over_seeds(second, DRAWS, trial)
                    both = difference_over_seeds(first, second, DRAWS, trial)
                    cells[k, "mean"][0].add((ours.low, ours.high), level[i])
                    cells[k, "mean"][1].add(resampled([second], rng), level[i])
                    cells[k, "difference"][0].add((both.low, both.high), gain[i])
                    cells[k, "difference"][1].add(resampled([first, second], rng), gain[i])
            for (k, what), row in cells.items():
                truth = level[KS.index(k)] if what == "mean" else gain[KS.index(k)]
                size = f"{count} x {problems} x {n}"
                yield f"| {size} | {spread} | {k} | {what} | {truth:.3f} | {' | '.join(map(str, row))} |"


def paired(trials: int) -> Iterator[str]:
    """Compare equal methods that share their seeds' warm starts but train independently."""
    yield "| seeds x problems x samples | deviation of seeds | k | ours | seeds and problems resampled |"
    yield "|---|---|---|---|---|"
    rng = np.random.default_rng(SEED)
    for count, problems, n in ((2, 200, 32), *SEEDED):
        for spread in SEED_SPREADS:
            cells = [[Tally(), Tally()] for _ in KS]
            for trial in range(trials):
                log = log_odds(rng, SEEDED_POPULATION, problems)
                a, b = (tables(n)[rng.binomial(n, runs(rng, log, count, spread, 0.0))] for _ in range(2))
                for i in range(len(KS)):
                    ours = difference_crossed(a[..., i], b[..., i], DRAWS, trial)
                    cells[i][0].add((ours.low, ours.high), 0.0)
                    cells[i][1].add(resampled([a[..., i] - b[..., i]], rng), 0.0)
            for k, row in zip(KS, cells, strict=True):
                yield f"| {count} x {problems} x {n} | {spread} | {k} | {' | '.join(map(str, row))} |"


PARTS: dict[str, Callable[[int], Iterator[str]]] = {
    "means": means,
    "lengths": lengths,
    "pairs": pairs,
    "seeds": seeds,
    "paired": paired,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    print(f"{options.trials} trials per cell, {DRAWS} draws; coverage in %, and the mean width in brackets")
    for part in options.part:
        print(f"\n{part}\n")
        for line in PARTS[part](options.trials):
            print(line, flush=True)


if __name__ == "__main__":
    main()
