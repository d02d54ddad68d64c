"""The estimate of a rehearsal's page, by hand for the paper's experiment on Qwen2.5-7B."""

from pathlib import Path

import pytest

from passk.experiment import config
from passk.models.model_size import ModelSize
from passk.pipeline.memory import GIB
from passk.pipeline.needs import needs

WEIGHTS = 7.615e9
QWEN = ModelSize(int(WEIGHTS), 28, 3584, 18944, 28, 4, 128, 152064, None)


@pytest.fixture(scope="module")
def rows():
    experiment = config.load(Path(__file__).parents[3] / "experiments" / "qwen2.5-7b-maze.yaml")
    listed = list(needs(experiment, QWEN, "a test"))
    assert all(need.source and need.formula for need in listed)
    by_name = {need.what: need.amount for need in listed}
    assert len(by_name) == len(listed)
    return by_name


def test_memory(rows):
    # ZeRO 3 divides weights, gradients and Adam over 8 GPUs.
    assert rows["trainer's weights and Adam, a GPU"] == f"{18 * WEIGHTS / 8 / GIB:.1f} GiB"
    assert rows["trainer's logits, a GPU"] == f"{16384 * 152064 * 18 / GIB:.1f} GiB"
    layer = 26 * 3584 + 8 * 18944
    assert rows["trainer's activations, a GPU"] == f"{16384 * (2 * 28 * 3584 + layer) / GIB:.1f} GiB"
    parts = [amount for name, amount in rows.items() if name.startswith("trainer's")]
    whole = sum(float(part.removesuffix(" GiB")) for part in parts) + 1
    assert float(rows["trainer, a GPU"].removesuffix(" GiB")) == pytest.approx(whole, abs=0.2)
    assert rows["engine's weights, a GPU"] == f"{2 * WEIGHTS / GIB:.1f} GiB"
    assert rows["KV cache, a token"] == "56 KiB"  # 2 x 2 bytes x 28 layers x 4 heads x 128


def test_a_step(rows):
    tokens, stages = 128 * 32 * (1024 + 4096), "pass1, pass4, pass4-pass1"
    assert rows[f"{stages}: tokens a step"] == f"{tokens / 1e6:.2f} M"
    # log-probabilities and forward 2 each, recomputed 2, backward 4
    assert rows[f"{stages}: operations a step"] == f"{10 * WEIGHTS * tokens / 1e15:.1f} PFLOP"
    assert rows[f"{stages}: KV cache of all rollouts, a GPU"] == f"{512 * 5120 * 56 / 2**20:.1f} GiB"
    assert rows["KV cache that fits, a GPU"] == f"{(0.6 * 80e9 - 2 * WEIGHTS) / GIB:.1f} GiB"


def test_the_hours_add_up(rows):
    hours = [float(rows[f"{name}: whole stage"].removesuffix(" h")) for name in ("pass1", "pass4", "pass4-pass1")]
    assert hours[0] == pytest.approx(450 / 300 * hours[1], rel=0.01)
    assert float(rows["all rl stages"].removesuffix(" GPU hours").replace(",", "")) == pytest.approx(
        8 * sum(hours), 0.01
    )
