"""Compare `passk evaluate` with a bare vllm.LLM.generate on the same prompts, and measure its verifiers.

    python -m bench.evaluate MODEL [--problems 200] [--samples 16] [--tokens 16] [--verifier maze] [--rounds 3]

One process has one engine, and four alternatives take turns. The first is passk (requests queued as others end,
verdicts, shards, samples.parquet). The others are LLM.generate with the same settings, LLM.generate without seeds
and log-probabilities, and the latter with vLLM's own sampler for large vocabularies. The problems are mazes. Another
verifier gets the same responses, with a gold answer that it can read.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import mazes
from passk import problems, verifiers
from passk.cpu import sampler as cpu_sampler
from passk.evaluation import evaluate
from passk.evaluation.engines import Engine
from passk.evaluation.generate import sampling_parameters
from passk.evaluation.request import Request, problem_seed
from passk.experiment import benchmark_presets, config
from passk.experiment.compute import Compute
from passk.files.layout import EvaluationRecord
from passk.pipeline.evaluation_request import engine_settings
from passk.runtime.environment import environment

INSIDE = "PASSK_BENCH_INSIDE"


def request(options: argparse.Namespace, directory: Path) -> Request:
    experiment = config.parse(mazes.experiment(options))
    file = directory / "problems.parquet"
    generated = problems.generate(experiment.problems["test"], 0)
    if options.verifier != "maze":
        answer = verifiers.load(options.verifier).EXAMPLE[1]
        generated = [type(each)(**{**vars(each), "verifier": options.verifier, "answer": answer}) for each in generated]
    problems.save(generated, file)
    settings = experiment.benchmarks["test"].model_dump(mode="json")
    record = EvaluationRecord("key", "bench", "base", None, "test", "", settings, 0, {})
    engine = engine_settings(experiment.compute, seed=0)
    return Request(asdict(record), str(options.model), str(file), str(directory), engine)


class Steps:
    """Counter of the engine's own steps. On a busy machine it is more reliable than the clock."""

    def __init__(self, core: Any) -> None:
        self._step, core.step = core.step, self._counted

    def begin(self) -> None:
        self._count, self._inside, self._started = 0, 0.0, time.process_time()

    def _counted(self) -> Any:
        started = time.process_time()
        outputs = self._step()
        self._count, self._inside = self._count + 1, self._inside + time.process_time() - started
        return outputs

    def summary(self) -> str:
        whole = time.process_time() - self._started
        return f"{self._count} engine steps, {1 - self._inside / whole:.1%} of {whole:.2f} s of CPU outside of them"


def main() -> None:
    parser = mazes.arguments(__doc__)
    parser.add_argument("--verifier", default="maze")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if INSIDE not in os.environ:
        # vLLM and the CUDA stand-ins read their variables at import.
        variables = environment(Compute.model_validate(benchmark_presets.compute())) | {INSIDE: "1"}
        sys.exit(subprocess.run([sys.executable, "-m", "bench.evaluate", *sys.argv[1:]], env=variables).returncode)
    with tempfile.TemporaryDirectory() as directory:
        compare(request(options, Path(directory)), Path(directory), options.rounds)


def compare(wanted: Request, directory: Path, rounds: int) -> None:
    from vllm import SamplingParams

    engine = Engine()
    engine.load(wanted)
    rows = evaluate.read_problems(Path(wanted.problems))
    prompts = [row["prompt"] for row in rows]
    seeded = [sampling_parameters(wanted, problem_seed(row["id"], 0)) for row in rows]
    plain = [
        SamplingParams(n=each.n, temperature=each.temperature, top_p=each.top_p, max_tokens=each.max_tokens)
        for each in seeded
    ]
    judging: list[float] = []
    steps = Steps(engine.llm.llm_engine)

    def bare(settings: list[SamplingParams]) -> int:
        outputs = engine.llm.generate(prompts, settings, use_tqdm=False)
        return sum(len(response.token_ids) for output in outputs for response in output.outputs)

    def ours() -> int:
        evaluate.sample(engine, wanted, directory / "samples.jsonl")
        manifest = json.loads((directory / "manifest.json").read_text())
        judging.append(manifest["judging_seconds"] / manifest["seconds"])
        return manifest["tokens"]

    def vllms() -> int:
        least, cpu_sampler.LEAST = cpu_sampler.LEAST, sys.maxsize  # of the vocabularies that passk samples itself
        try:
            return bare(plain)
        finally:
            cpu_sampler.LEAST = least

    ways: dict[str, Callable[[], int]] = {
        "passk evaluate": ours,
        "LLM.generate, the same settings": lambda: bare(seeded),
        "LLM.generate, no seeds, no logprobs": lambda: bare(plain),
        "the same with vLLM's sampler": vllms,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            engine.llm.reset_prefix_cache()
            steps.begin()
            started = time.perf_counter()
            rate = way() / (time.perf_counter() - started)
            print(f"round {number or 'warm-up'}: {name}: {rate:.0f} tokens/s, {steps.summary()}", flush=True)
            if number:
                rates[name].append(rate)
    print(f"\n{len(rows)} problems x {wanted.samples} samples, {rounds} rounds in turn, verifier {rows[0]['verifier']}")
    for name, values in rates.items():
        ratio = statistics.median(first / other for first, other in zip(rates["passk evaluate"], values, strict=True))
        print(f"{name:<38} {statistics.median(values):>9.0f} tokens/s   passk / this: {ratio:.3f}")
    print(f"share of the time in which the engine waited for verifiers: {statistics.median(judging[1:]):.2%}")
    engine.close()


if __name__ == "__main__":
    main()
