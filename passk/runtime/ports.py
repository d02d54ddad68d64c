"""Ports for servers that need a fixed port: no two runs on a machine get the same one.

Seconds pass between the choice of a port and the server's bind. The port is therefore outside the kernel's range of
ephemeral ports. An abstract Unix socket with the port's name reserves it among passk's processes until this process
ends. Linux only.
"""

import random
import socket
from pathlib import Path

from passk.base.errors import PasskError

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000  # Ray's workers use 10002-19999
_TRIES = 500
_kept: list[socket.socket] = []


def free_port() -> int:
    """Return a free port of 127.0.0.1, reserved for this process until it ends.

    Raises PasskError if no port is free.
    """
    first, last = map(int, _EPHEMERAL.read_text().split())
    outside = [*range(_LOWEST, first), *range(max(last + 1, _LOWEST), 2**16)]
    choices = outside or range(_LOWEST, 2**16)
    for port in random.SystemRandom().sample(choices, min(_TRIES, len(choices))):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0passk-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _kept.append(name)
        return port
    raise PasskError(f"127.0.0.1: none of {_TRIES} tried ports is free; end the processes that listen there")
