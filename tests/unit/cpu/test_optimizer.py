"""DeepSpeed's Adam on a CPU: a step is what it is, whether the process made the steps before it or not."""

import subprocess
import sys

# In a process of its own: the kernel's state is the process's.
PROGRAM = """
import os
from passk.cpu import ENVIRONMENT_SWITCH, install_if_requested, operators
os.environ |= {ENVIRONMENT_SWITCH: "1", "DS_ACCELERATOR": "cpu", "TORCH_EXTENSIONS_DIR": str(operators.DIRECTORY)}
os.environ["PATH"] = operators.path(os.environ)
install_if_requested()
import torch
from deepspeed.ops.adam import FusedAdam

def stepped(optimizer, weight, steps):
    for step in steps:
        weight.grad = torch.sin(torch.arange(1000.0) * step)
        optimizer.step()

def made():
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 1000))
    return weight, FusedAdam([weight], lr=1e-3, betas=(0.9, 0.95))

whole, optimizer = made()
stepped(optimizer, whole, range(1, 7))
middle, weights = optimizer.state_dict(), whole.detach().clone()
state = {name: value.clone() if torch.is_tensor(value) else value for name, value in middle["state"][0].items()}
stepped(optimizer, whole, range(7, 31))

resumed, optimizer = made()
resumed.data.copy_(weights)
optimizer.load_state_dict({**middle, "state": {0: state}})
stepped(optimizer, resumed, range(7, 31))
print("equal", torch.equal(whole, resumed), "moved", not torch.equal(weights, whole))
"""


def test_a_resumed_optimizer_makes_the_steps_of_one_that_was_never_stopped_to_the_last_bit():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert "equal True moved True" in done.stdout, done.stdout + done.stderr
