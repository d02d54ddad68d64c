"""The size of a model comes from its files, else from the table of published ones, and names its source."""

import json

import pytest

from passk.models import published_sizes
from passk.models.model_size import ModelSize

# The model's cards on the hub: parameters in billions, embeddings once where they are tied.
CARDS = {
    "Qwen/Qwen2.5-0.5B": 0.494,
    "Qwen/Qwen2.5-1.5B": 1.544,
    "Qwen/Qwen2.5-3B": 3.086,
    "Qwen/Qwen2.5-7B": 7.616,
}


@pytest.mark.parametrize("name", published_sizes.PUBLISHED)
def test_the_published_sizes_have_the_published_number_of_parameters(name, monkeypatch):
    monkeypatch.setattr(ModelSize, "of", classmethod(lambda cls, model: None))  # whatever the cache of this machine has
    size, source = published_sizes.find(f"{name}-Instruct")
    assert size.weights / 1e9 == pytest.approx(CARDS[name], abs=0.001)
    assert source == f"config.json of {name}, copied into passk/models/published_sizes.py"


def test_files_on_this_machine_come_first_and_an_unknown_model_has_no_size(tmp_path):
    config = dict.fromkeys(("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"), 8)
    (tmp_path / "config.json").write_text(json.dumps({**config, "vocab_size": 16}))
    size, source = published_sizes.find(str(tmp_path))
    assert (size.layers, size.vocabulary) == (8, 16)
    assert source == f"config.json of {tmp_path} on this machine"
    assert published_sizes.find("nobody-of-this-name/no-such-model") is None
