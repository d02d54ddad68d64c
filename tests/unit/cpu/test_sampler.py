"""The choice of a token, against the definition of the nucleus in exact arithmetic."""

import math
from fractions import Fraction
from types import SimpleNamespace

import torch

from passk.cpu import sampler
from tests.unit.each import every


def nucleus(weights: list[int], p: Fraction) -> dict[int, Fraction]:
    """Return the exact probability of each entry: the likeliest first until they have p of the whole, renormalized."""
    total, kept, mass = sum(weights), [], Fraction(0)
    for entry in sorted(range(len(weights)), key=lambda entry: -weights[entry]):
        if mass >= p:
            break
        kept.append(entry)
        mass += Fraction(weights[entry], total)
    return {entry: Fraction(weights[entry], total) / mass for entry in kept}


# Powers of two are exact in floating point. No two entries of a row are equal, so the order is known.
ROWS = [[1, 2, 4, 8, 16, 32, 64, 129], [128, 64, 32, 16, 8, 4, 3, 1], [3, 250, 2, 1], [256], [5, 0, 250, 1]]
GRID = 2048


@every("weights", ROWS)
@every("p", [None, Fraction(1), Fraction(15, 16), Fraction(1, 2), Fraction(1, 1024)])
@every("candidates", [1024, 3])
def test_the_share_of_the_unit_interval_that_chooses_an_entry_is_its_probability(monkeypatch, weights, p, candidates):
    monkeypatch.setattr(sampler, "CANDIDATES", candidates)
    numbers = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID
    probs = (torch.tensor(weights, dtype=torch.float32) / sum(weights)).expand(GRID, -1)
    share = None if p is None else torch.full((GRID,), float(p))
    counts = torch.bincount(sampler.chosen(probs, numbers, share), minlength=len(weights)).tolist()
    expected = nucleus(weights, Fraction(1) if p is None else p)
    for entry, count in enumerate(counts):
        assert abs(count - GRID * expected.get(entry, 0)) <= 1, entry
        assert count == 0 or expected.get(entry, 0) > 0


def test_the_largest_number_below_one_chooses_an_entry_with_a_probability():
    probs = torch.tensor([[0.1] * 10 + [0.0] * 5])
    last = torch.tensor([math.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert sampler.chosen(probs, last, None).item() == 9
    assert sampler.chosen(probs, last, torch.tensor([1.0])).item() < 10


def test_rows_with_a_large_and_a_small_nucleus_are_chosen_as_each_alone(monkeypatch):
    monkeypatch.setattr(sampler, "CANDIDATES", 4)
    probs = torch.stack([torch.full((16,), 1 / 16), torch.tensor([0.9] + [0.1 / 15] * 15)])
    numbers, p = torch.tensor([0.8, 0.3], dtype=torch.float64), torch.tensor([0.95, 0.5])
    both = sampler.chosen(probs, numbers, p).tolist()
    assert both == [sampler.chosen(probs[i : i + 1], numbers[i : i + 1], p[i : i + 1]).item() for i in (0, 1)]


def test_a_seed_gives_the_same_token_whatever_the_other_rows_are():
    def drawn(rows, generators):
        return sampler.uniform(rows, {row: torch.Generator().manual_seed(seed) for row, seed in generators.items()})

    torch.manual_seed(1)
    first, second = drawn(3, {1: 7}), drawn(5, {4: 7, 0: 8})
    assert first[1] == second[4] != second[0]
    assert first[0] != second[1]


def patched():
    """Return a class as vLLM's with the replacement, and the calls that reached vLLM's own method."""
    calls = []

    class TopKTopPSampler:
        logprobs_mode, use_fp64_gumbel = "raw_logprobs", False

        def forward_cpu(self, logits, generators, k, p):
            calls.append(tuple(logits.shape))
            return "vLLM's", None

    module = SimpleNamespace(TopKTopPSampler=TopKTopPSampler, PROCESSED_LOGPROBS_MODES=("processed_logits",))
    sampler.top_p_sampler(module)
    return TopKTopPSampler(), calls


def test_small_vocabularies_and_top_k_keep_vllms_sampler():
    instance, calls = patched()
    for logits, k in ((torch.zeros(2, sampler.LEAST - 1), None), (torch.zeros(2, sampler.LEAST), torch.tensor([5, 5]))):
        assert instance.forward_cpu(logits, {}, k, None)[0] == "vLLM's"
    instance.logprobs_mode = "processed_logits"
    assert instance.forward_cpu(torch.zeros(2, sampler.LEAST), {}, None, None)[0] == "vLLM's"
    assert len(calls) == 3
    instance.logprobs_mode = "raw_logprobs"
    logits = torch.full((2, sampler.LEAST), -50.0)
    logits[0, 17] = logits[1, 4000] = 50.0
    tokens, shown = instance.forward_cpu(logits, {}, None, torch.tensor([0.95, 1.0]))
    assert (tokens.tolist(), shown, len(calls)) == ([17, 4000], None, 3)
