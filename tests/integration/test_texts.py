"""Problems in words, end to end: a file of mathematics, a task of reasoning_gym, and the pool of verifiers at work."""

import itertools
import json
import random
import subprocess

import pyarrow.parquet
import pytest

from passk import verifiers

from .conftest import left_after, passk, prepared

pytestmark = pytest.mark.slow

EXPERIMENT = """
name: texts
question: Does a small model that reads bytes answer in the form that its verifier reads?
seed: 5
model: {tiny: {alphabet: bytes, hidden_size: 64, layers: 2, heads: 2, feed_forward: 128, max_length: 96}}
problems:
  sums: {source: jsonl, split: train, file: sums.jsonl, verifier: math, template: plain, solution: solution}
  held: {source: jsonl, split: test, file: held.jsonl, verifier: math, template: plain}
  gym: {source: reasoning_gym, task: basic_arithmetic, split: test, size: 8, template: plain,
        options: {min_terms: 2, max_terms: 2, max_digits: 1}}
stages:
  warm: {kind: sft, problems: sums, steps: 60, batch_size: 16, lr: 3.0e-3}
  pass4: {kind: rl, from: warm, problems: sums, advantage: passk_analytical, k: 4, steps: 2,
          prompts_per_step: 8, rollouts_per_prompt: 8,
          lr: 1.0e-4, max_prompt: 32, max_response: 16}
benchmarks:
  held: {problems: held, samples: 8, k: [1, 4], max_response: 16}
  gym: {problems: gym, samples: 8, k: [1, 4], max_response: 16}
compute: {profile: cpu, threads: 1, micro_batch: 64}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of the experiment, run to its end."""
    directory = tmp_path_factory.mktemp("texts")
    environment = prepared(directory)
    (directory / "texts.yaml").write_text(EXPERIMENT)
    sums = [
        {"problem": f"{a} + {b}", "answer": str(a + b), "solution": f"\\boxed{{{a + b}}}"}
        for a, b in itertools.product(range(10), repeat=2)
    ]
    random.Random(0).shuffle(sums)
    for name, rows in (("sums", sums[:84]), ("held", sums[84:])):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = subprocess.run(
        passk("run", "texts.yaml"), cwd=directory, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert left_after(directory, seconds=10) == []
    return directory / "runs" / "texts"


def samples_of(run, benchmark, checkpoint):
    for record in run.glob("evaluations/*/evaluation.json"):
        found = json.loads(record.read_text())
        if (found["benchmark"], found["checkpoint"]) == (benchmark, checkpoint):
            return pyarrow.parquet.read_table(record.with_name("samples.parquet")).to_pylist()
    raise AssertionError(f"no samples of {checkpoint} on {benchmark}")


@pytest.mark.parametrize(("benchmark", "verifier", "problems"), [("held", "math", 16), ("gym", "reasoning_gym", 8)])
def test_every_sample_of_a_text_has_a_verdict_in_its_verifiers_words(run, benchmark, verifier, problems):
    for checkpoint in ("warm", "pass4"):
        samples = samples_of(run, benchmark, checkpoint)
        assert len({(row["problem"], row["sample"]) for row in samples}) == len(samples) == problems * 8
        assert {row["reason"] for row in samples} <= set(verifiers.reasons(verifier)) - set(verifiers.FAILURES)
        assert all(row["correct"] == (row["reason"] == "correct") == (row["score"] == 1.0) for row in samples)


def test_what_the_model_learnt_to_write_is_read_as_mathematics(run):
    reasons = [row["reason"] for row in samples_of(run, "held", "warm")]
    assert sum(reason in ("correct", "incorrect") for reason in reasons) > len(reasons) / 2, reasons


def test_training_pays_by_the_pools_verdicts_and_counts_their_reasons(run):
    [metrics] = [file for file in run.glob("stages/*/metrics.jsonl") if (file.parent / "rollouts").exists()]
    steps = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2]
    for step in steps:
        assert set(step["reasons"]) <= set(verifiers.reasons("math")) - set(verifiers.FAILURES)
        assert sum(step["reasons"].values()) == pytest.approx(1.0)
        assert step["reasons"].get("correct", 0.0) == pytest.approx(step["reward"])
