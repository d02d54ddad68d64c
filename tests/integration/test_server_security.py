"""Attacks on the Prefect server that passk starts: other web pages, other users, and where the string may leak."""

import asyncio
import base64
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
import websockets
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context

from flows.server import prefect_server
from flows.server_auth import FILE
from passk.base.errors import ConfigError
from passk.runtime.ports import free_port
from tests.processes import command_lines, descendants, listening

pytestmark = pytest.mark.slow

FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on a port of ours, as `make serve` starts it, and its string."""
    directory = tmp_path_factory.mktemp("locked")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"):
            patched.delenv(name, raising=False)
        patched.setenv("PREFECT_HOME", str(directory / "prefect"))
        # what a user's shell may hold: the server stays closed
        patched.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")
        patched.setenv("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "false")
        refresh_global_settings_context()
        with prefect_server(directory / "server.log", free_port()) as address:
            secret = (directory / "prefect" / FILE).read_text().strip()
            yield SimpleNamespace(
                address=address, root=address.removesuffix("/api"), secret=secret, directory=directory
            )
    refresh_global_settings_context()


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def csrf(server, client: str = "a-client") -> dict[str, str]:
    """The headers that a request which changes something needs, as a client with the string gets them."""
    answer = httpx.get(f"{server.address}/csrf-token", params={"client": client}, headers=basic(server.secret))
    return {"Prefect-Csrf-Token": answer.raise_for_status().json()["token"], "Prefect-Csrf-Client": client}


def flows_known(server) -> int:
    answer = httpx.post(
        f"{server.address}/flows/count", json={}, headers={**basic(server.secret), **csrf(server, "counter")}
    )
    return answer.raise_for_status().json()


def test_prefects_own_clients_get_through(server):
    with get_client(sync_client=True) as client:
        assert client.read_work_pools() == []

    @flow
    def adding() -> int:
        return task(lambda: 2, name="two")() + 1

    assert adding() == 3


@pytest.mark.parametrize("given", ["none", "wrong", "half", "empty", "user alone", "bearer", "not base64", "not ascii"])
def test_without_the_string_nothing_is_read_or_changed(server, given):
    headers = {
        "none": {},
        "wrong": basic("passk:" + "x" * 43),
        "half": basic(server.secret[:-1]),
        "empty": {"Authorization": "Basic"},
        "user alone": basic("passk:"),
        "bearer": {"Authorization": f"Bearer {server.secret}"},
        "not base64": {"Authorization": f"Basic {server.secret}"},
        "not ascii": basic("passk:\u00e9" + "x" * 42),
    }[given]
    before = flows_known(server)
    refused = (401, 500) if given == "not ascii" else (401,)
    for path in ("/admin/version", "/admin/settings", "/csrf-token?client=a-client"):
        answer = httpx.get(server.address + path, headers=headers)
        assert answer.status_code in refused and server.secret not in answer.text, path
    posted = httpx.post(f"{server.address}/flows/", json={"name": f"by {given}"}, headers={**headers, **csrf(server)})
    assert posted.status_code in refused
    assert flows_known(server) == before


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4200", "localhost", "0.0.0.0", ""])
def test_a_name_that_was_bound_to_loopback_again_opens_nothing(server, host):
    """DNS rebinding: the page is of the same origin for the browser, and has not the string."""
    with httpx.Client(headers={"Host": host, "Origin": f"http://{host}"}) as page:
        for path in ("/flows/count", "/deployments/filter", "/work_pools/filter"):
            assert page.post(server.address + path, json={}).status_code in (400, 401, 403)
        assert page.get(f"{server.address}/admin/version").status_code in (400, 401)


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"])
def test_another_origin_may_not_read_an_answer_nor_ask_with_the_string(server, origin):
    read = httpx.get(f"{server.address}/admin/version", headers={"Origin": origin, **basic(server.secret)})
    assert "access-control-allow-origin" not in read.headers
    preflight = httpx.options(
        f"{server.address}/flows/",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,prefect-csrf-token",
        },
    )
    assert preflight.status_code == 400 and "access-control-allow-origin" not in preflight.headers


def test_the_servers_own_pages_may_ask(server):
    for origin in (server.root, server.root.replace("127.0.0.1", "localhost")):
        answer = httpx.get(f"{server.address}/admin/version", headers={"Origin": origin, **basic(server.secret)})
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == origin
    settings = httpx.get(f"{server.root}/ui-settings").json()
    assert settings["auth"] == "BASIC" and settings["csrf_enabled"] is True
    assert server.secret not in httpx.get(f"{server.root}/ui-settings").text + httpx.get(server.root + "/").text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
@pytest.mark.parametrize("string", [True, False])
def test_a_post_that_needs_no_preflight_changes_nothing(server, kind, string):
    """What a form or a script of any page can send, even where the browser should add the string by itself."""
    before = flows_known(server)
    headers = {
        "Origin": FOREIGN,
        **({"Content-Type": kind} if kind else {}),
        **(basic(server.secret) if string else {}),
    }
    answer = httpx.post(f"{server.address}/flows/", content=json.dumps({"name": f"by {kind}"}), headers=headers)
    assert answer.status_code == 403
    assert flows_known(server) == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_change_with_the_string_and_without_a_csrf_token_is_refused(server, method):
    wrong = {"Prefect-Csrf-Token": "a" * 64, "Prefect-Csrf-Client": "a-client"}
    for headers in ({}, wrong):
        answer = httpx.request(
            method, f"{server.address}/flows/", json={"name": "x"}, headers={**basic(server.secret), **headers}
        )
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled"])
@pytest.mark.parametrize("given", ["no protocol", "no string", "wrong string", "string"])
def test_a_websocket_opens_with_the_string_alone(server, path, given):
    """No browser holds a page back from a websocket of another origin."""

    async def speak() -> str:
        protocols = None if given == "no protocol" else ["prefect"]
        address = server.address.replace("http", "ws") + path
        try:
            async with websockets.connect(address, subprotocols=protocols, origin=FOREIGN) as socket:
                token = {"wrong string": "passk:" + "x" * 43, "string": server.secret}.get(given)
                await socket.send(json.dumps({"type": "auth", "token": token}))
                return json.loads(await asyncio.wait_for(socket.recv(), 20))["type"]
        except websockets.exceptions.WebSocketException as refused:
            return type(refused).__name__

    answer = asyncio.run(speak())
    assert (answer == "auth_success") == (given == "string"), answer


def test_the_string_is_in_no_command_line_log_or_database(server):
    password = server.secret.partition(":")[2]
    forms = [server.secret, password, base64.b64encode(server.secret.encode()).decode()]
    lines = [" ".join(words) for _, words in command_lines(descendants())]
    assert any("prefect" in line for line in lines)
    assert not [line for line in lines if any(form in line for form in forms)]
    files = [file for file in server.directory.rglob("*") if file.is_file() and file.name != FILE]
    assert any(file.name == "prefect.db" for file in files) and any(file.name == "server.log" for file in files)
    for file in files:
        content = file.read_bytes()
        assert not [form for form in forms if form.encode() in content], file
    assert stat.S_IMODE((server.directory / "prefect" / FILE).stat().st_mode) == 0o600


def test_the_string_is_in_the_environment_of_this_user_alone(server):
    for process in descendants():
        with suppress(psutil.Error):
            assert process.uids().real == os.geteuid()
            # the file through which the kernel shows an environment
            assert stat.S_IMODE(Path(f"/proc/{process.pid}/environ").stat().st_mode) & 0o077 == 0


def test_the_server_listens_on_loopback_alone(server):
    assert listening(descendants()) == {"127.0.0.1"}


@pytest.mark.parametrize("place", ["link", "open"])
def test_no_server_starts_with_a_string_that_others_have_a_hand_in(tmp_path, place):
    file = tmp_path / "prefect" / FILE
    file.parent.mkdir()
    if place == "link":
        (tmp_path / "theirs").write_text("passk:" + "t" * 43)
        file.symlink_to(tmp_path / "theirs")
    else:
        file.write_text("passk:" + "t" * 43)
        file.chmod(0o644)
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("PREFECT_API_URL", raising=False)
        patched.setenv("PREFECT_HOME", str(file.parent))
        refresh_global_settings_context()
        with pytest.raises(ConfigError, match=f"^{file}: .*; delete it, "), prefect_server(tmp_path / "server.log"):
            pass
    refresh_global_settings_context()
    assert not (tmp_path / "server.log").exists()


def test_variables_of_this_process_are_as_before_when_the_server_is_gone(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "me:another-servers-string")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    refresh_global_settings_context()
    with prefect_server(tmp_path / "server.log"):
        assert os.environ["PREFECT_API_AUTH_STRING"] == (tmp_path / "prefect" / FILE).read_text().strip()
    assert os.environ["PREFECT_API_AUTH_STRING"] == "me:another-servers-string"
    assert "PREFECT_API_URL" not in os.environ
