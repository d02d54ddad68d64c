"""The authentication string of the Prefect servers that passk starts.

The string is in a file in Prefect's home that only its owner can read. Servers, workers and `prefect` commands use it.
passk passes it in the environment, never on a command line, which every local user can read. To change the string,
delete the file; the next server makes a new one.
"""

import os
import re
import secrets
import shlex
import stat
import tempfile
from pathlib import Path

from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_SERVER_API_AUTH_STRING

from passk.base.errors import ConfigError
from passk.files import durable

FILE = "passk-auth-string"
_FORM = re.compile(r"[!-9;-~]+:[!-~]{16,}")  # user:password, printable ASCII, no space
_LONGEST = 4096


def auth_file() -> Path | None:
    """Return the file of the string; None if PREFECT_SERVER_API_AUTH_STRING is set, which takes precedence."""
    return None if PREFECT_SERVER_API_AUTH_STRING.value() else PREFECT_HOME.value() / FILE


def auth_string() -> str:
    """Return the string. Make its file first if there is none. Raises ConfigError if other users can read the file."""
    if (file := auth_file()) is None:
        return PREFECT_SERVER_API_AUTH_STRING.value()
    try:
        if not os.path.lexists(file):
            _make(file)
        return _read(file)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(str(file), reason, "set PREFECT_HOME to a directory that you own") from None


def page_asks() -> str:
    """Return a note that says where the web page's string is, without the string; empty for the user's server.

    Call it before a server starts: then PREFECT_API_URL is still the user's.
    """
    if PREFECT_API_URL.value():
        return ""
    return f" (the page asks for the string in {auth_file() or 'PREFECT_SERVER_API_AUTH_STRING'})"


def exports(address: str) -> list[str]:
    """Return the shell lines that join the server at `address`, without the string. Call it before a server starts."""
    lines = [f"export PREFECT_API_URL={address}"]
    if not PREFECT_API_URL.value():
        file = auth_file()
        value = f"$(cat {shlex.quote(str(file))})" if file else "$PREFECT_SERVER_API_AUTH_STRING"
        lines.append(f'export PREFECT_API_AUTH_STRING="{value}"')
    return lines


def _make(file: Path) -> None:
    """Create the file with mode 0600 and a new string, unless it exists."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{FILE}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as output:
            output.write(f"passk:{secrets.token_urlsafe(32)}\n")
        durable.flush(Path(temporary))
        # A link never replaces a file, so two servers that start at once use the same string.
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def _read(file: Path) -> str:
    fix = "delete it, and the next start makes a new one"
    if file.is_symlink():
        raise ConfigError(str(file), "is a symbolic link", fix)
    # The kernel checks again: a link may have replaced the file, and opening a pipe must not block.
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle) as opened:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(str(file), "is not a regular file", fix)
        if status.st_uid != os.geteuid():
            raise ConfigError(str(file), f"belongs to another user (uid {status.st_uid})", fix)
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise ConfigError(str(file), f"other users have access to it (mode {mode:04o})", fix)
        text = opened.read(_LONGEST).strip()
    if not _FORM.fullmatch(text):
        raise ConfigError(str(file), "is not USER:PASSWORD with a password of 16 or more characters", fix)
    return text
