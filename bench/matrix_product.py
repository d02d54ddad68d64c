"""Measure bf16 linear layers and attention with and without passk/cpu/matrix_product.py, on one thread.

python -m bench.matrix_product

Each is a forward and a backward pass. The two take turns, and the median of the turns counts. The sizes are those of
batches of the demo and of mazes.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch

from passk.cpu import matrix_product

SIZES = ((3520, 64, 64), (3520, 64, 128), (3520, 128, 64), (512, 64, 64))
"""Tokens, inputs, outputs of a layer."""
ATTENTION = ((128, 2, 26, 32), (128, 3, 47, 32))
"""Sequences, heads, tokens, size of a head."""
TURNS = 15


def main() -> None:
    """Print the milliseconds of both and their ratio."""
    torch.set_num_threads(1)
    ours = SimpleNamespace(linear=torch.nn.functional.linear, matmul=torch.matmul)
    matrix_product.linear(ours)
    matrix_product.matmul(ours)
    print("| size | torch, ms | passk, ms | ratio |\n|---|--:|--:|--:|")
    for tokens, inputs, outputs in SIZES:
        x, weight = _random(tokens, inputs), _random(outputs, inputs)
        layers = [partial(linear, x, weight) for linear in (torch.nn.functional.linear, ours.linear)]
        _print(f"layer: {tokens} x {inputs} x {outputs}", *layers)
    for shape in ATTENTION:
        inputs = [_random(*shape) for _ in range(3)]
        attentions = [partial(_attention, matmul, *inputs) for matmul in (torch.matmul, ours.matmul)]
        _print(f"attention: {' x '.join(map(str, shape))}", *attentions)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.bfloat16, requires_grad=True)


def _attention(
    matmul: Callable[..., torch.Tensor], query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> torch.Tensor:
    """Return what HF's eager attention computes."""
    scores = matmul(query, key.transpose(2, 3))
    return matmul(torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype), value)


def _print(name: str, *passes: Callable[[], torch.Tensor]) -> None:
    seconds: list[list[float]] = [[] for _ in passes]
    for _ in range(TURNS):
        for forward, of_turns in zip(passes, seconds, strict=True):
            began = time.perf_counter()
            forward().sum().backward()
            of_turns.append(time.perf_counter() - began)
    stock, ours = (statistics.median(of_turns) * 1e3 for of_turns in seconds)
    print(f"| {name} | {stock:.2f} | {ours:.2f} | {stock / ours:.1f} |")


if __name__ == "__main__":
    main()
