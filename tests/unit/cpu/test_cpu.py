"""The stand-ins for CUDA: in the processes that ask for them, and in no other."""

import json
import subprocess
import sys

# In a process of its own: what is installed stays.
PROGRAM = """
import json, os, sys
from passk import cpu

def installed():
    cpu.install_if_requested()
    finders = [finder for finder in sys.meta_path if type(finder).__module__.startswith("passk.")]
    return {
        "finder": bool(finders),
        "imported": [name for name in ("flash_attn", "torch") if name in sys.modules],
    }

os.environ.pop(cpu.ENVIRONMENT_SWITCH, None)
unset = installed()
os.environ[cpu.ENVIRONMENT_SWITCH] = "0"
off = installed()
os.environ[cpu.ENVIRONMENT_SWITCH] = "1"
print(json.dumps([unset, off, installed()]))
"""


def test_nothing_stands_in_for_cuda_or_flash_attention_unless_the_environment_asks_for_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unset, off, on = json.loads(done.stdout)
    assert unset == off == {"finder": False, "imported": []}
    assert on == {"finder": True, "imported": ["flash_attn"]}
