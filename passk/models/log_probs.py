"""Compare two copies of a model by their log-probabilities of fixed tokens.

vLLM holds its own copy of the weights, and some of its kernels hold packed copies of that copy. The trainer, or
transformers on a saved checkpoint, gives the reference. Both copies compute in bf16. The mean difference of equal
copies was 0.04 to 0.05 nats for a model of 135 M weights (docs/openrlhf.md).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from passk.base.errors import ConfigError, PasskError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENS = 24
"""Length of the sequence of fixed tokens."""
LIMIT = 0.25
"""Largest accepted mean difference of the log-probabilities, in nats: five times that of equal copies."""
REQUEST = {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0, "detokenize": False}
"""Keyword arguments of vLLM's SamplingParams. Greedy decoding draws no random number."""


def fixed_tokens(tokenizer: "PreTrainedTokenizerBase", longest: int = TOKENS) -> list[int]:
    """Return at most `longest` token ids, evenly spread over the vocabulary without special and added tokens.

    Raise ConfigError if `longest` leaves no token after the first, so that there is nothing to compare.
    """
    if longest < 2:
        raise ConfigError(
            "--data.max_len", "is too small to compare vLLM's weights with the trainer's", "raise it to 3 or more"
        )
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    plain = sorted(set(tokenizer.get_vocab().values()) - special)
    count = min(TOKENS, longest)
    stride = max(1, len(plain) // count)
    return [plain[place * stride % len(plain)] for place in range(count)]


def of_prompt(prompt_logprobs: Sequence[Mapping[int, Any] | None], tokens: Sequence[int]) -> list[float]:
    """Return the log-probability of each token after the first from vLLM's `prompt_logprobs`."""
    return [entry[token].logprob for entry, token in zip(prompt_logprobs[1:], tokens[1:], strict=True) if entry]


def of_checkpoint(directory: str) -> tuple[list[int], list[float]]:
    """Return the fixed tokens and transformers' log-probability of each after the first, computed on the CPU."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokens = fixed_tokens(AutoTokenizer.from_pretrained(directory))
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16).eval()
    sequence = torch.tensor([tokens])
    with torch.no_grad():
        logits = model(sequence).logits[0, :-1].float()
    return tokens, logits.log_softmax(-1).gather(-1, sequence[0, 1:, None])[:, 0].tolist()


def gap(log_probs: Sequence[float], other: Sequence[float]) -> float:
    """Return the mean absolute difference, in nats."""
    return sum(abs(a - b) for a, b in zip(log_probs, other, strict=True)) / len(log_probs)


def require_equal(difference: float, where: str) -> None:
    """Raise PasskError if `difference` exceeds LIMIT or is not a number. where: the place and the reference."""
    if not difference <= LIMIT:
        raise PasskError(
            f"model: {where}: vLLM does not have the model's weights. Its log-probabilities of {TOKENS} fixed tokens "
            f"are {difference:.3g} nats off on average, and {LIMIT:g} are allowed; use a model whose weights "
            "this version of vLLM can reload"
        )
