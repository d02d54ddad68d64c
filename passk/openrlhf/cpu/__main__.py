"""Compile DeepSpeed's CPU operators, which it would do in the middle of the first run. `make` does it once.

python -m passk.openrlhf.cpu
"""

import os

os.environ["DS_ACCELERATOR"] = "cpu"

from deepspeed.ops.op_builder.cpu import FusedAdamBuilder, ShareMemCommBuilder

for builder in (FusedAdamBuilder, ShareMemCommBuilder):
    builder().load(verbose=False)
