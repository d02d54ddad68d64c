import pytest
import torch

from passk import advantage
from tests.unit.each import every


def grpo(rewards, **options):
    return advantage.compute("grpo", torch.as_tensor(rewards), 1, **options)


def test_the_deviation_is_the_populations():
    assert grpo([[1.0, 0.0, 0.0, 0.0]])[0].tolist() == pytest.approx([3**0.5, *[-(3**-0.5)] * 3])
    assert grpo([[1.0, 2.0, 3.0, 6.0]])[0].tolist() == pytest.approx([-2 / 3.5**0.5, -1 / 3.5**0.5, 0, 3 / 3.5**0.5])


def test_the_samples_deviation_is_openrlhfs():
    rewards = torch.tensor([[1.0, 2.0, 3.0, 6.0], [0.0, 0.0, 1.0, 0.0]])
    theirs = (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 1e-9)
    assert torch.allclose(grpo(rewards, std="sample"), theirs, rtol=1e-6)


@every("std", ["population", "sample"])
@every("value", [0.0, 1.0, 0.1, -7.3, 1e-45, 3e38])
def test_a_group_without_spread_gets_exactly_nothing(std, value):
    assert torch.equal(grpo(torch.full((2, 7), value), std=std), torch.zeros(2, 7))


@every(("scale", "offset"), [(1e-40, 0.0), (1e30, 0.0), (2.0**-10, 1.0), (1.0, -1024.0)])
def test_scale_and_offset_change_nothing_whatever_their_size(scale, offset):
    rewards = torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]])
    assert torch.allclose(grpo(rewards * scale + offset), grpo(rewards), rtol=1e-5)


@pytest.mark.parametrize("std", ["population", "sample"])
def test_one_rollout_has_nothing_to_be_compared_with(std):
    assert grpo([[1.0]], std=std).tolist() == [[0.0]]


def test_the_whole_range_of_float32_gives_no_infinity():
    top = torch.finfo(torch.float32).max
    assert grpo([[-top, top, 0.0]])[0].tolist() == pytest.approx([-(1.5**0.5), 1.5**0.5, 0.0])
