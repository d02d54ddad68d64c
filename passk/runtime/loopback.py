"""Keep torch's rendezvous of a single machine off the network.

`torch.distributed.TCPStore` has no authentication, and its server listens on all interfaces whatever its address.
After `install`, a server with a loopback address listens on that address only. Its peers are on the same machine
anyway, so nothing else changes.
"""

import errno
import inspect
import ipaddress
import socket
from types import ModuleType
from typing import Any

from passk.cpu.on_import import on_import

# torch's parameters, by position
_PARAMETERS = ("host_name", "port", "world_size", "is_master", "timeout", "wait_for_workers", "multi_tenant",
               "master_listen_fd", "use_libuv")  # fmt: skip
_SIGNATURE = inspect.Signature(
    [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in _PARAMETERS[:2]]
    + [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in _PARAMETERS[2:]]
)

# Variables of Gloo, NCCL and vLLM. Otherwise these libraries use the machine's external address.
ENVIRONMENT = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", "VLLM_HOST_IP": "127.0.0.1"}


def install() -> None:
    """Bind the stores that this process opens from now on. Repeated calls are safe, and cheap without torch."""
    on_import("torch.distributed.rendezvous", _bind_stores)


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's loopback. A host name other than localhost is not.

    Other machines may resolve the same name to a network address.
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

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        request = _SIGNATURE.bind(*arguments, **options).arguments
        if request.get("is_master") and request.get("master_listen_fd") is None and is_loopback(request["host_name"]):
            request |= _listener(request["host_name"], request["port"])
        upstream(self, **request)

    init.binds_loopback = True
    store.__init__ = init


def _listener(host: str, port: int) -> dict[str, int]:
    """Return the arguments that pass a listening socket to torch, or none if the port is taken.

    In that case torch reuses its own server at the port (`multi_tenant`), or raises its own error.
    """
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return {}
    return {"port": listener.getsockname()[1], "master_listen_fd": listener.detach()}
