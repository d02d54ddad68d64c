"""Gather the weights that ZeRO 3 divides, completely.

DeepSpeed gathers the tensors of a layer by one operation each, and waits for the last of them. On a GPU all of them are
in one stream, so the last one ends last. Gloo runs them in several threads, where an earlier one may end later. It then
writes into memory that DeepSpeed has already filled or freed. Some starts with several ranks had garbage as weights.
"""

from types import ModuleType
from typing import Any


class _Complete:
    """DeepSpeed's module of collective operations, whose gathers have ended when they return."""

    def __init__(self, upstream: ModuleType) -> None:
        self._upstream = upstream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._upstream, name)

    def all_gather_into_tensor(self, *arguments: Any, **options: Any) -> Any:
        handle = self._upstream.all_gather_into_tensor(*arguments, **options)
        if handle is not None:
            handle.wait()
        return handle


def parameters(module: ModuleType) -> None:
    """Let `Init._allgather_params_coalesced` wait for each tensor."""
    module.dist = _Complete(module.dist)
