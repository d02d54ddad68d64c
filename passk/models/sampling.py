"""What every evaluation with vLLM shares: the parameters of sampling, and the verdicts of a problem's responses.

passk/evaluation/generate.py samples finished checkpoints. passk/openrlhf/held_out.py samples the policy between its
training steps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from passk.base.errors import PasskError
from passk.verifiers import AnswerError, Verdict
from passk.verifiers.extract import as_read

Submit = Callable[[str, str, str], "Future[Verdict]"]
"""Function that judges: verifier, response, gold answer -> future verdict."""


def parameters(benchmark: Mapping[str, Any]) -> dict[str, Any]:
    """Return vLLM's SamplingParams of a benchmark's settings, without seeds and log-probabilities."""
    return {
        "temperature": benchmark["temperature"],
        "top_p": benchmark["top_p"],
        "max_tokens": benchmark["max_response"],
        "skip_special_tokens": True,
    } | ({"stop": list(benchmark["stop"])} if benchmark["stop"] else {})


def stopping(params: Any, stop: Sequence[str]) -> Any:
    """Return vLLM's SamplingParams of a rollout that ends at one of the texts `stop`.

    OpenRLHF asks for one token at least, and vLLM looks for no stop text in as many tokens.
    """
    import msgspec

    return msgspec.structs.replace(params, stop=list(stop), min_tokens=0)


def submitted(
    submit: Submit, row: Mapping[str, Any], responses: Iterable[str], *, opens_thinking: bool
) -> "list[Future[Verdict]]":
    """Submit the responses to a problem (id, verifier, answer), and return their future verdicts in order."""
    return [
        submit(row["verifier"], as_read(response, opens_thinking=opens_thinking), row["answer"])
        for response in responses
    ]


def verdicts(problem: str, futures: "Iterable[Future[Verdict]]") -> list[Verdict]:
    """Wait for the verdicts of a problem. Raise PasskError if the verifier cannot read its gold answer."""
    try:
        return [future.result() for future in futures]
    except AnswerError as error:
        raise PasskError(f"{problem}: {error}") from None
