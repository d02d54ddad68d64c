"""What every process of a training or an evaluation installs before anything else.

The driver and the launcher call it. Ray's workers do by `worker_process_setup_hook`, and vLLM's engine processes as a
vLLM general plugin (pyproject.toml).
"""

from passk import cpu
from passk.runtime import loopback


def install() -> None:
    """Keep torch's rendezvous on loopback, and install the CPU stand-ins where the environment asks for them."""
    loopback.install()
    cpu.install_if_asked()
