"""Why passk does not use OpenRLHF's average of the weights (docs/openrlhf.md, its differences from `group_norm`)."""

from types import SimpleNamespace

import pytest
import torch

pytestmark = pytest.mark.slow


def moved(difference: float, dtype: torch.dtype) -> float:
    """Share of the averaged weights that 200 updates towards weights with a relative difference change at all."""
    from openrlhf.utils.deepspeed.deepspeed import DeepspeedStrategy

    strategy = SimpleNamespace(time_steps={"ema": 0}, accumulated_gradient=1, use_dynamic_batch=False, stage=2)
    start = torch.randn(10_000, generator=torch.Generator().manual_seed(0)) * 0.02
    model, average = (torch.nn.Linear(100, 100, bias=False, dtype=dtype) for _ in range(2))
    with torch.no_grad():
        average.weight.copy_(start.view(100, 100))
        model.weight.copy_(start.view(100, 100) * (1 + difference))
        before = average.weight.clone()
    for _ in range(200):
        DeepspeedStrategy.moving_average(strategy, model, average, 0.992, "cpu")
    return float((average.weight != before).float().mean())


def test_openrlhfs_average_of_the_weights_hardly_moves_in_bf16(actor_classes):
    assert moved(0.02, torch.bfloat16) < 0.05
    assert moved(0.02, torch.float32) == 1
