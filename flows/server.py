"""The Prefect server of a run: the user's, or one of its own for as long as the run lasts."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL

from passk import guard
from passk.errors import PasskError
from passk.openrlhf.environment import free_port

START_SECONDS = 120
FLUSH_SECONDS = 10


@contextmanager
def prefect_server(log: Path, port: int | None = None) -> Iterator[str]:
    """Give the API's address. One that was started here listens on 127.0.0.1 and is gone afterwards.

    port: of a server that is started here; None: any that is free.

    Prefect would start a server by itself, but that one outlives a run that is killed.
    """
    if configured := PREFECT_API_URL.value():
        yield configured
        return
    port = port or free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}/api"
    # The pages ask the API at port 4200 unless they are told where it is.
    server = guard.start(command, log=log, environment={**os.environ, "PREFECT_SERVER_UI_API_URL": address})
    try:
        if not server.wait_until(lambda: _answers(address), START_SECONDS):
            raise PasskError(f"Prefect's server did not start on 127.0.0.1:{port}; see {os.path.relpath(log)}")
        os.environ["PREFECT_API_URL"] = address
        refresh_global_settings_context()
        yield address
    finally:
        # What is still queued would at the interpreter's exit be sent, again and again, to a server that is gone.
        for worker in (EventsWorker, APILogWorker):
            worker.drain_all(timeout=FLUSH_SECONDS)
        if os.environ.get("PREFECT_API_URL") == address:
            del os.environ["PREFECT_API_URL"]
            refresh_global_settings_context()
        server.stop()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
