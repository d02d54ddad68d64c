"""The GPUs that a training with OpenRLHF's flags holds at once."""

import argparse
from collections.abc import Sequence

from passk.base import gpus

_COUNTS = {
    "nodes": "--actor.num_nodes",
    "gpus_per_node": "--actor.num_gpus_per_node",
    "engines": "--vllm.num_engines",
    "tensor_parallel": "--vllm.tensor_parallel_size",
}
"""Flags by the fields of an experiment's `compute`. passk emits each of them."""


def needed(arguments: Sequence[str]) -> int | None:
    """Return the number of GPUs, or None if a flag is missing, whose default is OpenRLHF's."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for field, flag in _COUNTS.items():
        parser.add_argument(flag, dest=field, type=int)
    parser.add_argument("--train.colocate_all", dest="colocate", action="store_true")
    options, _ = parser.parse_known_args(arguments)
    compute = vars(options)
    return None if None in compute.values() else gpus.held(compute, rollouts=True)
