"""bf16 matrix products by fp32 arithmetic, on CPUs without bf16 instructions.

OpenRLHF trains in bf16. Without AVX512-BF16 or AMX, torch's bf16 products are slower than fp32 products with their
conversions: 8 to 14 times in linear layers, and 4 times in attention (`python -m bench.matrix_product`, an AMD EPYC,
AVX2, 2026-11-30). The result is the same up to the order of summation: both accumulate in fp32 and round once to bf16.
"""

import functools
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def linear(functional: ModuleType) -> None:
    """Replace `torch.nn.functional.linear` for bf16 tensors, unless the CPU has bf16 instructions."""
    of_torch = functional.linear

    @functools.wraps(of_torch)
    def by_fp32(input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
        import torch

        if input.dtype is not torch.bfloat16 or _has_bf16():
            return of_torch(input, weight, bias)
        return of_torch(input.float(), weight.float(), None if bias is None else bias.float()).bfloat16()

    functional.linear = by_fp32


def matmul(module: ModuleType) -> None:
    """Replace `torch.matmul` for bf16 tensors, unless the CPU has bf16 instructions. HF's eager attention calls it."""
    of_torch = module.matmul

    @functools.wraps(of_torch)
    def by_fp32(input: "Tensor", other: "Tensor", **out: "Tensor") -> "Tensor":
        import torch

        if out or not (input.dtype is other.dtype is torch.bfloat16) or _has_bf16():
            return of_torch(input, other, **out)
        return of_torch(input.float(), other.float()).bfloat16()

    module.matmul = by_fp32


@functools.cache
def _has_bf16() -> bool:
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
