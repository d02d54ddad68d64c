"""Sample the next token of a large vocabulary on a CPU, without a sort and without a random number per token.

vLLM sorts the whole vocabulary for top-p, and a request with a seed draws one exponential per vocabulary entry. With
49,152 entries these take most of the sampler's time (`python -m bench.sampler`). Here the nucleus is found among the
likeliest entries, and one uniform number per token chooses from it. The distribution is the same, and a seed gives the
same sample again. The random numbers differ from vLLM's, so small vocabularies keep vLLM's sampler.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LEAST = 4096
"""Smallest vocabulary that is sampled here."""
CANDIDATES = 1024
"""Likeliest entries among which a nucleus is looked for. A row whose nucleus is larger is sorted as a whole."""


def top_p_sampler(module: ModuleType) -> None:
    """Replace the CPU path of vLLM's TopKTopPSampler for large vocabularies without top-k."""
    of_vllm = module.TopKTopPSampler.forward_cpu

    def forward_cpu(
        self: Any,
        logits: "torch.Tensor",
        generators: "dict[int, torch.Generator]",
        k: "torch.Tensor | None",
        p: "torch.Tensor | None",
    ) -> "tuple[torch.Tensor, torch.Tensor | None]":
        processed = self.logprobs_mode in module.PROCESSED_LOGPROBS_MODES
        if logits.shape[1] < LEAST or k is not None or processed or self.use_fp64_gumbel:
            return of_vllm(self, logits, generators, k, p)
        return chosen(logits.softmax(dim=-1), uniform(logits.shape[0], generators), p), None

    module.TopKTopPSampler.forward_cpu = forward_cpu


def uniform(rows: int, generators: "dict[int, torch.Generator]") -> "torch.Tensor":
    """Return a number in [0, 1) for each row, float64: by the row's own generator if it has one."""
    import torch

    numbers = torch.rand(rows, dtype=torch.float64)
    for row, generator in generators.items():
        numbers[row] = torch.rand((), dtype=torch.float64, generator=generator)
    return numbers


def chosen(probs: "torch.Tensor", numbers: "torch.Tensor", p: "torch.Tensor | None") -> "torch.Tensor":
    """Return the entry of each row that its number chooses, [B] int64, by inversion of the cumulative distribution.

    probs: [B, V] float32, rows sum to 1. numbers: [B] float64 in [0, 1). p: [B], share of the probability that the
    nucleus has at least, or None for all entries. The nucleus is the smallest set of the likeliest entries with it.
    """
    import torch

    if p is None:
        return _inverted(probs.cumsum(-1, dtype=torch.float64), numbers)
    likeliest, entries = probs.topk(min(CANDIDATES, probs.shape[1]), dim=-1)
    if (larger := likeliest.sum(-1, dtype=torch.float64) < p).any():
        result = torch.empty(len(probs), dtype=torch.int64)
        result[~larger] = _of_nucleus(likeliest[~larger], entries[~larger], numbers[~larger], p[~larger])
        result[larger] = _of_nucleus(*probs[larger].sort(-1, descending=True), numbers[larger], p[larger])
        return result
    return _of_nucleus(likeliest, entries, numbers, p)


def _of_nucleus(
    sorted_probs: "torch.Tensor", entries: "torch.Tensor", numbers: "torch.Tensor", p: "torch.Tensor"
) -> "torch.Tensor":
    """Return the chosen entry of each row. sorted_probs: [B, C], the largest first. entries: [B, C], their places."""
    import torch

    above = sorted_probs.cumsum(-1, dtype=torch.float64)
    # an entry belongs to the nucleus if the entries before it have less than p
    outside = above - sorted_probs >= p.unsqueeze(1)
    outside[:, 0] = False
    above = sorted_probs.masked_fill(outside, 0.0).cumsum(-1, dtype=torch.float64)
    return entries.gather(1, _inverted(above, numbers).unsqueeze(1)).squeeze(1)


def _inverted(cumulative: "torch.Tensor", numbers: "torch.Tensor") -> "torch.Tensor":
    """Return the first place of each row whose cumulative probability exceeds the row's number times the total."""
    import torch

    total = cumulative[:, -1:]
    # rounding must not reach the total, behind which there is no entry with a probability
    target = torch.minimum(numbers.unsqueeze(1) * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulative, target, right=True).squeeze(1)
