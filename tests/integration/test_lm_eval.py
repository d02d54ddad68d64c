"""lm-eval and passk on one task: the same model, the same answers, the same numbers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from passk.statistics.bootstrap import mean_interval
from passk.statistics.maj_at_k import maj_at_k
from passk.statistics.pass_at_k import avg_at_n

pytestmark = pytest.mark.slow

PROBLEMS, SAMPLES = 60, 8
TASK = """
task: passk_local
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs: {do_sample: true, temperature: 1.0, max_gen_toks: 1, until: ["$"]}
repeats: SAMPLES
filter_list:
  - {name: first, filter: [{function: take_first}]}
  - {name: maj, filter: [{function: take_first_k, k: SAMPLES}, {function: majority_vote}, {function: take_first}]}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """lm-eval's results, and its own record of every answer, by filter."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("lm-eval")
    make_tiny(TinyModel(hidden_size=32, feed_forward=64, layers=2, heads=1), folder / "model", seed=1)
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    with torch.no_grad():
        model.lm_head.weight.mul_(12)  # an untrained model likes all tokens alike, and no answer would be a majority
    model.save_pretrained(folder / "model")
    rng = np.random.default_rng(0)
    with (folder / "problems.jsonl").open("w") as file:
        for _ in range(PROBLEMS):
            prompt = "".join(rng.choice(list("LRUD"), 8))
            file.write(json.dumps({"prompt": prompt, "answer": str(rng.choice(list("LRUD*")))}) + "\n")
    task = TASK.replace("FILE", str(folder / "problems.jsonl")).replace("SAMPLES", str(SAMPLES))
    (folder / "local.yaml").write_text(task)
    command = [
        *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu", "--batch_size", "64"),
        *("--model_args", f"pretrained={folder / 'model'},dtype=float32", "--tasks", "passk_local"),
        *("--include_path", str(folder), "--log_samples", "--output_path", str(folder / "out")),
    ]
    offline = {name: "1" for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")}
    environment = os.environ | offline | {"HF_HOME": str(folder / "hf"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = (folder / "out").rglob("results_*.json")
    (samples,) = (folder / "out").rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    by_filter = {
        name: sorted((row for row in rows if row["filter"] == name), key=lambda row: row["doc_id"])
        for name in ("first", "maj")
    }
    return json.loads(results.read_text())["results"]["passk_local"], by_filter


@pytest.fixture(scope="module")
def answers(theirs):
    """What the model answered: codes and whether right, [PROBLEMS, SAMPLES]."""
    rows = theirs[1]["maj"]
    written = np.array([row["resps"][0] for row in rows])
    assert written.shape == (PROBLEMS, SAMPLES)
    return np.unique(written, return_inverse=True)[1].reshape(written.shape), written == [
        [row["target"]] for row in rows
    ]


def test_one_answer_a_problem_has_lm_evals_score_and_about_its_error(theirs, answers):
    results, _ = theirs
    first = avg_at_n(answers[1][:, :1])
    estimate = mean_interval(first)
    assert 0 < estimate.value == pytest.approx(results["exact_match,first"], abs=1e-12)
    half = 1.96 * results["exact_match_stderr,first"]
    assert estimate.high - estimate.low == pytest.approx(2 * half, rel=0.15)


def test_the_majority_is_lm_evals_wherever_there_is_one_and_shares_what_is_tied(theirs, answers):
    _, rows = theirs
    codes, right = answers
    ours = maj_at_k(codes, right, SAMPLES)
    score = np.array([row["exact_match"] for row in rows["maj"]])
    tied = (ours > 0) & (ours < 1)
    assert (ours[~tied] == score[~tied]).all()
    assert ours[~tied].sum() > 0 and not tied.all()
    # of those tied lm-eval takes the first seen
    seen_first = [next(r for c, r in zip(row, own, strict=True) if (row == c).sum() == np.bincount(row).max())
                  for row, own in zip(codes[tied], right[tied], strict=True)]  # fmt: skip
    assert score[tied].tolist() == [float(r) for r in seen_first]
