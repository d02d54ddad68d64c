"""What docs/advantage-estimators.md says, by number, of the snippet that is often copied as "the" Pass@k advantage."""

import math

import pytest
import torch

from passk import advantage
from passk.base.errors import ConfigError
from tests.unit.each import every


def log_choose(n, k):
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)


def snippet(n, c, k, eps=1e-8):
    """Return (correct, incorrect) in float32 by the published code, which divides by the variance."""
    n, c, k = (torch.tensor(float(x)) for x in (n, c, k))
    mean = 1 - torch.exp(log_choose(n - c, k) - log_choose(n, k))
    variance = mean * (1 - mean) + eps
    return float((1 - mean) / variance), float(-(mean - (c >= 1).float()) / variance)


def ours(n, c, k):
    row = advantage.compute("passk_analytical", torch.tensor([[1.0] * c + [0.0] * (n - c)]), k)[0].tolist()
    return row[0], row[-1]


@every(
    ("n", "c", "k", "theirs", "right"),
    [
        (8, 2, 4, (1.2727, 1.2727), (0.5222, -0.1741)),
        (32, 1, 8, (4.0, 4.0), (1.7321, -0.0559)),
        (32, 8, 8, (1.0752, 1.0752), (0.2742, -0.0914)),
        (8, 4, 1, (2.0, 2.0), (1.0, -1.0)),
        (8, 2, 1, (4.0, 4.0), (1.7321, -0.5774)),
    ],
)
def test_it_gives_right_and_wrong_answers_the_same_and_divides_by_the_variance(n, c, k, theirs, right):
    assert snippet(n, c, k) == pytest.approx(theirs, rel=1e-4)
    assert ours(n, c, k) == pytest.approx(right, abs=6e-5)


def test_its_advantages_of_a_prompt_do_not_sum_to_nothing():
    right, wrong = snippet(8, 2, 4)
    assert 2 * right + 6 * wrong == pytest.approx(10.18, abs=0.005)
    right, wrong = ours(8, 2, 4)
    assert 2 * right + 6 * wrong == pytest.approx(0, abs=1e-6)


def test_it_goes_to_one_on_easy_prompts_where_the_rule_fades():
    assert snippet(32, 16, 8)[0] == pytest.approx(1.00, abs=0.005)
    assert ours(32, 16, 8)[0] == pytest.approx(0.0350, abs=5e-5)


def test_of_a_group_of_just_k_nothing_is_left():
    assert all(snippet(8, c, 8) == (0.0, 0.0) for c in range(1, 8))
    with pytest.raises(ConfigError, match="k: must be"):
        ours(8, 3, 8)


def test_its_epsilon_is_a_tenth_of_a_small_variance_and_float32_loses_more():
    q = math.comb(8, 8) / math.comb(32, 8)
    assert q * (1 - q) == pytest.approx(9.5e-8, abs=5e-10)
    assert 1e-8 / (q * (1 - q)) == pytest.approx(0.105, abs=5e-4)
    mean = 1 - torch.tensor(q, dtype=torch.float32)
    assert float(1 - mean) / q == pytest.approx(1.254, abs=5e-4)


def test_without_a_right_answer_it_gives_a_right_one_a_hundred_million():
    assert snippet(8, 0, 4) == pytest.approx((1e8, 0.0))
    assert ours(8, 0, 4) == (0.0, 0.0)


def test_with_fewer_rollouts_than_k_it_gives_nan():
    assert all(math.isnan(value) for value in snippet(4, 2, 8))


def test_lgamma_takes_no_python_number():
    with pytest.raises(TypeError):
        torch.lgamma(8 + 1)
