"""Compare passk's sampler of large vocabularies on a CPU with vLLM's, seeded and not.

    python -m bench.sampler [--vocabulary 49152] [--rows 64] [--rounds 7]

Three samplers take turns on the same logits: vLLM's without seeds, vLLM's with a seed for each row, and passk's with
seeds. The logits are normal with a standard deviation that gives nuclei of about a hundred entries.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

TOP_P = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=49_152, help="Entries of the vocabulary (default: 49152).")
    parser.add_argument("--rows", type=int, default=64, help="Sequences of a batch (default: 64).")
    parser.add_argument("--rounds", type=int, default=7, help="Rounds in turn (default: 7).")
    parser.add_argument("--threads", type=int, default=1, help="Threads of torch (default: 1).")
    options = parser.parse_args()
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # as in a run
    import torch
    from vllm.v1.sample.ops import topk_topp_sampler as vllms

    from passk.cpu import sampler

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    logits = 4.0 * torch.randn(options.rows, options.vocabulary)
    p = torch.full((options.rows,), TOP_P)
    stock = vllms.TopKTopPSampler()

    def seeds() -> "dict[int, torch.Generator]":
        return {row: torch.Generator().manual_seed(row) for row in range(options.rows)}

    ways: dict[str, Callable] = {
        "vLLM without seeds": lambda rows: stock.forward_cpu(rows, {}, None, p),
        "vLLM with seeds": lambda rows: stock.forward_cpu(rows, seeds(), None, p),
        "passk with seeds": lambda rows: sampler.chosen(rows.softmax(-1), sampler.uniform(options.rows, seeds()), p),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(options.rounds + 1):
        for name, way in ways.items():
            rows = logits.clone()
            started = time.process_time()
            way(rows)
            if number:  # the first round warms up
                times[name].append(time.process_time() - started)
    print(f"\n{options.rows} rows of {options.vocabulary} entries, top-p {TOP_P}, CPU time, {options.rounds} rounds\n")
    print("| sampler | ms a row | passk / this |\n|---|---|---|")
    for name, seconds in times.items():
        ratio = statistics.median(
            reference / other for reference, other in zip(times["passk with seeds"], seconds, strict=True)
        )
        print(f"| {name} | {1000 * statistics.median(seconds) / options.rows:.3f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
