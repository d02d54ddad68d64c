"""LoRA: hand vLLM and the saved model the weights of the base with the adapter merged in.

OpenRLHF 0.11.2 sends vLLM the parameters of the PEFT model under names that vLLM does not know. It saves the adapter
alone. passk merges W + alpha / rank * B A in fp32 and rounds once to the type of W. The trained base stays unchanged.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class MergedWeight:
    """The weight of a layer with its adapter added. A read of `data` computes it, so no second model is in memory."""

    requires_grad = True

    def __init__(self, layer: LoraLayer) -> None:
        self._layer, self._base = layer, layer.get_base_layer().weight
        self.shape, self.dtype = self._base.shape, self._base.dtype

    @property
    def data(self) -> torch.Tensor:
        merged = self._base.detach().float()
        for adapter in self._layer.active_adapters:
            merged = merged + self._layer.get_delta_weight(adapter).detach().float()
        return merged.to(self.dtype)


def merged_parameters(model: PeftModel) -> Iterator[tuple[str, torch.nn.Parameter | MergedWeight]]:
    """Yield name and weight of each parameter of the merged model, with the names of the model without an adapter."""
    base = model.get_base_model()
    layers = {name: module for name, module in base.named_modules() if isinstance(module, LoraLayer)}
    for name, parameter in base.named_parameters():
        layer, _, parameter_name = name.partition(".base_layer.")
        if any(part.startswith("lora_") for part in name.split(".")):
            continue
        if parameter_name == "weight":
            yield f"{layer}.weight", MergedWeight(layers[layer])
        else:
            yield (f"{layer}.{parameter_name}" if parameter_name else layer), parameter


def sendable(model: PeftModel) -> SimpleNamespace:
    """Return what OpenRLHF's broadcast reads of its actor, with the parameters of the merged model."""
    module = SimpleNamespace(named_parameters=lambda: merged_parameters(model))
    return SimpleNamespace(model=SimpleNamespace(module=module))


def write(model: PeftModel, tokenizer: "PreTrainedTokenizerBase", directory: Path) -> None:
    """Write the merged model in HF format."""
    base = model.get_base_model()
    weights = {name: parameter.data.detach().cpu().clone() for name, parameter in merged_parameters(model)}
    base.save_pretrained(directory, state_dict=weights)
    base.config.to_json_file(directory / "config.json")
    tokenizer.save_pretrained(directory)
