"""The tiny model is what OpenRLHF and vLLM load by its directory: with the tokenizer that they will use."""

import hashlib

import pytest

from passk import problems
from passk.base.errors import PasskError
from passk.experiment.model import TinyModel
from passk.models.tiny import has_chat_template, load_tokenizer, make_tiny
from passk.problems.maze import MazeProblems


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    make_tiny(TinyModel(), directory, seed=1)
    return directory


def test_the_tokenizer_that_others_load_loses_no_character_of_a_problem(directory):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    spec = MazeProblems(source="maze", split="train", size=20)
    for problem in problems.generate(spec, 1):
        text = problem.prompt + problem.demonstration + "$"
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert len(tokens) == len(text)
        assert tokens[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(tokens) == text
        assert tokenizer.decode(tokens, skip_special_tokens=True) == text[:-1]
    assert len(tokenizer) == 12


def test_a_model_of_bytes_reads_and_writes_any_text(tmp_path):
    from transformers import AutoTokenizer

    make_tiny(TinyModel(alphabet="bytes"), tmp_path, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = "What is 3 + 4?\n\t“Sieben” — 七 🙂 \x00\x7f\xff"
    tokens = tokenizer(text + "<|end|>", add_special_tokens=False)["input_ids"]
    assert len(tokens) == len(text.encode()) + 1 and tokens[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(tokens, skip_special_tokens=True) == text
    assert len(tokenizer) == 258


def test_the_vocabularies_are_those_of_the_models_that_were_trained_before(directory, tmp_path):
    from transformers import AutoTokenizer

    def symbols(model):
        tokenizer = AutoTokenizer.from_pretrained(model)
        return tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))

    make_tiny(TinyModel(alphabet="bytes"), tmp_path, seed=1)
    assert symbols(directory) == ["<pad>", "$", *"ĊSE.*LRUD>"]
    pad, end, *of_bytes = symbols(tmp_path)
    assert (pad, end) == ("<pad>", "<|end|>") and len(of_bytes) == 256
    # in the order of the bytes, and not of the characters that they are spelled by
    assert "".join(of_bytes[9:14]) == "ĉĊċČč" and "".join(of_bytes[32:127]) == "Ġ" + "".join(map(chr, range(33, 127)))
    digest = "3bd96da9fcd14021199c10cd38baa447294f336f25d71c2881b5cfabaf6f7c28"
    assert hashlib.sha256("".join(of_bytes).encode()).hexdigest() == digest


def test_the_same_seed_makes_the_same_model_and_another_seed_another(directory, tmp_path):
    def weights(seed: int) -> bytes:
        make_tiny(TinyModel(), tmp_path / str(seed), seed=seed)
        return (tmp_path / str(seed) / "model.safetensors").read_bytes()

    assert weights(1) == (directory / "model.safetensors").read_bytes()
    assert weights(2) != weights(1)


def test_a_tied_model_has_one_tensor_for_embeddings_and_head(tmp_path):
    from safetensors import safe_open
    from transformers import AutoModelForCausalLM

    def names(tied: bool) -> set[str]:
        make_tiny(TinyModel(tie_word_embeddings=tied), tmp_path / str(tied), seed=1)
        with safe_open(tmp_path / str(tied) / "model.safetensors", framework="pt") as file:
            return set(file.keys())

    assert names(False) - names(True) == {"lm_head.weight"}
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "True")
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_a_chat_template_is_used_where_a_model_has_one(directory, tmp_path):
    assert not has_chat_template(directory)
    assert not has_chat_template(str(directory))
    assert not has_chat_template(tmp_path / "not made yet")
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    assert has_chat_template(str(tmp_path))


@pytest.mark.parametrize("file", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_tokenizer_file_is_one_line_that_names_the_model(tmp_path, file, content):
    make_tiny(TinyModel(), tmp_path / "model", seed=1)
    (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(PasskError, match=rf"^{tmp_path}/model: its tokenizer cannot be read \(.*\); restore it, or"):
        has_chat_template(tmp_path / "model")
        load_tokenizer(tmp_path / "model")
