"""The size of a model, from its config.json and the headers of its weights. Nothing is loaded."""

import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from passk.base.errors import ConfigError, one_line
from passk.experiment.model import TinyModel
from passk.models import remote_code

_LARGEST_HEADER = 2**27
_ALPHABETS = {"maze": 16, "bytes": 258}
"""Upper bounds of a tiny model's vocabulary."""


@dataclass(frozen=True)
class ModelSize:
    """Numbers of a decoder that decide its memory."""

    weights: int
    layers: int
    hidden_size: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int | None
    """Longest sequence in tokens, None if the configuration does not say."""

    @property
    def kv_bytes(self) -> int:
        """Bytes of the keys and values of one token in bf16."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_size

    @classmethod
    def of_tiny(cls, tiny: TinyModel) -> Self:
        """Return the size of a model from scratch."""
        config = {
            "num_hidden_layers": tiny.layers,
            "hidden_size": tiny.hidden_size,
            "intermediate_size": tiny.feed_forward,
            "num_attention_heads": tiny.heads,
            "vocab_size": _ALPHABETS[tiny.alphabet],
            "max_position_embeddings": tiny.max_length,
            "tie_word_embeddings": tiny.tie_word_embeddings,
        }
        return cls.of_config(config)

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> Self:
        """Return the size of a model by the fields of its config.json. Raise KeyError if one is missing."""
        return cls._of(config, None)

    @classmethod
    def of(cls, model: Path | str) -> Self | None:
        """Return the size of a model in a directory, or of a hub model in the cache.

        Return None without a config.json or for one that does not describe a decoder. Raise ConfigError for one that
        is not readable.
        """
        directory = Path(model).expanduser()
        files = directory if directory.is_dir() else remote_code.cached(str(model))
        if files is None or not (files / "config.json").is_file():
            return None
        try:
            config = json.loads((files / "config.json").read_text(encoding="utf-8"))
            return cls._of(config.get("text_config", config), _stored(files))
        except (OSError, ValueError, struct.error, AttributeError, TypeError, RecursionError) as error:
            reason = one_line(error, 200)
            raise ConfigError(
                "model.path",
                f"{model}: config.json does not describe a model ({reason})",
                "restore the file",
            ) from None
        except KeyError:
            return None

    @classmethod
    def _of(cls, config: dict[str, Any], weights: int | None) -> Self:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        size = cls(
            weights=0,
            layers=int(config["num_hidden_layers"]),
            hidden_size=hidden,
            feed_forward=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            vocabulary=int(config["vocab_size"]),
            context=config.get("max_position_embeddings"),
        )
        return replace(size, weights=size._counted(config) if weights is None else weights)

    def _counted(self, config: dict[str, Any]) -> int:
        """Return the number of weights of a Llama-like decoder; each expert of a mixture counts."""
        experts = int(config.get("num_local_experts") or config.get("num_experts") or 1)
        feed_forward = int((experts > 1 and config.get("moe_intermediate_size")) or self.feed_forward)
        attention = 2 * self.hidden_size * self.head_size * (self.heads + self.kv_heads)
        layer = attention + 3 * experts * self.hidden_size * feed_forward + 2 * self.hidden_size
        embeddings = self.vocabulary * self.hidden_size * (1 if config.get("tie_word_embeddings") else 2)
        return embeddings + self.layers * layer + self.hidden_size


def _stored(directory: Path) -> int | None:
    """Return the number of weights in the safetensors files, or None without such files."""
    files = list(directory.glob("*.safetensors"))
    return sum(map(_in_file, files)) if files else None


def _in_file(file: Path) -> int:
    """Return the number of weights that a safetensors file's header lists. Source: safetensors' format."""
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        if length > _LARGEST_HEADER:
            raise ValueError(f"{file.name} has a header of {length} bytes")
        header = json.loads(opened.read(length))
    total = 0
    for name, entry in header.items():
        if name != "__metadata__":
            count = 1
            for size in entry["shape"]:
                count *= size
            total += count
    return total
