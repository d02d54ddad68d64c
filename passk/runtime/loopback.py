"""Keep torch's rendezvous of a single machine off the network.

`torch.distributed.TCPStore` takes requests of anybody, without authentication, and its server listens on all
interfaces whatever its address. With `install`, a server whose address is loopback listens on that address alone. Only
processes of the same machine can be its peers, so nothing else changes.
"""

import errno
import inspect
import ipaddress
import socket
from types import ModuleType
from typing import Any

from passk.cpu.on_import import on_import

# torch's own parameters, by position
_PARAMETERS = ("host_name", "port", "world_size", "is_master", "timeout", "wait_for_workers", "multi_tenant",
               "master_listen_fd", "use_libuv")  # fmt: skip
_SIGNATURE = inspect.Signature(
    [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in _PARAMETERS[:2]]
    + [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in _PARAMETERS[2:]]
)

# What the libraries of a training read. They would take the machine's outside address otherwise.
ENVIRONMENT = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", "VLLM_HOST_IP": "127.0.0.1"}


def install() -> None:
    """Bind the stores that this process opens from now on. Safe to repeat, and cheap where torch is not imported."""
    on_import("torch.distributed.rendezvous", _bind_stores)


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's loopback. A host name is not, whatever it resolves to here.

    Other machines may resolve the same name to an address of the network.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bind_stores(rendezvous: ModuleType) -> None:
    store = rendezvous.TCPStore
    upstream = store.__init__
    if getattr(upstream, "binds_loopback", False):
        return

    def init(self: Any, *given: Any, **options: Any) -> None:
        request = _SIGNATURE.bind(*given, **options).arguments
        if request.get("is_master") and request.get("master_listen_fd") is None and is_loopback(request["host_name"]):
            request |= _listener(request["host_name"], request["port"])
        upstream(self, **request)

    init.binds_loopback = True
    store.__init__ = init


def _listener(host: str, port: int) -> dict[str, int]:
    """Return the arguments that hand over a listening socket; none where the port is taken.

    Then torch finds the server of its own that has the port (`multi_tenant`), or raises its own error.
    """
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return {}
    return {"port": listener.getsockname()[1], "master_listen_fd": listener.detach()}
