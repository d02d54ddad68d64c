"""Compute Adam's bias correction from the step alone, independent of earlier steps."""

from types import ModuleType
from typing import Any


def fused_adam(module: ModuleType) -> None:
    """Let DeepSpeed's CPU kernel use pow() in every step.

    The kernel multiplies the powers of beta from step to step, and uses pow() only in a first one. A run that resumes
    from a checkpoint therefore gets other last bits than an uninterrupted one. A call with step 0 on an unused number
    before each step makes the kernel use pow() each time, as the CUDA kernel does.
    """
    import torch

    step = module.FusedAdam.step

    def step_by_itself(self: Any, *arguments: Any, **options: Any) -> Any:
        unread = [[torch.zeros(1)] for _ in range(4)]
        no_rate, no_epsilon, no_decay, step_zero, uncorrected = 0.0, 1.0, 0.0, 0, 0
        betas = self.param_groups[0]["betas"]
        self.multi_tensor_adam(
            0, self._dummy_overflow_buf, unread, no_rate, *betas, no_epsilon, step_zero, self.adam_w_mode,
            uncorrected, no_decay,
        )  # fmt: skip
        return step(self, *arguments, **options)

    module.FusedAdam.step = step_by_itself
