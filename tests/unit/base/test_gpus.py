"""GPUs are counted as CUDA counts them, and nvidia-smi alone lists them."""

import os

import pytest

from passk.base import gpus
from passk.experiment import benchmark_presets
from passk.experiment.compute import Compute

A, B, C = "GPU-8f11aaaa-0001", "GPU-8f22bbbb-0002", "GPU-9333cccc-0003"
M, N = "MIG-5a11aaaa-0001", "MIG-5a22bbbb-0002"
LISTING = f"""\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: {A})
GPU 1: NVIDIA A100-SXM4-80GB (UUID: {B})
  MIG 3g.40gb     Device  0: (UUID: {M})
  MIG 3g.40gb     Device  1: (UUID: {N})
GPU 2: NVIDIA A100-SXM4-80GB (UUID: {C})
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that puts an nvidia-smi with this listing and status on the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def install(listing: str, status: int = 0) -> None:
        script = f"#!/bin/sh\n[ \"$1\" = --list-gpus ] || exit 9\ncat <<'END'\n{listing}END\nexit {status}\n"
        (tmp_path / "nvidia-smi").write_text(script)
        (tmp_path / "nvidia-smi").chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (None, 3),
        ("", 0),
        (" ", 0),
        ("-1", 0),
        ("NoDevFiles", 0),
        ("none", 0),
        ("0", 1),
        ("2,0", 2),
        (" 0 , 1 ", 2),
        ("0,1,", 2),
        ("0,-1,1", 1),  # CUDA ignores everything after the first invalid item
        ("0,2,-1,1", 2),
        ("0,,1", 1),
        (",0", 0),
        ("0,7,1", 1),
        ("7", 0),
        ("0,x,1", 1),
        ("1gpu,2", 2),  # CUDA reads the number at the start of an item
        ("0,1,0", 0),  # a repeated item hides all GPUs
        (A, 1),
        (f"{C},{A},{B}", 3),
        ("GPU-9", 1),
        ("GPU-8f1,GPU-8f2", 2),
        ("GPU-8f", 0),  # two GPUs begin so
        (f"{A},GPU-none,{C}", 1),
        (f"{A},{A}", 0),
        (f"{A},GPU-8f11", 0),
        (f"{A},", 1),
        (f"{A},1", 1),
        (f"0,{B}", 1),
        (M, 1),
        (f"{M},{N}", 1),  # a process uses one MIG device at most
        (f"{M},{M}", 0),
        ("MIG-none", 0),
        ("MIG-5a", 0),
    ],
)  # fmt: skip
def test_visible_gpus_follow_the_rules_of_cuda(machine, monkeypatch, chosen, count):
    machine(LISTING)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible() == count
    assert benchmark_presets.compute().get("gpus_per_node", 0) == count


def test_a_machine_without_a_working_driver_has_no_gpu(machine, monkeypatch):
    machine("Failed to initialize NVML: Driver/library version mismatch\n", status=18)
    assert gpus.visible() == 0
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert gpus.visible() == 0
    monkeypatch.setenv("PATH", "")
    assert (gpus.visible(), gpus.listed()) == (0, [])


@pytest.mark.parametrize(
    ("options", "trainer", "both"),
    [
        ({}, 1, 2),
        ({"nodes": 2, "gpus_per_node": 4, "engines": 3, "tensor_parallel": 2}, 4, 14),
        ({"gpus_per_node": 4, "engines": 2, "tensor_parallel": 2, "colocate": True}, 4, 4),
    ],
)
def test_a_stage_holds_the_trainers_gpus_and_with_rollouts_the_engines(options, trainer, both):
    compute = Compute(profile="gpu", **options)
    assert (compute.gpus(rollouts=False), compute.gpus(rollouts=True)) == (trainer, both)
    assert gpus.held(compute.model_dump(mode="json"), rollouts=True) == both
