"""The Prefect server of a run: the user's, or one of its own for as long as the run lasts."""

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import prefect
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context
from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.logging import get_logger
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
from passk.runtime import process_tree
from passk.runtime.ports import free_port

START_SECONDS = 300
"""for one that comes up slowly, on a machine that does much else; one that dies is noticed at once"""
ANSWER_SECONDS = 10
"""in which a server that runs already answers"""
FLUSH_SECONDS = 10
EVENTS_ATTEMPTS = 60
"""of events, a second each, to reach a server that comes back: after 10, as Prefect has it, they are lost"""
DATABASE = "prefect.db"
LISTENERS, _LISTEN = Path("/proc/net/tcp"), "0A"
LASTING_LEASES = {"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"}
"""Who holds a slot of a limit. In memory, as Prefect has it, a slot would by a server's end stay taken for ever. These
lie in PREFECT_HOME, so only a server whose database is the user's has them: it has the limits that they are of."""


@contextmanager
def prefect_server(log: Path, port: int | None = None) -> Iterator[str]:
    """Give the API's address. A server started here listens on 127.0.0.1 and ends with the context.

    Such a server demands an authentication string (flows/server_auth.py). Inside the context, Prefect's clients in this
    process and its children send that string.

    port: of a server that is started here; None: any free port. Raises PasskError where the server does not start or
    does not answer, ConfigError where the server at PREFECT_API_URL refuses the authentication string.

    Prefect would start a server by itself, but that one outlives a run that is killed.
    """
    if configured := PREFECT_API_URL.value():
        _require_access(configured)
        yield configured
        return
    secret = server_auth.auth_string()
    # One that is told its port stays the same from start to start, and so does its database: the user's.
    scratch = None if port else Path(tempfile.mkdtemp(prefix="passk-prefect-"))
    port = port or free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}/api"
    # The pages ask the API at port 4200 unless they are told where it is.
    own = {"PREFECT_SERVER_UI_API_URL": address, **(_database(scratch) if scratch else {})}
    variables = {**({} if scratch else LASTING_LEASES), **os.environ, **own, **locked(port, secret)}
    before = {name: os.environ[name] for name in ("PREFECT_API_AUTH_STRING",) if name in os.environ}
    # A killed one comes back at the same port with the same database, before its clients have given up asking.
    server = process_tree.Kept(
        lambda: process_tree.start(command, log=log, environment=variables, scratch=scratch),
        name="Prefect's server",
        say=get_logger("server").warning,
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
        # What is still queued would at the interpreter's exit be sent, again and again, to a server that is gone.
        for worker in (EventsWorker, APILogWorker):
            worker.drain_all(timeout=FLUSH_SECONDS)
        EventsWorker.set_client_override(None)
        if os.environ.get("PREFECT_API_URL") == address:
            del os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]
            os.environ |= before
            refresh_global_settings_context()
        server.stop()


def locked(port: int, secret: str) -> dict[str, str]:
    """Return the variables that close a server of this machine to other web pages and other users.

    These names take precedence over the shorter ones that Prefect also reads.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        # A browser may also know 127.0.0.1 as localhost.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
    }


def _require_access(configured: str) -> None:
    address = hidden(configured)
    # Prefect's own client: it knows the certificates and the proxy.
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": ANSWER_SECONDS}, sync_client=True) as client,
    ):
        try:
            client.api_version()  # unlike the health check, it needs the string
        except httpx.TransportError as error:
            raise PasskError(
                f"nobody answers at PREFECT_API_URL={address} ({error}); start that server, or unset it"
            ) from None
        except (httpx.HTTPError, PrefectException, ValueError) as error:
            response = getattr(error, "response", None)
            if response is not None and response.status_code in (401, 403):
                raise ConfigError(
                    f"PREFECT_API_AUTH_STRING: the server at PREFECT_API_URL={address} refuses it; "
                    "export the string of that server (docs/deploy.md)"
                ) from None


def _database(scratch: Path) -> dict[str, str]:
    """Variables that give a server a SQLite database of its own in `scratch`; none where there is a real one.

    Two servers that start at once on one SQLite file both make its tables, and one of them dies of it.
    """
    if not PREFECT_API_DATABASE_CONNECTION_URL.value().startswith("sqlite"):
        return {}
    variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{scratch / DATABASE}"}
    with contextlib.suppress(OSError):
        shutil.copyfile(_empty(), scratch / DATABASE)
        variables["PREFECT_API_BLOCKS_REGISTER_ON_START"] = "false"  # they are in it
    return variables


def _empty() -> Path:
    """A database as Prefect makes it at its first start, which takes some seconds."""
    return PREFECT_HOME.value() / f"passk-empty-{prefect.__version__}.db"


def _keep_empty(scratch: Path) -> None:
    """Keep a server's database as it is before its first run, for the servers after it."""
    if _empty().exists() or not (scratch / DATABASE).exists():
        return
    temporary = _empty().with_name(f".{_empty().name}.{os.getpid()}")
    # Without it the next start takes those seconds again.
    with contextlib.suppress(OSError, sqlite3.Error):
        with contextlib.closing(sqlite3.connect(scratch / DATABASE)) as database:
            database.execute("VACUUM INTO ?", [str(temporary)])
        temporary.replace(_empty())


def is_ours(port: int) -> bool:
    """Return whether processes of this user, and no others, listen at a port: its server is sent the string."""
    sockets = [line.split() for line in LISTENERS.read_text().splitlines()[1:]]
    users = {int(each[7]) for each in sockets if each[3] == _LISTEN and each[1].endswith(f":{port:04X}")}
    return users == {os.geteuid()}


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
