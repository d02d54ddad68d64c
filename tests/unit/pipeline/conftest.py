import pytest

from passk.experiment.config import parse
from passk.experiment.plan import plan


@pytest.fixture
def laid_out(tmp_path):
    """A supervised stage and a benchmark of which nothing is done."""
    experiment = {
        "name": "maze", "question": "?", "seed": 1, "model": {"tiny": {}},
        "problems": {name: {"source": "maze", "split": name, "size": 64} for name in ("train", "test")},
        "stages": {"warm": {"kind": "sft", "problems": "train", "steps": 4, "lr": 1e-3}},
        "benchmarks": {"test": {"problems": "test", "samples": 8, "max_response": 8}},
        "compute": {"profile": "cpu"},
    }  # fmt: skip
    return plan(parse(experiment), tmp_path)
