"""The GPUs of this machine, as nvidia-smi lists them."""

import os
import shutil
import subprocess


def listed() -> list[str]:
    """Return name and memory of each GPU, such as `NVIDIA A100-SXM4-80GB, 81920 MiB`; none without nvidia-smi."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    listing = subprocess.run(query, capture_output=True, text=True, check=False)
    return listing.stdout.splitlines() if listing.returncode == 0 else []


def visible() -> int:
    """Return the number of GPUs that a process started here may use."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = len(listed())
    return count if chosen is None else min(count, len([one for one in chosen.split(",") if one.strip()]))
