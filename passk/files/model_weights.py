"""Identify the weights that a model's directory holds."""

from pathlib import Path


def weights(directory: Path) -> list[tuple[str, int, int]]:
    """Of a model's files of weights, name, size and time: another one written over it later is another model.

    Empty where there are none: a model of the HF hub, for one.
    """
    found = sorted(file for pattern in ("*.safetensors", "*.bin") for file in directory.glob(pattern))
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in found]
