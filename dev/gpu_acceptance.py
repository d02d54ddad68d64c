"""One step of dev/gpu_acceptance.sh: `smoke` (vLLM alone) or `summary` (the page with each tokens/s).

python -m dev.gpu_acceptance smoke DIR | summary DIR RUNS
"""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

PROMPTS, SAMPLES, TOKENS = 64, 16, 32
"""The same number of prompts, samples and tokens as a step of dev/gpu_acceptance.yaml."""
MODEL = {"hidden_size": 512, "layers": 4, "heads": 8, "feed_forward": 1024, "max_length": 256, "alphabet": "bytes"}

_LOGGED = ("rollout/num_samples", "rollout/response_length_mean", "timing/generation", "timing/step_total")
_STATUS = re.compile(rf"'({'|'.join(_LOGGED)})': ([0-9.e+-]+)")
"""Numbers in the status that OpenRLHF's trainer logs after each step."""


def smoke(directory: Path) -> dict[str, Any]:
    """Sample from a tiny model by vLLM alone, and return its tokens per second after a first call."""
    from vllm import LLM, SamplingParams

    from passk.experiment.model import TinyModel
    from passk.models.tiny import make_tiny

    model = directory / "model"
    if not model.exists():
        make_tiny(TinyModel(**MODEL), model, seed=1)
    llm = LLM(str(model), dtype="bfloat16", gpu_memory_utilization=0.3, enable_sleep_mode=True)
    parameters = SamplingParams(n=SAMPLES, max_tokens=TOKENS, temperature=1.0, ignore_eos=True)
    prompts = [f"problem {number}: " for number in range(PROMPTS)]
    llm.generate(prompts, parameters)
    started = time.perf_counter()
    outputs = llm.generate(prompts, parameters)
    seconds = time.perf_counter() - started
    tokens = sum(len(sample.token_ids) for output in outputs for sample in output.outputs)
    llm.sleep(level=1)
    llm.wake_up()
    return {"tokens": tokens, "seconds": seconds, "tokens_per_second": tokens / seconds, "sleep": "slept and woke"}


def summary(directory: Path, runs: Path) -> str:
    """Return the page: each step's outcome, peak memory, and tokens per second of the stage's steps after the first."""
    steps = [line.split("\t") for line in (directory / "steps.tsv").read_text().splitlines()]
    lines = ["# GPU acceptance", "", "| step | outcome | seconds | peak memory, MiB |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(step)} |" for step in steps]
    file = directory / "smoke.json"
    if file.exists():
        lines += ["", f"vLLM alone: {json.loads(file.read_text())['tokens_per_second']:,.0f} tokens/s."]
    log = directory / "stock.txt"
    if stock := _stock(log.read_text(errors="replace")) if log.exists() else "":
        lines += ["", f"OpenRLHF alone: {stock}."]
    for metrics in sorted(runs.glob("*/stages/*/metrics.jsonl")):
        records = [json.loads(line) for line in metrics.read_text().splitlines()]
        sampled = [record for record in records[1:] if record.get("tokens")]
        if sampled:
            tokens = sum(record["tokens"] for record in sampled)
            whole, generation = (sum(r[name] for r in sampled) for name in ("seconds", "seconds_generation"))
            gap = max(record["logprob_gap"] or 0 for record in sampled)
            lines += [
                "",
                f"{metrics.parent.name}: {tokens / whole:,.0f} response tokens/s of a step, {tokens / generation:,.0f} "
                f"while sampling, largest logprob_gap {gap:.2g} nats.",
            ]
    return "\n".join(lines) + "\n"


def _stock(log: str) -> str:
    """Return the tokens per second of the steps after the first in OpenRLHF's log; empty if it has none."""
    steps = [dict(_STATUS.findall(line)) for line in log.splitlines() if "Global step" in line][1:]
    numbers = [{name: float(value) for name, value in step.items()} for step in steps if len(step) == len(_LOGGED)]
    if not numbers:
        return ""
    tokens = sum(step["rollout/num_samples"] * step["rollout/response_length_mean"] for step in numbers)
    whole, generation = (sum(step[f"timing/{name}"] for step in numbers) for name in ("step_total", "generation"))
    return f"{tokens / whole:,.0f} response tokens/s of a step, {tokens / generation:,.0f} while sampling"


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "smoke":
        (folder / "smoke.json").write_text(json.dumps(smoke(folder), indent=1) + "\n")
    else:
        (folder / "acceptance.md").write_text(summary(folder, Path(sys.argv[3])))
