"""Compile DeepSpeed's CPU operators, which DeepSpeed would otherwise compile during the first run. `make` does it once.

python -m passk.cpu
"""

import os
import shutil

from passk.cpu import operators

os.environ["DS_ACCELERATOR"] = "cpu"
os.environ["TORCH_EXTENSIONS_DIR"] = str(operators.DIRECTORY)
os.environ["PATH"] = operators.path(os.environ)
# An interrupted set-up may have left files and a lock.
shutil.rmtree(operators.DIRECTORY, ignore_errors=True)

from deepspeed.ops.op_builder.cpu import FusedAdamBuilder, ShareMemCommBuilder  # noqa: E402

for builder in (FusedAdamBuilder, ShareMemCommBuilder):
    builder().load(verbose=False)
