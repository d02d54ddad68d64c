"""OpenRLHF's flags for the settings in passk/experiment/engine_settings.py."""

from typing import Any

from passk.experiment.compute import Compute
from passk.experiment.stage import RlStage, SftStage


def of_adapter(stage: SftStage | RlStage) -> dict[str, Any]:
    """Return the flags of LoRA; OpenRLHF adapts all linear layers where none is named."""
    if not stage.lora:
        return {}
    return {
        "--ds.lora.rank": stage.lora.rank,
        "--ds.lora.alpha": stage.lora.alpha,
        "--ds.lora.target_modules": stage.lora.targets,
    }


def of_loss(stage: RlStage, compute: Compute) -> dict[str, Any]:
    """Return the flags of the loss, and of what changes rewards and weights of its tokens."""
    flags: dict[str, Any] = {
        "--actor.loss_agg_mode": "token-mean" if not stage.loss or stage.loss.sums_tokens else stage.loss.mean,
        "--algo.kl.init_coef": stage.kl.coef if stage.kl else 0,
    }
    if stage.loss:
        flags["--actor.policy_loss_type"] = stage.loss.type
        flags["--actor.dual_clip"] = stage.loss.dual_clip
    if stage.kl:
        flags |= {
            "--algo.kl.estimator": stage.kl.estimator,
            "--algo.kl.use_loss": stage.kl.place == "loss",
            # The reference shares the trainer's GPUs, so a stage with it holds no more of them.
            "--train.colocate_actor_ref": True,
            "--ref.num_nodes": compute.nodes,
            "--ref.num_gpus_per_node": compute.gpus_per_node,
        }
    if correction := stage.importance_correction:
        flags |= {
            "--algo.advantage.is_correction_level": correction.level,
            "--algo.advantage.is_correction_mode": correction.mode,
            "--algo.advantage.is_correction_gating": correction.gating,
            "--algo.advantage.is_correction_threshold": correction.bounds,
        }
    if stage.overlong:
        flags["--reward.overlong_buffer_len"] = stage.overlong.buffer
        flags["--reward.overlong_penalty_factor"] = stage.overlong.penalty
    return flags
