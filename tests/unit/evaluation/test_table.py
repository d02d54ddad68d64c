"""The table of an evaluation's figures: what is in samples.parquet, by E4's estimators, for a terminal."""

import numpy as np
import pandas as pd
import pytest

from passk.evaluation import table
from passk.experiment import benchmark_presets, plan
from passk.files.layout import write_json

N = 6


@pytest.fixture
def sampled(tmp_path):
    """Of 20 problems the first 5 are always solved, and so are 3 samples of each of the next 5."""
    laid_out = plan.plan(benchmark_presets.experiment(str(tmp_path), ["maze-easy", "maze-far"], samples=N), tmp_path)
    directory = laid_out.evaluations[0].directory
    directory.mkdir(parents=True)
    place, sample = np.divmod(np.arange(20 * N), N)
    correct = (place < 5) | ((place < 10) & (sample < 3))
    frame = pd.DataFrame({
        "problem": [f"p{i}" for i in place], "sample": sample, "score": correct.astype(float), "correct": correct,
        "extracted": np.where(correct, "LR", np.where(sample == 5, "", "UD")), "tokens": np.where(sample == 0, 8, 2),
        "finish_reason": np.where(sample == 0, "length", "stop"), "logprob": -0.5,
    })  # fmt: skip
    frame.to_parquet(directory / "samples.parquet")
    write_json(directory / "manifest.json", {})
    return laid_out


def test_each_figure_stands_with_its_interval_and_what_is_not_finished_is_left_out(sampled):
    text = table.table(sampled.evaluations)
    assert text.splitlines()[0].split() == ["maze-easy"]
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:]}
    values = {name: float(cells[0]) for name, cells in rows.items() if cells[0] != "-"}
    assert values["pass@1"] == 0.375
    assert values["pass@4"] == 0.5  # 3 of 6 are right: four drawn hold one in any case
    assert values["truncated"] == round(1 / N, 3)
    assert values["length"] == 3.0
    assert values["logprob"] == -0.5
    assert "entropy" not in rows  # at top-p 0.95 less the log-probability is not the model's entropy
    low, high = (float(cell.strip("[],")) for cell in rows["pass@1"][1:])
    assert low < 0.375 < high


def test_samples_are_read_as_they_are_and_no_answer_is_no_vote(sampled):
    samples = table.read(sampled.evaluations[0].directory / "samples.parquet", N, on_policy=False)
    assert samples.correct.shape == (20, N)
    assert samples.correct.sum(axis=1).tolist() == [6] * 5 + [3] * 5 + [0] * 10
    assert (samples.answer[10:, 5] == -1).all()
    assert len(set(samples.answer[:5].ravel())) == 1
