"""One request for the responses to a prompt: what each caller gets, and which requests may not be shared."""

import asyncio
from types import SimpleNamespace

import pytest

from passk.openrlhf.shared_request import OncePerPrompt, SharedRequest, shareable


def parameters(seed=None, temperature=1.0):
    return SimpleNamespace(seed=seed, temperature=temperature, n=1)


def test_each_caller_gets_its_own_response_to_one_request():
    sent = []

    async def send(params):
        sent.append(params.n)
        await asyncio.sleep(0)
        return SimpleNamespace(prompt="p", outputs=[f"response {number}" for number in range(params.n)])

    async def collect():
        request = SharedRequest(3)
        return await asyncio.gather(*(request.next(send, parameters()) for _ in range(3)))

    outputs = asyncio.run(collect())
    assert sent == [3]
    assert [output.outputs for output in outputs] == [["response 0"], ["response 1"], ["response 2"]]
    assert {output.prompt for output in outputs} == {"p"}


def test_an_error_of_the_request_reaches_every_caller():
    async def send(params):
        raise RuntimeError("the engine died")

    async def collect():
        request = SharedRequest(2)
        return await asyncio.gather(*(request.next(send, parameters()) for _ in range(2)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(collect())] == ["the engine died"] * 2


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (parameters(), True),
        (parameters(temperature=0.2), True),
        (parameters(seed=0), False),
        (parameters(temperature=0.0), False),
    ],
)
def test_a_seeded_or_greedy_response_needs_a_request_of_its_own(params, expected):
    assert shareable(params) is expected


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
