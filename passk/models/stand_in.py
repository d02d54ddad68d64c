"""The stand-in for a HF model in a rehearsal: a tiny model with the model's own tokenizer and chat template.

Where they are not on this machine, it has a tokenizer of bytes and a template of ChatML's form.
"""

import json
from pathlib import Path

from passk.base.errors import PasskError
from passk.experiment.model import TinyModel
from passk.models.tiny import load_tokenizer, make_tiny

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML with the tiny model's end token."""
ARCHITECTURES = ("qwen2", "qwen3", "llama", "mistral")
"""Types of models that a rehearsal keeps. The first one replaces all others."""
_HEADS, _HIDDEN, _LAYERS, _FEED_FORWARD = 2, 64, 2, 128


def cached(model: str) -> Path | None:
    """Return the directory on this machine with a model's tokenizer and configuration, or None. Send no request."""
    directory = Path(model).expanduser()
    if directory.is_dir():
        return directory
    import huggingface_hub

    file = huggingface_hub.try_to_load_from_cache(model, "tokenizer_config.json") if model.count("/") == 1 else None
    return Path(file).parent if isinstance(file, str) else None


def make(tokenizer: Path | None, directory: Path, *, max_length: int, seed: int, opens_thinking: bool) -> None:
    """Write the stand-in, untrained, to `directory`.

    tokenizer: directory of the tokenizer and chat template to use; None: bytes and ChatML. opens_thinking: whether
    ChatML's prompt ends with <think>.
    """
    sizes = TinyModel(
        hidden_size=_HIDDEN,
        layers=_LAYERS,
        heads=_HEADS,
        feed_forward=_FEED_FORWARD,
        max_length=max_length,
        alphabet="bytes",
    )
    if tokenizer is None:
        make_tiny(sizes, directory, seed=seed)
        thinking = "<think>\n" if opens_thinking else ""
        template = CHATML.replace("assistant\n{% endif", f"assistant\n{thinking}{{% endif")
        (directory / "chat_template.jinja").write_text(template)
    else:
        _make_with(tokenizer, sizes, directory, seed)


def _make_with(source: Path, sizes: TinyModel, directory: Path, seed: int) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = load_tokenizer(source)
    if tokenizer.eos_token_id is None:
        raise PasskError(f"model.path: the tokenizer of {source} has no end token; choose a model with one")
    config = AutoConfig.for_model(
        _architecture(source),
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.feed_forward,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        head_dim=sizes.hidden_size // sizes.heads,
        max_position_embeddings=sizes.max_length,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
    model.to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _architecture(source: Path) -> str:
    """Return the model's type if its sizes can be cut down here. Loaders choose the tokenizer's class by this type."""
    try:
        kind = json.loads((source / "config.json").read_text())["model_type"]
    except (OSError, ValueError, KeyError, TypeError):
        return ARCHITECTURES[0]
    return kind if kind in ARCHITECTURES else ARCHITECTURES[0]
