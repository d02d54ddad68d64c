"""A `flash_attn` in plain PyTorch. OpenRLHF imports these names for every attention implementation."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def index_first_axis(x: "Tensor", indices: "Tensor") -> "Tensor":
    """Return the rows of `x` at `indices`."""
    return x[indices]


def unpad_input(x: "Tensor", mask: "Tensor") -> tuple:
    """Return the [tokens, ...] that `mask` keeps of [batch, length, ...], their indices, and the sequences' bounds."""
    import torch

    lengths = mask.sum(-1, dtype=torch.int32)
    indices = torch.nonzero(mask.flatten()).flatten()
    bounds = torch.nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
    return x.flatten(0, 1)[indices], indices, bounds, int(lengths.max()), lengths


def pad_input(x: "Tensor", indices: "Tensor", batch: int, length: int) -> "Tensor":
    """Return the inverse of `unpad_input`, with 0 for padding."""
    padded = x.new_zeros((batch * length, *x.shape[1:]))
    padded[indices] = x
    return padded.unflatten(0, (batch, length))


def all_gather(*_args: object) -> None:
    """Raise NotImplementedError: ring attention has no stand-in."""
    raise NotImplementedError("ring attention needs the real flash-attn, and therefore a GPU")


def install() -> None:
    """Register the stand-in as `flash_attn`. transformers still finds none, since no such package is installed."""
    from einops import rearrange

    contents = {
        "flash_attn": {},
        "flash_attn.utils": {},
        "flash_attn.bert_padding": {
            "index_first_axis": index_first_axis,
            "pad_input": pad_input,
            "rearrange": rearrange,
            "unpad_input": unpad_input,
        },
        "flash_attn.utils.distributed": {"all_gather": all_gather},
    }
    for name, members in contents.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, loader=None)
        module.__dict__.update(members)
        sys.modules[name] = module
