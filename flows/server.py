"""The Prefect server of a run: the user's, or one that passk starts and ends with the run."""

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import prefect
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_HOME,
    temporary_settings,
)

from flows import server_auth
from passk.base.errors import ConfigError, PasskError
from passk.base.redact import hidden
from passk.files import durable
from passk.files.scratch import beside
from passk.runtime import process_tree
from passk.runtime.ports import free_port

START_SECONDS = 300
"""Longest wait for a slow start on a busy machine. The death of the server is detected at once."""
ANSWER_SECONDS = 10
"""Longest wait for an answer of a running server."""
FLUSH_SECONDS = 10
EVENTS_ATTEMPTS = 60
"""Attempts, one a second, to send events to a server that restarts. Prefect drops events after 10."""
DATABASE = "prefect.db"
LISTENERS, _LISTEN = Path("/proc/net/tcp"), "0A"
LASTING_LEASES = {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"}
"""Variable that stores leases of concurrency slots in PREFECT_HOME. Prefect keeps them in memory by default, and a slot
would stay taken after the server ends. Only a server with the user's database needs them: it has the limits."""


@contextmanager
def prefect_server(log: Path, port: int | None = None) -> Iterator[str]:
    """Yield the API's address. A server that is started here listens on 127.0.0.1 and ends with the context.

    Such a server requires an authentication string (flows/server_auth.py). Inside the context, Prefect's clients in
    this process and its children send that string.

    port: port of a server that is started here; None: any free port. Raises PasskError if the server does not start or
    does not answer, ConfigError if the server at PREFECT_API_URL refuses the authentication string.

    Prefect can start a server by itself, but that server outlives a killed run.
    """
    if configured := PREFECT_API_URL.value():
        _require_access(configured)
        yield configured
        return
    secret = server_auth.auth_string()
    # A server with a fixed port is the same over restarts and uses the user's database.
    scratch = None if port else Path(tempfile.mkdtemp(prefix="passk-prefect-"))
    port = port or free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}/api"
    # Without this variable, the web pages use the API at port 4200.
    overrides = {"PREFECT_SERVER_UI_API_URL": address, **(_database(scratch) if scratch else {})}
    variables = {**({} if scratch else LASTING_LEASES), **protected(overrides | locked(port, secret))}
    before = {name: os.environ[name] for name in ("PREFECT_API_AUTH_STRING",) if name in os.environ}
    # A killed server restarts at the same port with the same database, while its clients still retry.
    server = process_tree.Kept(
        lambda: process_tree.start(command, log=log, environment=variables, scratch=scratch),
        name="Prefect's server",
    )
    try:
        if not server.wait_until(lambda: is_ours(port) and _answers(address), START_SECONDS):
            raise PasskError(f"Prefect's server did not start on 127.0.0.1:{port}; see {os.path.relpath(log)}")
        if scratch:
            _keep_empty(scratch)
        os.environ |= {"PREFECT_API_URL": address, "PREFECT_API_AUTH_STRING": secret}
        refresh_global_settings_context()
        EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=EVENTS_ATTEMPTS)
        yield address
    finally:
        # Otherwise Prefect retries to send queued events to the ended server when the interpreter exits.
        for worker in (EventsWorker, APILogWorker):
            worker.drain_all(timeout=FLUSH_SECONDS)
        EventsWorker.set_client_override(None)
        if os.environ.get("PREFECT_API_URL") == address:
            del os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]
            os.environ |= before
            refresh_global_settings_context()
        server.stop()


def locked(port: int, secret: str) -> dict[str, str]:
    """Return the variables that protect a local server from other web pages and other users.

    These names take precedence over the shorter names that Prefect also reads.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        # A browser may use the name localhost for 127.0.0.1.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
    }


def protected(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with the variables `variables`. Prefect reads a name in upper or lower case."""
    return {name: value for name, value in os.environ.items() if name.upper() not in variables} | dict(variables)


def _require_access(configured: str) -> None:
    address = hidden(configured)
    # Prefect's client applies the user's certificates and proxy.
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": ANSWER_SECONDS}, sync_client=True) as client,
    ):
        try:
            client.api_version()  # unlike the health check, it requires the string
        except httpx.TransportError as error:
            raise PasskError(
                f"PREFECT_API_URL: no server answers at {address} ({error}); start that server, or unset the variable"
            ) from None
        except (httpx.HTTPError, PrefectException, ValueError) as error:
            response = getattr(error, "response", None)
            if response is not None and response.status_code in (401, 403):
                raise ConfigError(
                    "PREFECT_API_AUTH_STRING",
                    f"the server at PREFECT_API_URL={address} refuses it",
                    "export the string of that server (docs/deploy.md)",
                ) from None


def _database(scratch: Path) -> dict[str, str]:
    """Return the variables that give a server its own SQLite database in `scratch`; none for another database.

    If two servers start at once on one SQLite file, both create its tables and one of them fails.
    """
    if not PREFECT_API_DATABASE_CONNECTION_URL.value().startswith("sqlite"):
        return {}
    variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{scratch / DATABASE}"}
    with contextlib.suppress(OSError):
        shutil.copyfile(_empty(), scratch / DATABASE)
        variables["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"  # the copy has them
    return variables


def _empty() -> Path:
    """Return the path of an empty Prefect database. Creating one takes some seconds."""
    return PREFECT_HOME.value() / f"passk-empty-{prefect.__version__}.db"


def _keep_empty(scratch: Path) -> None:
    """Copy a server's database before its first run, for later servers."""
    if _empty().exists() or not (scratch / DATABASE).exists():
        return
    # After an error, the next server creates its database itself.
    with contextlib.suppress(OSError, sqlite3.Error, PasskError), beside(_empty()) as temporary:
        with contextlib.closing(sqlite3.connect(scratch / DATABASE)) as database:
            database.execute("VACUUM INTO ?", [str(temporary / DATABASE)])
        durable.move(temporary / DATABASE, _empty())


def is_ours(port: int) -> bool:
    """Return whether only processes of this user listen at a port. Clients send the string to its server."""
    sockets = [line.split() for line in LISTENERS.read_text().splitlines()[1:]]
    users = {int(each[7]) for each in sockets if each[3] == _LISTEN and each[1].endswith(f":{port:04X}")}
    return users == {os.geteuid()}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
