"""The average of the weights: exact where a bf16 average would stand still, and in each checkpoint."""

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM

from passk.openrlhf.average import Average
from tests.unit.openrlhf.test_lora import log_probs, model

NO_TOKENIZER = SimpleNamespace(save_pretrained=lambda directory: None)


def test_it_is_the_exponential_average_of_the_weights_after_each_step():
    trained = torch.nn.Linear(1, 1, bias=False).to(torch.bfloat16)
    trained.weight.data.fill_(1.0)
    average, expected = Average(trained, 0.9), 1.0
    for weight in (1.0078125, 1.015625, 0.9921875):
        trained.weight.data.fill_(weight)
        average.update(trained)
        expected = 0.9 * expected + 0.1 * weight
    # In bf16 each of these steps would round to 1, which is what OpenRLHF's average does.
    assert float(average.weights["weight"]) == pytest.approx(expected, abs=1e-6) != 1.0


def test_a_resumed_average_goes_on_where_the_checkpoint_had_it(tmp_path):
    trained = model()
    average = Average(trained, 0.5)
    trained.model.norm.weight.data += 1
    average.update(trained)
    average.save(tmp_path)
    resumed = Average(trained, 0.5)
    assert not torch.equal(resumed.weights["model.norm.weight"], average.weights["model.norm.weight"])
    resumed.load(tmp_path)
    trained.model.norm.weight.data += 1
    for each in (average, resumed):
        each.update(trained)
    assert all(torch.equal(resumed.weights[name], average.weights[name]) for name in average.weights)


@pytest.mark.parametrize("tied", [False, True])
def test_the_written_model_is_the_average_and_not_the_trained_one(tmp_path, tied):
    trained = model(tied=tied).to(torch.bfloat16)
    before = log_probs(trained)
    average = Average(trained, 0.5)
    for parameter in trained.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    average.write(trained, NO_TOKENIZER, tmp_path)  # not updated: still the start
    read = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert read.config.tie_word_embeddings == tied
    assert torch.allclose(log_probs(read.to(torch.bfloat16)).float(), before.float(), atol=0.05)
    assert not torch.allclose(log_probs(trained).float(), before.float(), atol=0.05)
