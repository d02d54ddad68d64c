"""The curves of total advantage, against the numbers printed in reference/estimators.md (A.3)."""

import math

import pytest

from passk import advantage
from passk.advantage import step_size
from passk.base.errors import ConfigError, PasskError
from tests.unit.advantage import cases
from tests.unit.each import every

K4 = (
    "5.29 7.16 8.37 9.20 9.76 10.12 10.31 10.36 10.29 10.11 9.83 9.47 9.04 8.54 7.99 7.39 6.75 6.09 5.41 4.73 "
    "4.04 3.37 2.73 2.12 1.56 1.06 .64 .30 0 0 0"
)
K8 = (
    "3.46 4.48 4.98 5.18 5.17 5.01 4.74 4.39 3.98 3.54 3.09 2.64 2.21 1.81 1.44 1.12 .84 .61 .42 .27 .17 .09 "
    ".04 .01 0 0 0 0 0 0 0"
)


@every(
    ("k", "peak", "height", "zero_from"),
    [(1, 16, 32.00, 32), (2, 12, 18.91, 31), (4, 8, 10.36, 29), (8, 4, 5.18, 25), (16, 2, 2.26, 17)],
)
def test_the_table_of_peaks(k, peak, height, zero_from):
    # of 32, 25 % right for k = 4 and 12.5 % for k = 8 (the paper's text says 25 % for 8)
    curve = step_size.curve("passk_analytical", 32, k)
    assert len(curve) == 33 and curve[0] == 0
    assert curve.index(max(curve)) == peak and max(curve) == pytest.approx(height, abs=0.005)
    assert all(curve[1:zero_from]) and not any(curve[zero_from:])


@pytest.mark.parametrize(("k", "printed"), [(4, K4), (8, K8)])
def test_the_two_curves_that_are_printed(k, printed):
    assert step_size.curve("passk_analytical", 32, k)[1:32] == pytest.approx(
        [float(x) for x in printed.split()], abs=0.0051
    )


def test_pass_at_4_spends_less_on_easy_prompts_than_on_the_hardest():
    curve = step_size.curve("passk_analytical", 32, 4)
    assert curve[19] > curve[1] > curve[20]


@pytest.mark.parametrize(("k", "peak", "height"), [(4, 9, 23.6), (8, 8, 21.9)])
def test_combination(k, peak, height):
    curve = step_size.curve("passk_combination", 32, k)
    assert curve.index(max(curve)) == peak and max(curve) == pytest.approx(height, abs=0.05)


@pytest.mark.parametrize("k", [4, 8])
def test_exceeding(k):
    curve, plain = step_size.curve("passk_exceeding", 32, k), step_size.curve("passk_analytical", 32, k)
    assert curve.index(max(curve)) == 1
    factors = {c: curve[c] / plain[c] for c in (1, 2, 8)}
    assert factors == pytest.approx({1: 0.9865, 2: 0.4365, 8: 0.187}, abs=6e-4)
    assert 0.4 / math.log(32.5) == pytest.approx(0.115, abs=6e-4)


def test_grpo_peaks_at_n():
    for n in (2, 8, 32):
        curve = step_size.curve("grpo", n, 1)
        assert curve == pytest.approx([2 * math.sqrt(c * (n - c)) for c in range(n + 1)], rel=1e-6)
        assert step_size.curve("passk_analytical", n, 1) == pytest.approx(curve, rel=1e-5)


@every("name", [name for name in advantage.names() if not advantage.get(name).needs and name not in cases.GRADED])
def test_kinds_are_what_the_estimator_gives_on_average_over_the_orders(name):
    n, k = 6, cases.some_k(name, 6)
    options = cases.OPTIONS.get(name)
    kinds = step_size.kinds(name, n, k, options)
    assert len(kinds) == n + 1 and kinds[0][1] == 0 and kinds[n][0] == 0
    if name not in (*cases.PLACES, *cases.DRAWN):
        found = cases.compute(name, cases.staircase(n), k)
        for c in range(n + 1):
            if c:
                assert kinds[c][1] == pytest.approx(found[c, 0].item(), rel=1e-5, abs=1e-9)
            if c < n:
                assert kinds[c][0] == pytest.approx(found[c, -1].item(), rel=1e-5, abs=1e-9)
    totals = [(n - c) * abs(wrong) + c * abs(right) for c, (wrong, right) in enumerate(kinds)]
    assert step_size.curve(name, n, k, options) == pytest.approx(totals)


def test_an_estimator_that_looks_at_places_is_averaged_over_orders():
    # One of 8 is correct, in groups of 4. Its group gives it +1, and three incorrect ones
    right, wrong = 1.0, (3 - 4) / 7
    assert step_size.kinds("passk_full", 8, 4)[1] == pytest.approx((wrong, right), abs=1e-6)
    again = [step_size.kinds("passk_bootstrap", 8, 4) for _ in range(2)]
    assert again[0] == again[1]


def test_an_estimator_of_graded_rewards_has_no_curve_over_the_correct():
    with pytest.raises(PasskError, match="^rewards: tea needs graded rewards"):
        step_size.kinds("tea", 8, 4)


@every("name", [name for name in advantage.names() if advantage.get(name).needs])
def test_an_estimator_that_needs_more_than_rewards_has_no_curve(name):
    for of in (step_size.kinds, step_size.curve):
        with pytest.raises(ConfigError, match="^advantage: "):
            of(name, 8, cases.some_k(name, 8), cases.OPTIONS.get(name))


def test_what_check_refuses_has_no_curve():
    for of in (step_size.kinds, step_size.curve):
        with pytest.raises(ConfigError, match="^k: "):
            of("passk_analytical", 8, 8)
        with pytest.raises(ConfigError, match=r"^options\.threshold: "):
            of("passk_easy_masked", 8, 4)
