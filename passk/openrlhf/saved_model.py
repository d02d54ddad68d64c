"""Write a trained model in HF format: merged where it has an adapter, averaged where the stage keeps an average."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openrlhf.utils.deepspeed import DeepspeedStrategy
from openrlhf.utils.distributed_util import torch_dist_barrier_and_cuda_sync
from peft import PeftModel

from passk.openrlhf import lora
from passk.openrlhf.average import Average

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UPSTREAM = DeepspeedStrategy.save_model


def write(
    strategy: DeepspeedStrategy,
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    directory: str,
    average: Average | None = None,
    **options: Any,
) -> None:
    """Write the model as OpenRLHF's `save_model` does. All ranks must call; average: on the first rank alone."""
    module = strategy._unwrap_model(model)
    if average is None and not isinstance(module, PeftModel):
        _UPSTREAM(strategy, model, tokenizer, directory, **options)
        return
    if strategy.is_rank_0():
        Path(directory).mkdir(parents=True, exist_ok=True)
        if isinstance(module, PeftModel):
            lora.write(module, tokenizer, Path(directory))
        elif average:
            average.write(module, tokenizer, Path(directory))
    torch_dist_barrier_and_cuda_sync()
