"""What a run shows to the network and to other users of the machine, looked at while it runs."""

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from flows.server_auth import FILE
from tests.processes import command_lines, descendants

PAUSE_SECONDS = 1.0
"""between two looks, each of which reads the sockets of the whole machine"""


class Watch:
    """Everything that was seen of the processes of one or more runs, in any of many looks."""

    def __init__(self, home: Path) -> None:
        """home: PREFECT_HOME of the runs."""
        self._home = home
        self.listening: dict[str, set[str]] = {}
        """address -> command lines of the processes that listened there"""
        self.lines: set[str] = set()
        self.private: dict[Path, int] = {}
        """directory of a Ray cluster -> its mode"""
        self.secrets: set[str] = set()
        self.looks = 0

    @contextmanager
    def of(self, pid: int) -> Iterator[None]:
        """Look at the descendants of a process again and again while the block runs."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                with suppress(psutil.Error):  # the process ended
                    self._look(pid)
                ended.wait(PAUSE_SECONDS)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _look(self, pid: int) -> None:
        sockets: dict[int, set[str]] = {}
        for connection in psutil.net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN and connection.pid is not None:
                sockets.setdefault(connection.pid, set()).add(connection.laddr.ip.removeprefix("::ffff:"))
        for process, words in command_lines(descendants(pid)):
            line = " ".join(words)
            self.lines.add(line)
            for address in sockets.get(process.pid, ()):
                self.listening.setdefault(address, set()).add(line)
            with suppress(psutil.Error, OSError):
                if file := process.environ().get("RAY_AUTH_TOKEN_PATH"):
                    self.private[Path(file).parent] = stat.S_IMODE(Path(file).parent.stat().st_mode)
                    self.secrets.add(Path(file).read_text())
        with suppress(OSError):
            self.secrets.add((self._home / FILE).read_text().strip())
        self.looks += 1
