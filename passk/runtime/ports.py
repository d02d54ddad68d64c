"""Ports for servers that are told theirs: no two runs on a machine are given the same one.

Between the choice of a port and the server's bind lie seconds. So it is chosen outside of the range from which
the kernel gives a port to whoever asks for any, and an abstract Unix socket of its name, which the kernel frees
when this process ends, keeps other processes of passk off it. Linux only.
"""

import random
import socket
from pathlib import Path

from passk.base.errors import PasskError

_GIVEN_BY_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000  # Ray's workers have 10002-19999
_TRIES = 500
_kept: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, kept for this process for as long as it lives.

    Raises PasskError where none is found.
    """
    first, last = map(int, _GIVEN_BY_KERNEL.read_text().split())
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
    raise PasskError(f"no free port on 127.0.0.1 among {_TRIES} tried; end what listens there")
