"""What dev/coverage.py holds the intervals against is the truth, and it counts right."""

import math

import numpy as np
import pytest

from bench.metrics import worst
from dev import coverage
from tests.unit.each import every


@every("name", coverage.POPULATIONS)
def test_the_mean_of_a_population_is_the_known_one(name):
    a, b = coverage.POPULATIONS[name]
    rate = np.random.default_rng(0).beta(a, b, size=200_000)
    for k, mean in zip(coverage.KS, coverage.solved(rate).mean(axis=0), strict=True):
        log = math.lgamma(b + k) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + k)
        assert mean == pytest.approx(1 - math.exp(log), abs=0.005)


def test_a_cell_is_bold_outside_of_93_to_97():
    tally = coverage.Tally()
    for i in range(100):
        tally.add((0.0, 1.0), 0.5 if i < 95 else 2.0)
    assert str(tally) == "95.0 (1.000)"
    for _ in range(100):
        tally.add((0.0, 1.0), 0.5)
    assert str(tally) == "**97.5** (1.000)"


def test_every_part_gives_a_row_a_cell(monkeypatch):
    monkeypatch.setattr(coverage, "MANY", 1000)
    monkeypatch.setattr(coverage, "DRAWS", 50)
    monkeypatch.setattr(coverage, "SIZES", ((30, 8),))
    monkeypatch.setattr(coverage, "SEEDED", ((3, 30, 8),))
    rows = {name: len(list(part(2))) - 2 for name, part in coverage.PARTS.items()}
    assert rows == {"means": 7 * 3, "lengths": 5 * 2, "pairs": 4 * 3, "seeds": 3 * 3 * 2, "paired": 2 * 3 * 3}


def test_the_bench_finds_pass_at_k_exact():
    assert worst(100) < 1e-14
