"""An evaluation of models of several shapes: the memory of an engine is free before the next one starts."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from passk.evaluation.request import Request
from passk.experiment.compute import Compute
from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny
from passk.pipeline.evaluation_request import engine_settings
from passk.runtime.environment import environment

pytestmark = pytest.mark.slow

MIB = 2**20
PROGRAM = """
import json, sys
import psutil
from passk.evaluation.engines import Engine
from passk.evaluation.request import Request

if __name__ == "__main__":
    engine = Engine()
    for line in sys.stdin:
        assert not engine.take(Request(**json.loads(line)))
        print("bytes", psutil.Process().memory_info().rss, flush=True)
    engine.close()
"""


def test_an_engine_of_another_shape_takes_the_place_of_the_one_before(tmp_path):
    compute = Compute(profile="cpu", kv_cache_gib=1)
    lines = []
    for layers in (1, 2):
        make_tiny(TinyModel(layers=layers), tmp_path / f"{layers}", seed=1)
        engine = engine_settings(compute, seed=1) | {"max_model_len": 32}
        lines.append(json.dumps(asdict(Request({}, str(tmp_path / f"{layers}"), "", "", engine))))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    variables = {**environment(compute), "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": "/tmp"}
    ran = subprocess.run(
        [sys.executable, str(program)],
        input="\n".join(lines),
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    first, second = (int(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("bytes "))
    print(f"\nwith the first engine {first / MIB:.0f} MiB, with the second {second / MIB:.0f} MiB")
    assert second - first < compute.kv_cache_gib * 2**30 / 2
