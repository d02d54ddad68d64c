import subprocess
import sys

from passk.cpu.start import cpu_features

IMPORTS = """
from passk.runtime import worker_setup
worker_setup.install()
import importlib.util, sys
import transformers.generation.candidate_generator
assert importlib.util.find_spec("sklearn"), "it is not installed, so this test shows nothing"
assert not hasattr(transformers.generation.candidate_generator, "roc_curve")
assert "sklearn" not in sys.modules
"""


def test_a_process_of_a_stage_does_not_import_scikit_learn(monkeypatch):
    monkeypatch.setenv("PASSK_CPU", "1")
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)


def test_the_features_of_the_cpu_are_read_once(monkeypatch):
    import cpuinfo

    calls = []
    monkeypatch.setattr(cpuinfo, "get_cpu_info", lambda: calls.append(1) or {"flags": ["avx2"]})
    cpu_features(cpuinfo)
    assert [cpuinfo.get_cpu_info() for _ in range(3)] == [{"flags": ["avx2"]}] * 3
    assert len(calls) == 1
