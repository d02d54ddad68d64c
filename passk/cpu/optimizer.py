"""Adam's bias correction as a function of the step, whatever came before it."""

from types import ModuleType
from typing import Any


def fused_adam(module: ModuleType) -> None:
    """DeepSpeed's CPU kernel multiplies the powers of beta on from step to step, and takes pow() at a first one.

    A run that goes on from a checkpoint so has other last bits than one that was left alone. Told of step 0 before
    each step, on a number that nobody reads, the kernel always takes pow(), as the CUDA one does.
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
