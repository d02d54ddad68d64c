"""The file of the authentication string: who may read it, and what is refused."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_SERVER_API_AUTH_STRING, temporary_settings

from flows import server_auth
from passk.base.errors import ConfigError
from passk.base.redact import hidden

STRING = "passk:" + "a-long-password-" * 2


@pytest.fixture
def file(tmp_path):
    with temporary_settings(
        {PREFECT_HOME: tmp_path / "home"}, restore_defaults={PREFECT_SERVER_API_AUTH_STRING, PREFECT_API_URL}
    ):
        yield tmp_path / "home" / server_auth.FILE


def written(file, text=STRING, mode=0o600):
    file.parent.mkdir()
    file.write_text(text)
    file.chmod(mode)


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_the_string_is_made_once_for_its_owner_alone(file, umask):
    before = os.umask(umask)
    try:
        first = server_auth.auth_string()
    finally:
        os.umask(before)
    assert re.fullmatch(r"passk:[\w-]{43}", first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server_auth.auth_string() == first
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_deleted_file_gives_another_string(file):
    first = server_auth.auth_string()
    file.unlink()
    assert server_auth.auth_string() != first


def test_servers_that_start_at_once_have_one_string(file):
    make, read = server_auth._make, server_auth._read
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: make(file), range(64)))
        assert len(set(pool.map(lambda _: read(file), range(64)))) == 1
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666, 0o610])
def test_a_file_that_others_have_access_to_is_refused(file, mode):
    written(file, mode=mode)
    with pytest.raises(
        ConfigError, match=rf"^{file}: other users have access to it \(mode {mode:04o}\); delete it, .*$"
    ):
        server_auth.auth_string()


def test_a_file_of_another_user_is_refused(file, monkeypatch):
    written(file)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(ConfigError, match=rf"^{file}: belongs to another user \(uid \d+\); delete it, .*$"):
        server_auth.auth_string()


@pytest.mark.parametrize("target", ["good", "none"])
def test_a_symbolic_link_is_refused_and_not_followed(file, tmp_path, target):
    elsewhere = tmp_path / "elsewhere"
    if target == "good":
        elsewhere.write_text(STRING)
        elsewhere.chmod(0o600)
    file.parent.mkdir()
    file.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=rf"^{file}: is a symbolic link; delete it, .*$"):
        server_auth.auth_string()
    assert elsewhere.exists() == (target == "good")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused_at_once(file, make):
    file.parent.mkdir()
    make(file, 0o600)
    with pytest.raises(ConfigError, match=f"^{file}: .*; .*$"):
        server_auth.auth_string()


@pytest.mark.parametrize("text", ["", "passk", "passk:short", ":" + "a" * 20, "passk:" + "a b" * 9, STRING + "\nmore"])
def test_a_damaged_file_is_refused_without_its_text(file, text):
    written(file, text)
    with pytest.raises(ConfigError, match=f"^{file}: is not USER:PASSWORD ") as refused:
        server_auth.auth_string()
    assert text.strip() == "" or text.splitlines()[0] not in str(refused.value).replace(str(file), "")


def test_a_directory_that_takes_no_file_is_one_line(file):
    file.parent.write_text("a file in its place")
    with pytest.raises(ConfigError, match=f"^{file}: .*; set PREFECT_HOME to a directory that you own$"):
        server_auth.auth_string()


def test_the_users_own_string_takes_the_place_of_the_file(file):
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "me:my own"}):
        assert server_auth.auth_string() == "me:my own"
        assert not file.exists()
        shown = [server_auth.page_asks(), *server_auth.exports("http://127.0.0.1:4200/api")]
        assert "my own" not in "".join(shown)
        assert shown[-1] == 'export PREFECT_API_AUTH_STRING="$PREFECT_SERVER_API_AUTH_STRING"'


def test_a_person_is_shown_the_file_and_never_the_string(file):
    secret = server_auth.auth_string()
    shown = [server_auth.page_asks(), *server_auth.exports("http://127.0.0.1:4200/api")]
    assert shown == [
        f" (the page asks for the string in {file})",
        "export PREFECT_API_URL=http://127.0.0.1:4200/api",
        f'export PREFECT_API_AUTH_STRING="$(cat {file})"',
    ]
    assert secret not in "".join(shown) and hidden("".join(shown)) == "".join(shown)
    with temporary_settings({PREFECT_API_URL: "http://10.0.0.1:4200/api"}):
        assert server_auth.page_asks() == ""
        assert server_auth.exports("http://10.0.0.1:4200/api") == ["export PREFECT_API_URL=http://10.0.0.1:4200/api"]
