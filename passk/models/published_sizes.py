"""The sizes of a HF model: from its files on this machine, else from a copy of its published config.json."""

from passk.models.model_size import ModelSize

# Fields of the published config.json. A bias of the queries, keys and values is not counted.
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


def find(model: str) -> tuple[ModelSize, str] | None:
    """Return the size of a model by name or directory and its source, or None if it is not known on this machine.

    Raise ConfigError for a config.json that is not readable. Send no request.
    """
    if size := ModelSize.of(model):
        return size, f"config.json of {model} on this machine"
    name = model.removesuffix("-Instruct")
    if name not in PUBLISHED:
        return None
    config = dict(zip(_FIELDS, PUBLISHED[name], strict=True))
    return ModelSize.of_config(config), f"config.json of {name}, copied into passk/models/published_sizes.py"
