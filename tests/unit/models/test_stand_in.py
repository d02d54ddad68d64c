"""The stand-in of a rehearsal has the tokenizer and chat template of the model that it stands for."""

import json

import pytest

from passk.experiment.model import TinyModel
from passk.models import shapes, stand_in
from passk.models.tiny import has_chat_template, load_tokenizer, make_tiny

TURNS = [{"role": "user", "content": "1 + 1 = ?"}]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    make_tiny(TinyModel(alphabet="bytes"), directory, seed=1)
    (directory / "chat_template.jinja").write_text("{% for m in messages %}[{{ m.content }}]{% endfor %}>")
    return directory


def prompt(directory) -> str:
    return load_tokenizer(directory).apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)


def test_a_model_on_this_machine_lends_its_tokenizer_and_chat_template(model, tmp_path):
    from transformers import AutoModelForCausalLM

    made = tmp_path / "made"
    stand_in.make(stand_in.cached(str(model)), made, max_length=64, seed=3, opens_thinking=False)
    assert prompt(made) == prompt(model) == "[1 + 1 = ?]>"
    assert load_tokenizer(made).get_vocab() == load_tokenizer(model).get_vocab()
    loaded = AutoModelForCausalLM.from_pretrained(made)
    assert (loaded.config.model_type, loaded.config.max_position_embeddings) == ("qwen2", 64)


@pytest.mark.parametrize("thinking", [False, True])
def test_without_the_tokenizer_bytes_and_chatml_stand_in(tmp_path, thinking):
    assert stand_in.cached("nobody-of-this-name/no-such-model") is None
    stand_in.make(None, tmp_path, max_length=64, seed=3, opens_thinking=thinking)
    assert has_chat_template(tmp_path)
    text = prompt(tmp_path)
    assert text.startswith("<|im_start|>user\n1 + 1 = ?<|end|>\n<|im_start|>assistant\n")
    assert text.endswith("<think>\n") == thinking


def test_the_sizes_of_a_model_are_those_of_its_weights(model):
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model)
    biases = sum(tensor.numel() for name, tensor in loaded.named_parameters() if name.endswith("bias"))
    found = shapes.shape(str(model))
    assert found is not None and found.parameters == loaded.num_parameters() - biases
    assert str(model) in found.source


def test_the_published_sizes_have_the_published_number_of_parameters():
    found = shapes.shape("Qwen/Qwen2.5-7B-Instruct")
    assert found is not None
    assert found.parameters / 1e9 == pytest.approx(7.62, abs=0.01)  # the model's card
    assert found.kv_bytes == 56 * 1024
    assert shapes.shape("nobody-of-this-name/no-such-model") is None


def test_a_mixture_of_experts_has_no_estimate(model, tmp_path):
    config = json.loads((model / "config.json").read_text()) | {"num_experts": 8}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shapes.shape(str(tmp_path)) is None
