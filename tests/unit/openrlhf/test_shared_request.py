"""One request for the responses to a prompt: what each caller gets, and which requests may not be shared."""

import asyncio
from copy import deepcopy
from types import SimpleNamespace

import pytest

from passk.openrlhf.shared_request import OncePerPrompt, SharedRequest, Uncopied, shareable


def parameters(seed=None, temperature=1.0, max_tokens=8):
    return SimpleNamespace(seed=seed, temperature=temperature, max_tokens=max_tokens, n=1)


def test_each_caller_gets_its_own_response_to_one_request():
    sent = []

    async def send(params):
        sent.append(params.n)
        await asyncio.sleep(0)
        return SimpleNamespace(prompt="p", outputs=[f"response {number}" for number in range(params.n)])

    async def collect():
        request = SharedRequest(3, parameters())
        return await asyncio.gather(*(request.next(send) for _ in range(3)))

    outputs = asyncio.run(collect())
    assert sent == [3]
    assert [output.outputs for output in outputs] == [["response 0"], ["response 1"], ["response 2"]]
    assert {output.prompt for output in outputs} == {"p"}


def test_an_error_of_the_request_reaches_every_caller():
    async def send(params):
        raise RuntimeError("the engine died")

    async def collect():
        request = SharedRequest(2, parameters())
        return await asyncio.gather(*(request.next(send) for _ in range(2)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(collect())] == ["the engine died"] * 2


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (parameters(), True),
        (parameters(temperature=0.2), True),
        (parameters(seed=0), False),
        (parameters(temperature=0.0), False),
        (parameters(max_tokens=None), False),
    ],
)
def test_a_response_that_is_seeded_greedy_or_without_a_limit_needs_a_request_of_its_own(params, expected):
    assert shareable(params) is expected


def test_parameters_are_read_but_not_copied():
    params = Uncopied(parameters(max_tokens=5))
    assert deepcopy(params) is params
    assert params.max_tokens == 5


def test_a_prompt_is_encoded_once():
    asked = []

    class Tokenizer:
        def __call__(self, text):
            asked.append(text)
            return (1, 2)

        def decode(self, tokens):
            return f"text of {tokens}"

    tokenizer = OncePerPrompt(Tokenizer())
    assert [tokenizer(text="a"), tokenizer(text="a"), tokenizer(text="b")] == [(1, 2)] * 3
    assert asked == ["a", "b"]
    assert tokenizer.decode([3]) == "text of [3]"
