"""The sizes of a HF model, from its config.json on this machine or from the table of published ones."""

import json
from pathlib import Path
from typing import Any

from passk.experiment.needs import Shape

# hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads, intermediate_size, vocab_size and
# tie_word_embeddings of the published config.json. A bias of the queries, keys and values is not counted.
_FIELDS = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size",
    "tie_word_embeddings",
)  # fmt: skip
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B": (896, 24, 14, 2, 4864, 151936, True),
    "Qwen/Qwen2.5-1.5B": (1536, 28, 12, 2, 8960, 151936, True),
    "Qwen/Qwen2.5-3B": (2048, 36, 16, 2, 11008, 151936, True),
    "Qwen/Qwen2.5-7B": (3584, 28, 28, 4, 18944, 152064, False),
}


def shape(model: str) -> Shape | None:
    """Return the sizes of a model by name or directory, or None if they are not known on this machine.

    Only dense decoders with a gated feed-forward layer are known, such as Qwen2, Qwen3, Llama and Mistral.
    """
    config = _config(model)
    if config is not None:
        try:
            return _of(config[1], str(config[0]))
        except (KeyError, TypeError, ValueError):
            return None
    name = model.removesuffix("-Instruct")
    if name in PUBLISHED:
        fields = dict(zip(_FIELDS, PUBLISHED[name], strict=True))
        return _of(fields, f"config.json of {name}, copied into passk/models/shapes.py")
    return None


def _config(model: str) -> tuple[str, dict[str, Any]] | None:
    """Return the name of a model's config.json and its content. Send no request."""
    file = Path(model).expanduser() / "config.json"
    where = str(file)
    if not file.is_file():
        import huggingface_hub

        found = huggingface_hub.try_to_load_from_cache(model, "config.json") if model.count("/") == 1 else None
        if not isinstance(found, str):
            return None
        file, where = Path(found), f"config.json of {model} in the hub's cache"
    try:
        return where, json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return None


def _of(config: dict[str, Any], source: str) -> Shape:
    hidden, layers, heads, kv_heads, feed_forward, vocabulary = (int(config[name]) for name in _FIELDS[:6])
    if any("expert" in name for name in config):
        raise ValueError("a mixture of experts")
    head_size = int(config.get("head_dim") or hidden // heads)
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    attention = 2 * hidden * heads * head_size + 2 * hidden * kv_heads * head_size
    parameters = embeddings + layers * (attention + 3 * hidden * feed_forward + 2 * hidden) + hidden
    return Shape(parameters, layers, hidden, kv_heads, head_size, vocabulary, source)
