"""The stand-in of a rehearsal has the tokenizer and chat template of the model that it stands for."""

import pytest

from passk.experiment.model import TinyModel
from passk.models import stand_in
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
