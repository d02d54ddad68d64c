"""Refuse to resume a stage on another number of ranks or kind of ZeRO: DeepSpeed cannot load such a checkpoint.

At ZeRO 0 each rank has the whole state, and any number of ranks loads it.
"""

import os

from passk.base.errors import ConfigError
from passk.experiment.plan import Plan
from passk.experiment.stage import RlStage
from passk.files import layout
from passk.openrlhf import checkpoints


def require_same_partition(plan: Plan) -> None:
    """Raise ConfigError if a stage would resume from a checkpoint that is divided otherwise than `compute` says."""
    compute = plan.experiment.compute
    for planned in plan.stages:
        rollouts = isinstance(planned.stage, RlStage)
        ranks, product = compute.ranks(rollouts=rollouts), "nodes x gpus_per_node" if rollouts else "gpus_per_node"
        partition = None if planned.finished else checkpoints.partition(layout.checkpoints(planned.directory))
        if partition is None:
            continue
        fix = f"or delete {os.path.relpath(planned.directory)} to train the stage again"
        stage = f"the checkpoints of stage {planned.record.name}"
        written = "3" if partition.weights else "1 or 2" if partition.ranks else "0"
        if written != {0: "0", 3: "3"}.get(compute.zero_stage, "1 or 2"):
            raise ConfigError(
                "compute.zero_stage",
                f"{stage} were written with ZeRO {written}, and {compute.zero_stage} cannot load them",
                f"set it to {written}, {fix}",
            )
        if partition.ranks not in (0, ranks):
            raise ConfigError(
                "compute.gpus_per_node",
                f"{stage} were written by {partition.ranks} ranks, and {ranks} cannot load them",
                f"set {product} to {partition.ranks}, {fix}",
            )
