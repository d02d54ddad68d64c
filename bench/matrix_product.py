"""Measure bf16 linear layers with and without passk/cpu/matrix_product.py, forward and backward, on one thread.

python -m bench.matrix_product

The two take turns, and the median of the turns counts. The sizes are those of a batch of the demo.
"""

import statistics
import time
from types import SimpleNamespace

import torch

from passk.cpu import matrix_product

SIZES = ((3520, 64, 64), (3520, 64, 128), (3520, 128, 64), (512, 64, 64))
"""Tokens, inputs, outputs."""
TURNS = 15


def main() -> None:
    """Print the milliseconds of both and their ratio."""
    torch.set_num_threads(1)
    functional = SimpleNamespace(linear=torch.nn.functional.linear)
    matrix_product.linear(functional)
    print("| tokens x inputs x outputs | torch, ms | passk, ms | ratio |\n|---|--:|--:|--:|")
    for tokens, inputs, outputs in SIZES:
        x = torch.randn(tokens, inputs, dtype=torch.bfloat16, requires_grad=True)
        weight = torch.randn(outputs, inputs, dtype=torch.bfloat16, requires_grad=True)
        seconds: dict[str, list[float]] = {"torch": [], "passk": []}
        for _ in range(TURNS):
            for name, linear in (("torch", torch.nn.functional.linear), ("passk", functional.linear)):
                began = time.perf_counter()
                linear(x, weight).sum().backward()
                seconds[name].append(time.perf_counter() - began)
        stock, ours = (statistics.median(seconds[name]) * 1e3 for name in ("torch", "passk"))
        print(f"| {tokens} x {inputs} x {outputs} | {stock:.2f} | {ours:.2f} | {stock / ours:.1f} |")


if __name__ == "__main__":
    main()
