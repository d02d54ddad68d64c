"""Setup that every process of a training or an evaluation runs first.

The driver and the launcher call it. Ray's workers run it as `worker_process_setup_hook`, and vLLM's engine processes
as a vLLM general plugin (pyproject.toml).
"""

import os

from passk import cpu
from passk.cpu import operators
from passk.runtime import loopback, parent_monitor


def install() -> None:
    """Keep torch's rendezvous on loopback, and install the CPU stand-ins if the environment requests them.

    A process that multiprocessing started ends with its parent from now on. PATH finds this environment's ninja first:
    the workers of a cluster at RAY_ADDRESS have the PATH of `ray start`.
    """
    os.environ["PATH"] = operators.path(os.environ)
    parent_monitor.install()
    loopback.install()
    cpu.install_if_requested()
