"""CurveRL: weight a prompt by where its solve rate lies among the solve rates of the last steps.

arXiv 2605.24331 and its code. A_i = w(c) (r_i - c/N) with w(c) = f(c) / F(c). f(c) is the share of the prompts of the
last `window` steps that had c correct rollouts, F(c) the share of those that had at most c. Prompts that are all
correct or all incorrect get 0 and are not counted. The step's own prompts are counted from the next step on. As long as
the window has no prompt they are the reference themselves. A c that the window does not contain has the weight 0.

The counts of the window are the estimator's `state`. It is empty at the start of a stage, also of one with `from:`.
"""

from typing import Annotated, Any

import torch
from pydantic import Field

from passk.advantage import estimator
from passk.base.errors import PasskError


@estimator(
    k="1",
    binary=True,
    formula="f(c) / F(c) (r_i - c/N), f and F the mass and the cumulative mass of c in the last steps",
    source="arXiv 2605.24331",
    estimates="no objective of its own",
)
def curverl(
    rewards: torch.Tensor, k: int, *, state: dict[str, Any], window: Annotated[int, Field(ge=1)] = 10
) -> torch.Tensor:
    n = rewards.shape[1]
    correct = rewards.sum(dim=1).long()  # [P]
    present = correct.bincount(minlength=n + 1).tolist()
    present[0] = present[n] = 0
    steps = state.get("counts", [])
    if any(len(counts) != n + 1 for counts in steps):
        raise PasskError(f"state: curverl has counts of groups of {len(steps[0]) - 1} rollouts, not {n}; keep N")
    past = [sum(counts) for counts in zip(*steps, strict=True)]
    reference = torch.tensor(past if any(past) else present, dtype=torch.float64, device=rewards.device)
    weight = reference / reference.cumsum(dim=0).clamp(min=1)
    state["counts"] = [*steps, present][-window:]
    return weight[correct].unsqueeze(1) * (rewards - rewards.mean(dim=1, keepdim=True))
