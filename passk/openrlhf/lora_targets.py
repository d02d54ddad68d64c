"""Check the layers that LoRA adapts before a stage starts. PEFT ignores a name that the model does not have."""

from collections.abc import Mapping
from pathlib import Path

from passk.base.errors import ConfigError, nearest
from passk.experiment.stage import RlStage, SftStage


def require_known(stages: Mapping[str, SftStage | RlStage], model: Path | str, *, trusted: bool = False) -> None:
    """Raise ConfigError for a target that no linear or embedding layer of the model has as its name.

    trusted: run code that comes with the model.
    """
    wanted = {name: stage.lora.targets for name, stage in stages.items() if stage.lora and stage.lora.targets}
    if not wanted:
        return
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(model, trust_remote_code=trusted)
    with torch.device("meta"):
        empty_model = AutoModelForCausalLM.from_config(config, trust_remote_code=trusted)
    layers = {
        name for name, module in empty_model.named_modules() if isinstance(module, torch.nn.Linear | torch.nn.Embedding)
    }
    known = layers | {name.rpartition(".")[2] for name in layers}
    for stage, targets in wanted.items():
        for target in targets:
            if target not in known:
                fix = nearest(target, {name for name in known if "." not in name})
                raise ConfigError(f"stages.{stage}.lora.targets", f"the model has no layer {target!r}", fix)
