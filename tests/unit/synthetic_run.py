"""A small run directory in exactly the form of passk/files/layout.py, made without training anything."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passk.files.layout import EvaluationRecord, ExperimentRecord, StageRecord, write_json
from passk.files.schema import ROLLOUT_COLUMNS, SAMPLE_COLUMNS

VERSIONS = {"openrlhf": "0.11.2", "vllm": "0.29.0"}
ABILITY = {  # mean log-odds of a correct response, by checkpoint and benchmark
    "warm": {"easy": -0.2, "hard": -4.0},
    "pass1": {"easy": 0.5, "hard": -3.6},
    "pass4": {"easy": 0.1, "hard": -2.2},
    "pass4-pass1": {"easy": 0.3, "hard": -1.5},
}
BENCHES = ("easy", "hard")
HOSTILE = "R\x1b[31mD```\n# not a heading | <script>alert(1)</script>\u202e"


@dataclass(frozen=True)
class SyntheticRun:
    runs: Path
    name: str

    @property
    def directory(self) -> Path:
        return self.runs / self.name

    @property
    def store(self) -> Path:
        return self.runs / "passk.duckdb"

    def stages(self) -> list[Path]:
        return sorted((self.directory / "stages").iterdir())

    def evaluations(self) -> list[Path]:
        return sorted((self.directory / "evaluations").iterdir())


def _rl(parent: str, advantage: str, k: int, steps: int) -> dict:
    return {
        "kind": "rl",
        "from": parent,
        "advantage": advantage,
        "k": k,
        "steps": steps,
        "problems": "train",
        "lr": 1e-4,
    }


def write_run(
    runs: Path, name: str = "maze-cpu", problems: int = 16, samples: int = 16, steps: int = 6, seed: int = 17
) -> SyntheticRun:
    """Stages warm -> {pass1 ; pass4 -> pass4-pass1} on easy and hard. A method has 3 x `steps` rl steps."""
    run, rng = SyntheticRun(runs, name), np.random.default_rng(seed - 10)
    graph = {
        "warm": {"kind": "sft", "from": None, "steps": steps, "problems": "train", "lr": 1e-3},
        "pass1": _rl("warm", "grpo", 1, 3 * steps),
        "pass4": _rl("warm", "passk_analytical", 4, 2 * steps),
        "pass4-pass1": _rl("pass4", "grpo", 1, steps),
    }
    benchmark = {"samples": samples, "k": [1, 4, 8], "temperature": 1.0, "top_p": 0.95, "max_response": 16}
    benchmark |= {"metrics": [], "by": None}
    config = {
        "seed": seed,
        "stages": graph,
        "benchmarks": {name: {"problems": name, **benchmark} for name in ("easy", "hard")},
    }
    keys = {stage: f"key-{stage}" if seed == 17 else f"key{seed}-{stage}" for stage in graph}
    evaluations = [f"{keys[checkpoint]}-{benchmark}" for checkpoint in graph for benchmark in ("easy", "hard")]
    for difficulty in ("easy", "hard", "train"):
        _write_problems(run, difficulty, problems)
    for stage, settings in graph.items():
        _write_stage(
            run, stage, settings, keys, first_step=2 * steps if stage == "pass4-pass1" else 0, rng=rng, seed=seed
        )
    shift = {bench: rng.normal(0, 1.2, problems) for bench in ("easy", "hard")}
    for checkpoint in graph:
        for bench in ("easy", "hard"):
            record = EvaluationRecord(
                f"{keys[checkpoint]}-{bench}", name, checkpoint, keys[checkpoint], bench, bench,
                config["benchmarks"][bench], seed, VERSIONS,
            )  # fmt: skip
            write_evaluation(run, record, ABILITY[checkpoint][bench] + shift[bench], samples, rng)
    record = ExperimentRecord(
        name=name,
        question="Does training for Pass@4 first make the model solve mazes that Pass@1 alone never does?",
        config=config,
        command=f"passk run experiments/{name}.yaml",
        versions=VERSIONS,
        hardware={"cpu": "2 cores", "memory": "8 GiB", "gpu": None},
        code={"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        stages=keys,
        evaluations=evaluations,
        sessions=[
            {
                **{"started": "2026-11-21T02:00:00Z", "before": 6.5, "seconds": 612.5, "busy": 601.5, "ended": "done"},
                **{"phases": {"train pass1": 540.0, "evaluate": 61.5}},
                "failed": [{"what": "train pass1", "step": 3, "reason": "a worker died"}],
            }
        ],
    )
    write_json(run.directory / "experiment.json", record)
    return run


def _write_problems(run: SyntheticRun, difficulty: str, count: int) -> None:
    columns = {
        "id": [f"{difficulty}-{i:03d}" for i in range(count)],
        "prompt": [f"S.*.\n.*..\n...E\n{i}\n>" for i in range(count)],
        "answer": ["S.*.\n.*..\n...E"] * count,
        "verifier": ["maze"] * count,
        "split": ["train" if difficulty == "train" else "test"] * count,
        "difficulty": [difficulty] * count,
        "demonstration": ["DDRRR"] * count,
        "metadata": [json.dumps({"shortest": 2 + i % 9}) for i in range(count)],
    }
    write_parquet(run.directory / "problems" / f"{difficulty}.parquet", columns)


def _write_stage(run: SyntheticRun, name: str, settings: dict, keys: dict, first_step: int, rng, seed: int) -> None:
    directory = run.directory / "stages" / keys[name]
    parent = keys[settings["from"]] if settings["from"] else None
    record = StageRecord(
        keys[name], name, settings["kind"], run.name, parent, settings, seed, "train", first_step, VERSIONS
    )
    write_json(directory / "stage.json", record)
    make = _sft_line if settings["kind"] == "sft" else _rl_line
    lines = [make(settings, step, first_step, rng) for step in range(1, settings["steps"] + 1)]
    (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if settings["kind"] == "rl":
        for step in range(1, settings["steps"] + 1):
            right = [i % 2 for i in range(8)]
            problems, samples = [f"train-{i // 4:03d}" for i in range(8)], [i % 4 for i in range(8)]
            values = (
                [step] * 8,
                problems,
                samples,
                ["RD"] * 8,
                [float(r) for r in right],
                [r - 0.5 for r in right],
            )
            values += ([settings["k"]] * 8, [3] * 8, [False] * 8)
            columns = dict(zip(ROLLOUT_COLUMNS, values, strict=True))
            write_parquet(directory / "rollouts" / f"step-{step:06d}.parquet", columns)
        lines = [
            _evaluation_line(bench, step, settings["steps"]) for step in (0, settings["steps"]) for bench in BENCHES
        ]
        (directory / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    end = {"key": keys[name], "steps": settings["steps"], "seconds": 61.0, "startup_seconds": 21.5}
    write_json(directory / "manifest.json", end)


def _evaluation_line(benchmark: str, step: int, steps: int) -> dict:
    value = (0.6 if benchmark == "easy" else 0.1) + 0.1 * step / steps
    return {
        **{"step": step, "benchmark": benchmark, "time": 1e9 + step, "seconds": 2.5, "problems": benchmark},
        "samples": 8,
        "pass_at_k": {
            str(k): {"value": value + 0.02 * k, "lower": value + 0.02 * k - 0.05, "upper": value + 0.02 * k + 0.05}
            for k in (1, 8)
        },
        "maj_at_k": {"8": {"value": value / 2, "lower": value / 2 - 0.02, "upper": value / 2 + 0.02}},
        "correct": {f"{benchmark}-{i:03d}": i % 9 for i in range(16)},
        **{"length": 5.5, "truncated": 0.0, "tokens": 704, "reasons": {"correct": 0.5, "into a wall": 0.5}},
    }


def _sft_line(settings: dict, step: int, first_step: int, rng) -> dict:
    return {
        "step": step,
        "time": 1e9 + step,
        "seconds": 0.2,
        "lr": 1e-3,
        "loss": 1.3 / step**0.3,
        "grad_norm": None,
    }


def _rl_line(settings: dict, step: int, first_step: int, rng) -> dict:
    done, k = first_step + step, settings["k"]
    reward = float(np.clip(0.25 + 0.002 * done * (0.7 if k > 1 else 1) + rng.normal(0, 0.02), 0, 1))
    curve = {str(j): 1 - (1 - reward) ** j**0.7 for j in (1, 2, 4, 8, 16)}
    shares = {
        "all_incorrect": 0.45 - 0.001 * done,
        "all_correct": 0.05 + 0.001 * done,
        "few_incorrect": 0.05 + 5e-4 * k * done,
    }
    phases = {"generation": 1.1, "experience": 0.4, "training": 0.8, "sync": 0.2, "advantage": 0.001}
    return {
        **{"step": step, "time": 1e9 + done, "seconds": 2.6, "lr": 1e-4, "grad_norm": 0.4, "policy_loss": 0.01},
        **{"estimator": settings["advantage"], "k": k, "reward": reward, "pass_at_k": curve, **shares},
        **{"correct_counts": [14, *[1] * 15, 3], "distinct": 0.6, "length": 4.6, "truncated": 0.01},
        **{"entropy": 0.55 - (0.001 if k > 1 else 0.002) * done, "clip_ratio": 0.0, "tokens": 2355},
        **{f"seconds_{phase}": value for phase, value in phases.items()},
    }


def write_evaluation(run: SyntheticRun, record: EvaluationRecord, logits, samples: int, rng) -> None:
    rows = []
    for i, logit in enumerate(logits):
        for sample in range(samples):
            right, cut = rng.random() < 1 / (1 + np.exp(-logit)), rng.random() < 0.02
            wrong = HOSTILE if (i + sample) % 3 else "RRDD" + "U" * (i % 4)
            response = "RRDDLLUU" * 2 if cut else "DDRRR" if right else wrong
            right = bool(right and not cut)
            extracted = "" if cut else response[:5]
            judged = (response, float(right), right, extracted, "reached E" if right else "into a wall")
            how = (len(response), "length" if cut else "stop", 17, -0.4)
            rows.append((f"{record.benchmark}-{i:03d}", sample, *judged, *how))
    columns = dict(zip(SAMPLE_COLUMNS, (list(column) for column in zip(*rows, strict=True)), strict=True))
    directory = run.directory / "evaluations" / record.key
    write_json(directory / "evaluation.json", asdict(record))
    write_parquet(directory / "samples.parquet", columns)
    write_json(directory / "manifest.json", {"key": record.key, "seconds": 4.25})


def write_parquet(path: Path, columns: dict[str, list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")
