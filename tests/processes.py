"""What runs, asked while it comes and goes: a process that ends between two looks is left out, never an error."""

import contextlib
from collections.abc import Iterable, Iterator

import psutil


def command_lines(processes: Iterable[psutil.Process]) -> Iterator[tuple[psutil.Process, list[str]]]:
    """Those that live, each with the words of its command line."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if words := process.cmdline():  # none: it is about to end
                yield process, words


def named(processes: Iterable[psutil.Process]) -> list[str]:
    """Number and name of each."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found.append(f"{process.pid} {process.name()}")
    return found


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """All that `pid`, or else this process, has started, and what those have."""
    return psutil.Process(pid).children(recursive=True)


def living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; one that nobody has reaped has."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def marked(variable: str, value: str) -> list[psutil.Process]:
    """Those of the machine that live and have the variable in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value:
                found.append(process)
    return living(found)


def listening(processes: Iterable[psutil.Process]) -> set[str]:
    """The addresses on which they take connections."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            sockets = process.net_connections(kind="inet")
            taking = [socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN]
            found |= {address.removeprefix("::ffff:") for address in taking}  # IPv4 on a socket of IPv6
    return found
