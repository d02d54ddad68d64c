"""The size of a model, from its files alone."""

import json

import pytest

from passk.base.errors import ConfigError
from passk.experiment.model import TinyModel
from passk.models.model_size import ModelSize
from passk.models.tiny import make_tiny

SMOLLM2 = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip
QWEN3_MOE = {
    "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128, "head_dim": 128,
    "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 151936,
    "max_position_embeddings": 40960, "tie_word_embeddings": False,
}  # fmt: skip


def written(directory, config):
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def test_the_weights_of_a_configuration_are_those_of_the_model(tmp_path):
    size = ModelSize.of(written(tmp_path, SMOLLM2))
    assert (size.weights, size.context, size.kv_bytes) == (134_515_008, 8192, 2 * 2 * 30 * 3 * 64)
    # without the routers and the norms of heads, which are a thousandth
    assert ModelSize.of(written(tmp_path, QWEN3_MOE)).weights == pytest.approx(30.53e9, rel=2e-3)
    assert ModelSize.of(written(tmp_path, {"text_config": SMOLLM2, "vision_config": {}})) == size


@pytest.mark.parametrize("tied", [True, False])
def test_the_headers_of_the_weights_count_them(tmp_path, tied):
    tiny = TinyModel(tie_word_embeddings=tied)
    make_tiny(tiny, tmp_path, seed=1)
    stored = ModelSize.of(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    counted = ModelSize.of(tmp_path)
    biases = tiny.layers * 3 * tiny.hidden_size  # Qwen2 has biases in its attention
    assert stored.weights == counted.weights + biases
    assert ModelSize.of_tiny(tiny).weights == pytest.approx(stored.weights, rel=0.05)


@pytest.mark.parametrize("text", ["[", "[]", '{"num_attention_heads": "many", "hidden_size": 1}'])
def test_a_damaged_configuration_is_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"^model.path: .*config.json does not describe a model"):
        ModelSize.of(tmp_path)


def test_a_model_without_these_fields_has_no_size(tmp_path):
    assert ModelSize.of(tmp_path) is None
    assert ModelSize.of(written(tmp_path, {"model_type": "unusual"})) is None
    written(tmp_path, SMOLLM2)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(ConfigError, match="header of"):
        ModelSize.of(tmp_path)
