"""The run-to-run standard deviations that reports print are those of the study's data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.data.run_to_run import MEASURED
from studies.mazes import run_to_run, study

DOCS = Path(__file__).parents[3] / "studies" / "mazes"


def test_the_printed_deviations_are_computed_from_the_committed_samples():
    committed = study.read(DOCS)
    assert run_to_run.measured(committed) == MEASURED["maze"]
    frame = committed.problems
    rows = frame[(frame.regime == "trap") & (frame.checkpoint == "final") & frame.split.isin(["easy", "hard"])]
    at_1 = rows.assign(share=rows.c / rows.n).groupby(["method", "seed"]).share.mean().unstack(0)
    pooled = np.sqrt((at_1.pass1.var() + at_1.passk_pass1.var()) / 2)
    assert MEASURED["maze"].checkpoint[1] == pytest.approx(pooled, abs=5e-4)
    assert MEASURED["maze"].difference[1] == pytest.approx((at_1.passk_pass1 - at_1.pass1).std(), abs=5e-4)
    assert f"{pooled:.3f}" in (DOCS / "tables.md").read_text()


def test_one_seed_has_no_deviation():
    committed = study.read(DOCS)
    one = pd.DataFrame(committed.problems[committed.problems.seed == 1])
    alone = study.Study(one, committed.steps)
    assert run_to_run.measured(alone) is None and run_to_run.markdown(alone) == ""
