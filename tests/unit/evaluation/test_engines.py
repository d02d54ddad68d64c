"""The next checkpoint in a running engine: its weights are compared with the checkpoint's own."""

import json
import sys
from types import SimpleNamespace
from typing import ClassVar

import pytest

from passk.evaluation.engines import Engine, NotLoaded
from passk.evaluation.request import Request
from passk.experiment.model import TinyModel
from passk.models import log_probs
from passk.models.tiny import make_tiny


class LLM:
    """A stand-in for vllm.LLM that has the log-probabilities of the model it was given, if it takes reloads."""

    started: ClassVar[list["LLM"]] = []
    takes_reloads = True

    def __init__(self, model: str) -> None:
        self.model = model
        self.calls: list[str] = []
        self.started.append(self)
        self.llm_engine = SimpleNamespace(engine_core=SimpleNamespace(shutdown=lambda: self.calls.append("shutdown")))

    def collective_rpc(self, name, kwargs):
        assert name == "reload_weights"
        if self.takes_reloads:
            self.model = kwargs["weights_path"]

    def reset_prefix_cache(self):
        self.calls.append("reset")

    def generate(self, prompt, settings, use_tqdm):
        self.calls.append("generate")
        assert settings.max_tokens == 1 and settings.temperature == 0 and settings.prompt_logprobs == 0
        tokens = prompt["prompt_token_ids"]
        _, found = log_probs.of_checkpoint(self.model)
        entries = [{token: SimpleNamespace(logprob=value)} for token, value in zip(tokens[1:], found, strict=True)]
        return [SimpleNamespace(prompt_logprobs=[None, *entries])]


@pytest.fixture
def engine(monkeypatch):
    fake = SimpleNamespace(LLM=LLM, SamplingParams=lambda **settings: SimpleNamespace(**settings))
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.setattr(LLM, "started", [])
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def requests_(tmp_path_factory):
    """Two models of one shape, far apart."""
    found = []
    for seed in (1, 2):
        directory = tmp_path_factory.mktemp(f"model{seed}")
        make_tiny(TinyModel(tie_word_embeddings=True), directory, seed=seed)
        scaled(directory, 30.0)
        found.append(Request({"config": {"samples": 1}}, str(directory), "problems", "directory", {}))
    assert found[0].shape == found[1].shape
    return found


def scaled(directory, factor: float) -> None:
    """Multiply the embeddings, so that an untrained model has opinions."""
    import safetensors.torch

    file = directory / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    tensors["model.embed_tokens.weight"] *= factor
    safetensors.torch.save_file(tensors, file, metadata={"format": "pt"})
    assert json.loads((directory / "config.json").read_text())["tie_word_embeddings"]


def test_a_first_model_is_not_compared_and_the_next_is_after_each_reload(engine, requests_, capsys):
    first, second = requests_
    engine.load(first)
    assert LLM.started[0].calls == []
    engine.load(second)
    # Neither the old model's prefixes nor those of the comparison are left.
    assert LLM.started[0].calls == ["reset", "generate", "reset"]
    engine.load(second)
    engine.load(first)
    assert LLM.started[0].calls == ["reset", "generate", "reset"] * 2 and len(LLM.started) == 1
    assert capsys.readouterr().out.count("fixed tokens are 0 nats off on average") == 2


def test_an_engine_that_kept_the_old_weights_is_given_up_with_one_line(engine, requests_, monkeypatch):
    first, second = requests_
    engine.load(first)
    monkeypatch.setattr(LLM, "takes_reloads", False)
    with pytest.raises(NotLoaded, match=f"^model: {second.model}: vLLM does not have the model's weights"):
        engine.load(second)
    assert LLM.started[0].calls[-1] == "shutdown"
    engine.load(second)
    assert [llm.model for llm in LLM.started] == [first.model, second.model], "a new engine for the next request"
