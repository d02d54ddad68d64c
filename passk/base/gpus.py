"""The GPUs of this machine, those that CUDA shows to a process, and those that a stage holds."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

_GPU = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)")
_MIG = re.compile(r"^\s+MIG .*\(UUID: (MIG-[^)]+)\)")
_MEMORY = re.compile(r", (\d+) MiB$")
_NUMBER = re.compile(r"\s*[+-]?\d+")


def listed() -> list[str]:
    """Return name and memory of each GPU, such as `NVIDIA A100-SXM4-80GB, 81920 MiB`; none without nvidia-smi."""
    return _nvidia_smi("--query-gpu=name,memory.total", "--format=csv,noheader")


def memory_gib() -> float | None:
    """Return the memory of the smallest GPU in GiB, or None without nvidia-smi."""
    sizes = [int(match[1]) for match in map(_MEMORY.search, listed()) if match]
    return min(sizes) / 1024 if sizes else None


def visible() -> int:
    """Return the number of GPUs that a process started here may use, by the rules of CUDA_VISIBLE_DEVICES.

    Items are numbers, or UUIDs of GPUs or of MIG devices, which may be shortened. CUDA ignores the first invalid item
    and all after it, shows no GPU if an item is repeated, and shows one MIG device at most.
    Source: CUDA C++ Programming Guide, "CUDA Environment Variables"; torch.cuda.device_count.
    """
    lines = _nvidia_smi("--list-gpus")
    gpus = [match[1] for match in map(_GPU.match, lines) if match]
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not gpus:
        return len(gpus)
    if chosen.startswith("GPU-"):
        return len(_shown([_by_uuid(item, gpus) for item in chosen.split(",")]))
    if chosen.startswith("MIG-"):
        migs = [match[1] for match in map(_MIG.match, lines) if match]
        return min(1, len(_shown([_by_uuid(item, migs) for item in chosen.split(",")])))
    return len(_shown([_by_number(item, len(gpus)) for item in chosen.split(",")]))


def held(compute: Mapping[str, Any], *, rollouts: bool) -> int:
    """Return the number of GPUs that a stage holds; on a CPU they are logical.

    compute: the fields of an experiment's `compute` section. rollouts: whether the stage also needs the engines.
    """
    trainer = ranks(compute, rollouts=rollouts)
    return trainer if compute["colocate"] or not rollouts else trainer + compute["engines"] * compute["tensor_parallel"]


def ranks(compute: Mapping[str, Any], *, rollouts: bool) -> int:
    """Return the number of ranks that train a stage. torchrun starts those of an sft stage, on one node."""
    return compute["gpus_per_node"] * (compute["nodes"] if rollouts else 1)


def _shown(devices: list[int | None]) -> list[int]:
    """Return the devices before the first invalid one (None), or none if one of them is repeated."""
    shown: list[int] = []
    for device in devices:
        if device is None:
            break
        if device in shown:
            return []
        shown.append(device)
    return shown


def _by_uuid(item: str, uuids: list[str]) -> int | None:
    matches = [number for number, uuid in enumerate(uuids) if item.strip() and uuid.startswith(item.strip())]
    return matches[0] if len(matches) == 1 else None


def _by_number(item: str, count: int) -> int | None:
    match = _NUMBER.match(item)
    return int(match[0]) if match and 0 <= int(match[0]) < count else None


def _nvidia_smi(*options: str) -> list[str]:
    if not shutil.which("nvidia-smi"):
        return []
    listing = subprocess.run(["nvidia-smi", *options], capture_output=True, text=True, check=False)
    return listing.stdout.splitlines() if listing.returncode == 0 else []
