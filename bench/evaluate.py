"""What `passk evaluate` costs over a bare vllm.LLM.generate on the same prompts, and what its verifiers cost.

    python -m bench.evaluate MODEL [--problems 200] [--samples 16] [--tokens 16] [--verifier maze] [--rounds 3]

One process, one engine, the three take turns: what passk does (requests fed as others end, verdicts, parts written,
samples.parquet), LLM.generate with the same settings, and LLM.generate without seeds and log-probabilities. The
problems are mazes; another verifier is given the same responses, and an answer that it can read.
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


def request(wanted: argparse.Namespace, directory: Path) -> Request:
    experiment = config.parse(mazes.experiment(wanted))
    file = directory / "problems.parquet"
    made = problems.generate(experiment.problems["test"], 0)
    if wanted.verifier != "maze":
        answer = verifiers.load(wanted.verifier).EXAMPLE[1]
        made = [type(each)(**{**vars(each), "verifier": wanted.verifier, "answer": answer}) for each in made]
    problems.save(made, file)
    settings = experiment.benchmarks["test"].model_dump(mode="json")
    record = EvaluationRecord("key", "bench", "base", None, "test", "", settings, 0, {})
    engine = engine_settings(experiment.compute, seed=0)
    return Request(asdict(record), str(wanted.model), str(file), str(directory), engine, chat=False)


class Steps:
    """What the engine itself does, counted: on a busy machine it tells more than the clock."""

    def __init__(self, core: Any) -> None:
        self._step, core.step = core.step, self._counted

    def begin(self) -> None:
        self._count, self._inside, self._started = 0, 0.0, time.process_time()

    def _counted(self) -> Any:
        started = time.process_time()
        outputs = self._step()
        self._count, self._inside = self._count + 1, self._inside + time.process_time() - started
        return outputs

    def told(self) -> str:
        whole = time.process_time() - self._started
        return f"{self._count} engine steps, {1 - self._inside / whole:.1%} of {whole:.2f} s of CPU outside of them"


def main() -> None:
    parser = mazes.arguments(__doc__)
    parser.add_argument("--verifier", default="maze")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if INSIDE not in os.environ:
        # vLLM and the stand-ins for CUDA read their variables when they are imported
        variables = environment(Compute.model_validate(benchmark_presets.compute())) | {INSIDE: "1"}
        sys.exit(subprocess.run([sys.executable, "-m", "bench.evaluate", *sys.argv[1:]], env=variables).returncode)
    with tempfile.TemporaryDirectory() as directory:
        compare(request(wanted, Path(directory)), Path(directory), wanted.rounds)


def compare(asked: Request, directory: Path, rounds: int) -> None:
    from vllm import SamplingParams

    engine = Engine()
    engine.load(asked)
    rows = evaluate.asked(Path(asked.problems))
    prompts = [row["prompt"] for row in rows]
    seeded = [sampling_parameters(asked, problem_seed(row["id"], 0)) for row in rows]
    plain = [
        SamplingParams(n=each.n, temperature=each.temperature, top_p=each.top_p, max_tokens=each.max_tokens)
        for each in seeded
    ]
    judging: list[float] = []
    steps = Steps(engine.llm.llm_engine)

    def bare(settings: list[SamplingParams]) -> int:
        outputs = engine.llm.generate(prompts, settings, use_tqdm=False)
        return sum(len(answer.token_ids) for output in outputs for answer in output.outputs)

    def ours() -> int:
        evaluate.sample(engine, asked, directory / "said.jsonl")
        manifest = json.loads((directory / "manifest.json").read_text())
        judging.append(manifest["judging_seconds"] / manifest["seconds"])
        return manifest["tokens"]

    ways: dict[str, Callable[[], int]] = {
        "passk evaluate": ours,
        "LLM.generate, the same settings": lambda: bare(seeded),
        "LLM.generate, no seeds, no logprobs": lambda: bare(plain),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            engine.llm.reset_prefix_cache()
            steps.begin()
            started = time.perf_counter()
            rate = way() / (time.perf_counter() - started)
            print(f"round {number or 'warm-up'}: {name}: {rate:.0f} tokens/s, {steps.told()}", flush=True)
            if number:
                rates[name].append(rate)
    print(f"\n{len(rows)} problems x {asked.samples} samples, {rounds} rounds in turn, verifier {rows[0]['verifier']}")
    for name, found in rates.items():
        ratio = statistics.median(own / other for own, other in zip(rates["passk evaluate"], found, strict=True))
        print(f"{name:<38} {statistics.median(found):>9.0f} tokens/s   passk / this: {ratio:.3f}")
    print(f"share of the time in which verifiers held the engine up: {statistics.median(judging[1:]):.2%}")
    engine.close()


if __name__ == "__main__":
    main()
