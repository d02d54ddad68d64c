"""GRPO's advantage, the Pass@1 estimator: A_i = (r_i - mean(r)) / std(r).

Shao et al. 2024 (arXiv 2402.03300). std uses 1/N (population), as in Pass@k Training, Eq. 1-4 (arXiv 2508.10751).
`std="sample"` uses 1/(N-1), as OpenRLHF's group_norm does, which also adds 1e-9.

A group whose rewards are all equal gets 0. Scale and offset of the rewards change nothing.
"""

from typing import Literal

import torch

from passk.advantage import estimator
from passk.advantage.standardize import standardize


@estimator(
    k="1",
    formula="(r_i - mean r) / std r",
    source="Shao et al. 2024, arXiv 2402.03300",
    estimates="gradient of 2 arcsin sqrt(pass@1), as N grows",
)
def grpo(rewards: torch.Tensor, k: int, *, std: Literal["population", "sample"] = "population") -> torch.Tensor:
    return standardize(rewards, ddof=int(std == "sample"))
