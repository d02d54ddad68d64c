"""The exponential moving average of the policy's weights (`ema`), which becomes the stage's model.

OpenRLHF 0.11.2 has an average in bf16, in which updates of the usual size round to nothing. Its checkpoints lack it.
passk keeps its own: in fp32 on the CPU of the first rank, and in each checkpoint.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from passk.files import durable

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FILE = "average.pt"
"""Name in a checkpoint's directory."""


class Average:
    """Average of the trained weights: average = beta * average + (1 - beta) * weights after each optimizer step."""

    def __init__(self, model: torch.nn.Module, beta: float) -> None:
        self.beta = beta
        self.weights = {name: _copied(each) for name, each in model.named_parameters() if each.requires_grad}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        """Take the weights after an optimizer step in."""
        for name, parameter in model.named_parameters():
            if name in self.weights:
                self.weights[name].lerp_(_copied(parameter), 1 - self.beta)

    def save(self, checkpoint: Path) -> None:
        """Write the average into a checkpoint's directory."""
        with durable.telling_when_full(checkpoint / FILE):
            torch.save(self.weights, checkpoint / FILE)

    def load(self, checkpoint: Path) -> None:
        """Read the average of a checkpoint."""
        self.weights = torch.load(checkpoint / FILE, weights_only=True)

    def write(self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", directory: Path) -> None:
        """Write the averaged model in HF format, in the type of the model's weights."""
        names = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
        weights = {}
        for name, tensor in model.state_dict().items():  # has tied weights twice
            averaged = self.weights.get(names.get(tensor.data_ptr(), name))
            weights[name] = tensor.detach().cpu().clone() if averaged is None else averaged.to(tensor.dtype)
        model.save_pretrained(directory, state_dict=weights)
        model.config.to_json_file(directory / "config.json")
        tokenizer.save_pretrained(directory)


def _copied(parameter: torch.nn.Parameter) -> torch.Tensor:
    return parameter.detach().to("cpu", torch.float32, copy=True)
