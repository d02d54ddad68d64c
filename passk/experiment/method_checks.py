"""Checks of an rl stage's `method` with its other fields. The engine would ignore the conflict or fail late."""

from passk.base.errors import ConfigError
from passk.experiment.config import Experiment
from passk.experiment.method_field import chosen
from passk.experiment.stage import RlStage
from passk.problems.maze import ALPHABET

_PARTS = {"--ds.ring_attn_size": "attention over a ring", "--ds.tensor_parallel_size": "tensor parallelism"}
"""Flags of OpenRLHF under which a process has a part of a sequence or of its logits."""


def check(experiment: Experiment, stage: RlStage) -> None:
    """Raise ConfigError for a method that does not work with the other fields of its stage."""
    assert stage.method
    method, name = chosen(stage.method), stage.method["name"]
    if stage.kl and stage.kl.place == "reward":
        raise ConfigError(
            "name", f"{name} changes advantages, and kl in the reward is a part of them", "set kl.in to loss"
        )
    tiny = experiment.model.tiny
    if tiny and tiny.alphabet == "maze" and (strange := set(method.written) - set(ALPHABET)):
        shown = "".join(sorted(strange))[:20]
        raise ConfigError(
            "name",
            f"{name} writes {shown!r} into prompts, and the tiny model reads these letters as padding",
            f"write its text with {ALPHABET!r} alone, or set model.tiny.alphabet to bytes",
        )
    if method.needs_kl and not stage.kl:
        raise ConfigError("name", f"{name} changes the reference of the KL penalty", "add kl, as in {coef: 0.05}")
    if method.ratio_of_tokens and stage.loss and stage.loss.type == "gspo":
        raise ConfigError(
            "name", f"{name} needs a ratio per token, and gspo has one per sequence", "set loss.type to ppo"
        )
    for flag, what in _PARTS.items():
        if stage.openrlhf.get(flag, 1) != 1:
            raise ConfigError("name", f"{name} reads whole sequences, which {what} splits", f"remove {flag}")
    processes = experiment.compute.ranks(rollouts=True)
    if method.changes_groups() and stage.prompts_per_step % processes:
        raise ConfigError(
            "name",
            f"{name} needs equally many of {stage.prompts_per_step} prompts_per_step on each of {processes} GPUs",
            f"make them a multiple of {processes}",
        )
