"""Gradients of groups of problems, on a model whose gradients are worked by hand and on a real tiny one."""

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM

from passk.experiment.model import TinyModel
from passk.models.interference import Response, gradients, products
from passk.models.tiny import make_tiny


class Bigram(torch.nn.Module):
    """Logits of the next token by the last one. With zeros every token has the probability 1 / 3."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(3, 3))

    def forward(self, tokens):
        return SimpleNamespace(logits=self.table[tokens])


def test_two_groups_that_want_different_tokens_in_one_place_interfere():
    found = gradients(
        Bigram(),
        [
            Response("easy", [0], [1], (1.0, 2.0)),
            Response("hard", [0], [2], (1.0, -1.0)),
            Response("other", [1], [2], (1.0, 0.0)),
        ],
        1.0,
    )
    # e_1 - p = (-1, 2, -1) / 3 and e_2 - p = (-1, -1, 2) / 3, in the row of token 0; the third one in that of token 1
    torch.testing.assert_close(found["easy"][0], torch.tensor([-1.0, 2, -1, 0, 0, 0, 0, 0, 0]) / 3)
    torch.testing.assert_close(found["easy"][1], 2 * found["easy"][0])
    assert products(found["easy"][0], found["hard"][0]) == pytest.approx((-1 / 3, -0.5))
    assert products(found["easy"][0], found["hard"][1]) == pytest.approx((1 / 3, 0.5))
    assert products(found["easy"][0], found["other"][0]) == (0.0, 0.0)
    assert products(found["easy"][0], found["other"][1]) == (0.0, 0.0), "of a gradient of 0"


def test_the_temperature_divides_the_logits_and_a_response_without_weight_or_tokens_counts_nothing():
    found = gradients(
        Bigram(),
        [
            Response("a", [0], [1, 1], (1.0,)),
            Response("a", [0], [], (1.0,)),
            Response("b", [0], [1], (0.0,)),
        ],
        0.5,
    )
    assert set(found) == {"a"}
    # Twice the gradient of each token, in the rows of tokens 0 and 1.
    torch.testing.assert_close(found["a"][0], torch.tensor([-2.0, 4, -2, -2, 4, -2, 0, 0, 0]) / 3)


def test_the_gradient_on_a_tiny_model_is_that_of_plain_autograd(tmp_path):
    make_tiny(TinyModel(hidden_size=32, heads=1, layers=1, feed_forward=32, alphabet="bytes"), tmp_path, seed=1)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="float32").eval()
    responses = [
        Response("easy", [5, 6], [7, 8, 9], (0.5,)),
        Response("easy", [5], [9, 7], (-0.25,)),
        Response("hard", [6, 6], [8], (1.0,)),
    ]
    found = gradients(model, responses, 0.8)
    loss = torch.zeros(())
    for weight, tokens, start in ((0.5, [5, 6, 7, 8, 9], 2), (-0.25, [5, 9, 7], 1)):
        log_probs = (model(torch.tensor([tokens])).logits[0] / 0.8).log_softmax(-1)
        loss = loss + weight * sum(log_probs[at - 1, tokens[at]] for at in range(start, len(tokens)))
    loss.backward()
    expected = torch.cat([each.grad.flatten() for each in model.parameters()])
    torch.testing.assert_close(found["easy"][0], expected, atol=1e-6, rtol=1e-4)
    inner, cosine = products(found["easy"][0], found["hard"][0])
    assert inner == pytest.approx(float((expected.double() * found["hard"][0].double()).sum()), rel=1e-3)
    assert -1 <= cosine <= 1
