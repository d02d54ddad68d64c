"""A server that is configured and not there. Those that a run starts are tests/integration's matter."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.server import LASTING_LEASES, prefect_server
from passk.base.errors import PasskError
from passk.runtime.ports import free_port


def test_a_configured_server_that_does_not_answer_is_one_line_with_the_mend(tmp_path):
    address = f"http://127.0.0.1:{free_port()}/api"
    with (
        temporary_settings({PREFECT_API_URL: address}),
        pytest.raises(PasskError, match=f"^nobody answers at PREFECT_API_URL={address} .*; start that server, "),
        prefect_server(tmp_path / "prefect.log"),
    ):
        pass


class Refuses(BaseHTTPRequestHandler):
    """As a server does that wants a password, or has no such page."""

    def do_GET(self):
        self.send_error(401)

    def log_message(self, *words):
        pass


def test_a_configured_server_that_answers_whatever_is_used(tmp_path):
    server = HTTPServer(("127.0.0.1", 0), Refuses)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api"
    try:
        with temporary_settings({PREFECT_API_URL: address}), prefect_server(tmp_path / "prefect.log") as used:
            assert used == address
    finally:
        server.shutdown()
        server.server_close()


def test_a_clusters_server_is_told_to_keep_its_leases_as_ours_is():
    recipe = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()
    for name, value in LASTING_LEASES.items():
        assert f"export {name}={value}\n" in recipe
