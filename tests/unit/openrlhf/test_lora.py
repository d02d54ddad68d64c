"""The merged model is the model that was trained: for vLLM by name and value, and in its directory."""

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

TOKENS = torch.arange(3, 19)[None]


@pytest.fixture
def lora():
    """passk.openrlhf.lora, which loads peft: no other process of the tests has to."""
    from passk.openrlhf import lora

    return lora


def model(*, tied: bool = False) -> Qwen2ForCausalLM:
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=tied, initializer_range=0.2,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).eval()


def adapted(base: Qwen2ForCausalLM, targets="all-linear"):
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=targets, bias="none")
    found = get_peft_model(base, config)
    for name, parameter in found.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return found


def log_probs(found) -> torch.Tensor:
    with torch.no_grad():
        return found(TOKENS).logits.log_softmax(-1)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "down_proj"]])
def test_the_merged_weights_have_the_bases_names_and_the_adapted_models_log_probabilities(lora, tied, targets):
    plain = model(tied=tied)
    found = adapted(model(tied=tied), targets)
    expected = log_probs(found)
    assert not torch.allclose(expected, log_probs(plain), atol=0.01), "the adapter changes something"
    sent = dict(lora.merged_parameters(found))
    shapes = {name: (each.shape, each.dtype) for name, each in plain.named_parameters()}
    assert {name: (each.shape, each.dtype) for name, each in sent.items()} == shapes
    plain.load_state_dict({name: each.data for name, each in sent.items()}, strict=not tied)
    assert torch.allclose(log_probs(plain), expected, atol=1e-4)
    assert torch.allclose(log_probs(found), expected), "and the adapter is as it was"


def test_a_written_model_needs_no_adapter(lora, tmp_path):
    found = adapted(model())
    saved = SimpleNamespace(save_pretrained=lambda directory: (directory / "tokenizer").write_text(""))
    lora.write(found, saved, tmp_path)
    assert {"config.json", "model.safetensors", "tokenizer"} <= {path.name for path in tmp_path.iterdir()}
    assert not list(tmp_path.glob("adapter*"))
    read = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.allclose(log_probs(read), log_probs(found), atol=1e-4)


def test_a_bfloat16_weight_is_rounded_once(lora, tmp_path):
    found = adapted(model().to(torch.bfloat16))
    for name, each in lora.merged_parameters(found):
        if isinstance(each, lora.MergedWeight):
            layer = found.get_base_model().get_submodule(name.removesuffix(".weight"))
            exact = layer.base_layer.weight.double() + 2 * (
                layer.lora_B["default"].weight.double() @ layer.lora_A["default"].weight.double()
            )
            assert each.dtype == each.data.dtype == torch.bfloat16
            assert ((each.data.double() - exact).abs() <= exact.abs() * 2**-8 + 2**-9).all()
