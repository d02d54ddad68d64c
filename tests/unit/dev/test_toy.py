"""What dev/toy.py measures is what PKPO's toy experiments are about."""

import pytest
import torch

from dev import toy
from tests.unit.each import every


@pytest.mark.parametrize(("k", "theta", "height"), [(1, 0.862, 0.661), (4, 0.939, 0.892), (16, 0.986, 0.971)])
def test_the_optimum_moves_towards_the_edge_as_k_grows(k, theta, height):
    assert toy.optimum(k) == pytest.approx((theta, height), abs=1e-3)


def test_the_exact_value_is_that_of_many_tries():
    noise = torch.randn(400_000, 4, generator=torch.Generator().manual_seed(0))
    best = toy.reward(0.9 + toy.SD * noise).amax(dim=1)
    error = float(best.std()) / len(best) ** 0.5
    assert float(best.mean()) == pytest.approx(float(toy.max_at_k(torch.tensor([0.9]), 4)), abs=4 * error)


@every("name", toy.ESTIMATORS)
def test_every_estimator_but_the_biased_one_has_the_gradient_as_its_mean(name):
    estimator, _ = toy.ESTIMATORS[name]
    values = toy.estimates(estimator, 16)
    spread, error = toy.variance(values)
    away = float(values.mean()) - toy.gradient(toy.THETA, toy.K)
    unit = (spread / len(values)) ** 0.5
    if "biased" in name:
        factor = 1 - toy.K / 16
        assert float(values.mean()) == pytest.approx(factor * toy.gradient(toy.THETA, toy.K), abs=4 * unit)
        assert abs(away) > 10 * unit
    else:
        assert abs(away) < 4 * unit
    assert 0 < error < 0.1 * spread
