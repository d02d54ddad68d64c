"""What bench/advantage.py compares with computes the same advantages."""

import numpy as np
import torch

from bench import advantage as bench
from passk import advantage
from tests.unit.each import every


@every("k", [1, 4, 8, 31])
def test_the_loops_over_prompts_give_what_the_rule_gives(k):
    rewards = torch.cat([bench.binary(40, 32), torch.ones(1, 32), torch.zeros(1, 32)])
    ours = advantage.compute("passk_analytical", rewards, k).numpy()
    # 1e-6 is added to the deviation there
    assert np.allclose(bench.by_prompt(rewards.numpy(), k), ours, rtol=0, atol=1e-4)
    uids = [i // 32 for i in range(rewards.numel())]
    assert np.allclose(bench.by_uid(rewards.flatten(), uids, k).view(rewards.shape).numpy(), ours, rtol=0, atol=1e-4)


@every("name", bench.PKPO)
@every("k", [2, 3, 8])
def test_the_loop_by_pkpos_recursions_gives_what_the_rule_gives(name, k):
    rewards = torch.randn(5, 24, generator=torch.Generator().manual_seed(k))
    rewards[1] = rewards[1].round()  # ties
    ours = advantage.compute(name, rewards, k).numpy()
    assert np.allclose(bench.pkpo_by_prompt(name, rewards.numpy(), k), ours, rtol=1e-4, atol=1e-5)
