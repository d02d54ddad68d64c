"""bf16 matrix products by fp32 arithmetic, on CPUs without bf16 instructions.

OpenRLHF trains in bf16. Without AVX512-BF16 or AMX, torch's bf16 product is 6 to 14 times slower than the fp32 product
with its conversions (`python -m bench.matrix_product`, an AMD EPYC with AVX2, 2026-11-30). The result is the same up to
the order of summation: both accumulate in fp32 and round once to bf16.
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


@functools.cache
def _has_bf16() -> bool:
    import torch

    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
