"""maj@k against all sets of k, in exact fractions."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from passk.statistics.maj_at_k import maj_at_k
from tests.unit.each import every


def enumerated(answers, correct, k):
    total, sets = Fraction(0), 0
    for drawn in itertools.combinations(range(len(answers)), k):
        votes = Counter("right" if correct[i] else answers[i] for i in drawn if correct[i] or answers[i] >= 0)
        tied = [answer for answer, count in votes.items() if count == max(votes.values())]
        total += Fraction("right" in tied, max(len(tied), 1))
        sets += 1
    return total / sets


@every("n", [1, 2, 5, 8, 11])
def test_it_is_the_mean_over_all_sets(n):
    rng = np.random.default_rng(n)
    answers = rng.integers(-1, 5, (8, n))
    correct = (rng.random((8, n)) < 0.3) | (answers == 4)
    for k in range(1, n + 1):
        computed = maj_at_k(answers, correct, k)
        for own, codes, right in zip(computed, answers.tolist(), correct.tolist(), strict=True):
            assert abs(Fraction(float(own)) - enumerated(codes, right, k)) < Fraction(1, 10**12)


def counted(winners, wrong, n, k):
    """Mean over all sets. A set counts if the gold answer has m votes; t other answers may have m too."""
    worth = Fraction(0)
    for m in range(1, min(winners, k) + 1):
        rivals = [count for count in wrong if count >= m]
        pool = n - winners - sum(rivals)
        ways = {(0, votes): math.comb(pool, votes) for votes in range(k - m + 1)}
        for count in rivals:
            more = Counter()
            for (tied, votes), number in ways.items():
                for own in range(min(m, k - m - votes) + 1):
                    more[tied + (own == m), votes + own] += number * math.comb(count, own)
            ways = more
        sets = math.comb(winners, m)
        worth += sum(Fraction(sets * number, 1 + tied) for (tied, votes), number in ways.items() if votes == k - m)
    return worth / math.comb(n, k)


@every(
    ("n", "k", "winners", "wrong"),
    [
        (1024, 12, 30, [1] * 150 + [2] * 20 + [31, 31, 29, 300]),
        (1024, 24, 200, [203, 190, 60, 5, 5, 1]),
        (256, 40, 60, [61, 50, 20, 9]),
        (256, 12, 3, [1] * 200),
        (64, 63, 9, [9, 9, 9, 8, 1, 1]),
        (64, 64, 9, [9, 9, 1]),
    ],
)
def test_many_samples_and_many_answers_are_counted_exactly(n, k, winners, wrong):
    codes = np.repeat(np.arange(len(wrong) + 1), [winners, *wrong])
    codes = np.append(codes, np.full(n - len(codes), -1))[None]
    computed = maj_at_k(codes, codes == 0, k)[0]
    assert abs(Fraction(float(computed)) - counted(winners, wrong, n, k)) < Fraction(1, 10**12)


def test_the_others_of_a_batch_make_no_difference_to_a_problem():
    rng = np.random.default_rng(3)
    codes = rng.geometric(rng.beta(1, 3, 900)[:, None], (900, 64))
    codes[rng.random(codes.shape) < 0.1] = -1
    right = rng.random(codes.shape) < rng.beta(0.5, 1, 900)[:, None]
    together = maj_at_k(codes, right, 16)
    for problem in range(0, 900, 90):
        alone = maj_at_k(codes[problem, None], right[problem, None], 16)
        assert together[problem] == pytest.approx(alone[0], abs=1e-13)


def test_by_hand():
    a, b, none = 0, 1, -1
    right = np.array([[True, True, False, False, False]])
    assert maj_at_k([[9, 9, a, a, b]], right, 5) == pytest.approx([1 / 2])  # a tie of two
    assert maj_at_k([[9, 9, a, b, none]], right, 5) == pytest.approx([1])
    assert maj_at_k([[9, 9, a, a, a]], right, 5) == pytest.approx([0])
    assert maj_at_k([[9, 8, a, b, none]], right, 5) == pytest.approx([1])  # correct answers count as one
    assert maj_at_k([[9, 9, a, a, b]], right, 1) == pytest.approx([2 / 5])
    assert maj_at_k([[none] * 3], np.zeros((1, 3), bool), 2) == [0]


def test_a_tie_is_worth_what_the_first_seen_gets():
    rng = np.random.default_rng(0)
    codes, right = np.array([0, 0, 1, 1, 2, 3, 3, -1]), np.array([True, True, *[False] * 6])
    got = 0
    for _ in range(20_000):
        drawn = rng.permutation(8)[:4]
        votes = Counter(codes[drawn][codes[drawn] >= 0].tolist())  # most_common: the first seen of those tied
        got += bool(votes) and votes.most_common(1)[0][0] == 0
    assert maj_at_k(codes[None], right[None], 4)[0] == pytest.approx(got / 20_000, abs=0.012)


def test_many_samples_agree_with_drawing_them():
    rng = np.random.default_rng(0)
    codes = rng.geometric(0.2, 256)
    right = codes == 2
    drawn = 0.0
    for _ in range(4000):
        votes = Counter(codes[rng.permutation(256)[:64]].tolist())
        tied = [answer for answer, count in votes.items() if count == max(votes.values())]
        drawn += (2 in tied) / len(tied)
    assert maj_at_k(codes[None], right[None], 64)[0] == pytest.approx(drawn / 4000, abs=0.03)


@every("k", [1, 4, 7, 200, 1024])
def test_between_two_answers_it_is_exact_for_a_thousand_samples(k):
    n, c = 1024, 500
    ways = {m: math.comb(c, m) * math.comb(n - c, k - m) for m in range(max(0, k - n + c), min(c, k) + 1)}
    worth = sum(count * (Fraction(1, 2) if 2 * m == k else 2 * m > k) for m, count in ways.items())
    computed = maj_at_k(np.zeros((1, n), int), np.arange(n)[None] < c, k)[0]
    assert abs(Fraction(float(computed)) - Fraction(worth) / math.comb(n, k)) < Fraction(1, 10**12)


@pytest.mark.parametrize("k", [0, 4])
def test_k_is_from_1_to_n(k):
    with pytest.raises(ValueError, match=f"k: maj@{k} needs k from 1 to 3, the number of samples"):
        maj_at_k(np.zeros((1, 3), int), np.zeros((1, 3), bool), k)
