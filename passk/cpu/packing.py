"""Attention over packed sequences on a CPU, where OpenRLHF requests FlashAttention.

OpenRLHF packs the sequences of a batch into one row for `packing_samples` and for dynamic batches. It passes no mask
then, only positions that start again at 0 with each sequence. transformers derives the mask of such a row from the
positions (`masking_utils.find_packed_sequence_indices`), for every implementation of attention.
"""

import functools
from types import ModuleType
from typing import Any

IMPLEMENTATION = "sdpa"
"""Attention of PyTorch, which computes from a mask what FlashAttention computes from the bounds of the sequences."""


def actor(module: ModuleType) -> None:
    """Let `Actor` load a model with PyTorch's attention wherever FlashAttention is requested."""
    load = module.Actor.__init__

    @functools.wraps(load)
    def load_on_cpu(
        self: Any,
        model: Any,
        attn_implementation: str = "flash_attention_2",
        *arguments: Any,
        **options: Any,
    ) -> None:
        if "flash_attention" in attn_implementation:
            attn_implementation = IMPLEMENTATION
        load(self, model, attn_implementation, *arguments, **options)

    module.Actor.__init__ = load_on_cpu
