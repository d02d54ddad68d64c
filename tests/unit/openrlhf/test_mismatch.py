"""The mismatch of vLLM and the trainer is that of the response tokens, each with the same weight."""

import math
from types import SimpleNamespace

import pytest
import torch

from passk.openrlhf import mismatch


def batch(trainer, rollout, mask):
    made = {"action_log_probs": torch.tensor(trainer), "action_mask": torch.tensor(mask)}
    return SimpleNamespace(rollout_log_probs=None if rollout is None else torch.tensor(rollout), **made)


def test_it_is_the_mean_over_the_tokens_of_all_batches_without_padding():
    batches = [
        batch([[-1.0, -2.0, 0.0]], [[-1.5, -1.5, -9.0]], [[1, 1, 0]]),
        batch([[-3.0], [-1.0]], [[-3.0], [-8.0]], [[1], [0]]),
    ]
    found = mismatch.of_rollouts(batches)
    assert found["importance_gap"] == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert found["importance_ratio"] == pytest.approx((math.exp(0.5) + math.exp(-0.5) + 1) / 3)


def test_without_log_probabilities_of_vllm_there_is_none():
    assert mismatch.of_rollouts([batch([[-1.0]], None, [[1]])]) == {}
