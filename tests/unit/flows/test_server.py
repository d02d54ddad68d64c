"""A server that is configured and not there. Those that a run starts are tests/integration's matter."""

import os
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows import server
from flows.server import LASTING_LEASES, prefect_server
from passk.base.errors import ConfigError, PasskError
from passk.runtime.ports import free_port


def test_a_configured_server_that_does_not_answer_is_one_line_with_the_mend(tmp_path):
    address = f"http://127.0.0.1:{free_port()}/api"
    with (
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(PasskError, match=f"^PREFECT_API_URL: no server answers at {address} .*; start that server, "),
        prefect_server(tmp_path / "prefect.log"),
    ):
        pass


@contextmanager
def answering(status):
    """The address of a server that answers every request with that status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        def log_message(self, *words):
            pass

    answers = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=answers.serve_forever, daemon=True).start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{answers.server_port}/api"}):
            yield f"http://127.0.0.1:{answers.server_port}/api"
    finally:
        answers.shutdown()
        answers.server_close()


def test_a_configured_server_that_answers_whatever_is_used(tmp_path):
    with answering(404) as address, prefect_server(tmp_path / "prefect.log") as used:
        assert used == address


@pytest.mark.parametrize("status", [401, 403])
def test_a_configured_server_that_refuses_the_string_is_one_line_without_it(tmp_path, status):
    with answering(status) as address, temporary_settings({PREFECT_API_AUTH_STRING: "me:another-servers"}):
        with pytest.raises(ConfigError) as refused, prefect_server(tmp_path / "prefect.log"):
            pass
        assert str(refused.value).startswith(
            f"PREFECT_API_AUTH_STRING: the server at PREFECT_API_URL={address} refuses"
        )
        assert "\n" not in str(refused.value) and "another-servers" not in str(refused.value)


def test_a_port_that_another_user_listens_at_is_not_ours(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert server.is_ours(port)
        monkeypatch.setattr(server.os, "geteuid", lambda: 1 + os.getuid())
        assert not server.is_ours(port)
    monkeypatch.undo()
    assert not server.is_ours(port)


def test_a_local_server_answers_its_own_pages_alone_and_asks_for_the_string():
    """test_server_security.py attacks a real server; this test names the variables."""
    variables = server.locked(4321, "passk:a-string")
    assert variables["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4321,http://localhost:4321"
    assert variables["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert variables["PREFECT_SERVER_API_AUTH_STRING"] == "passk:a-string"


def test_a_variable_of_the_user_does_not_open_the_server_whatever_its_case(monkeypatch):
    closed = server.locked(4321, "passk:a-string")
    for name in closed:
        monkeypatch.setenv(name.lower(), "false")
        monkeypatch.setenv(name, "*")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    variables = server.protected(closed)
    assert {name: value for name, value in variables.items() if name.upper() in closed} == closed
    assert variables["PREFECT_LOGGING_LEVEL"] == "DEBUG"


def test_a_clusters_server_is_told_to_keep_its_leases_as_ours_is():
    recipe = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()
    for name, value in LASTING_LEASES.items():
        assert f"export {name}={value}\n" in recipe
