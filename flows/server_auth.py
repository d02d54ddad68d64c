"""The authentication string of the Prefect servers that passk starts.

The string is in a file that only its owner can read, in Prefect's home. Server, worker and `prefect` commands all use
it. It reaches them through their environment, never through a command line, which every local user can read. Delete
the file to change the string; the next server makes a new one.
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

FILE = "passk-auth-string"
_FORM = re.compile(r"[!-9;-~]+:[!-~]{16,}")  # user:password, printable ASCII, no space
_LONGEST = 4096


def auth_file() -> Path | None:
    """Return the file of the string; None where the user's own PREFECT_SERVER_API_AUTH_STRING takes its place."""
    return None if PREFECT_SERVER_API_AUTH_STRING.value() else PREFECT_HOME.value() / FILE


def auth_string() -> str:
    """Return the string, and make its file first where there is none. Raises ConfigError where others can read it."""
    if (file := auth_file()) is None:
        return PREFECT_SERVER_API_AUTH_STRING.value()
    try:
        if not os.path.lexists(file):
            _make(file)
        return _read(file)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(f"{file}: {reason}; set PREFECT_HOME to a directory that you own") from None


def page_asks() -> str:
    """Return what the web page asks for, without the string itself; nothing where the server is the user's own.

    Call this before a server is started: afterwards PREFECT_API_URL is set in any case.
    """
    if PREFECT_API_URL.value():
        return ""
    return f" (the page asks for the string in {auth_file() or 'PREFECT_SERVER_API_AUTH_STRING'})"


def exports(address: str) -> list[str]:
    """Return the shell lines that join the server at `address`, without the string itself. Call this as page_asks."""
    lines = [f"export PREFECT_API_URL={address}"]
    if not PREFECT_API_URL.value():
        file = auth_file()
        value = f"$(cat {shlex.quote(str(file))})" if file else "$PREFECT_SERVER_API_AUTH_STRING"
        lines.append(f'export PREFECT_API_AUTH_STRING="{value}"')
    return lines


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{FILE}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as output:
            output.write(f"passk:{secrets.token_urlsafe(32)}\n")
        # A link never replaces a file: of two servers that start at once, both use the string of the first.
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def _read(file: Path) -> str:
    mend = "delete it, and the next start makes a new one"
    if file.is_symlink():
        raise ConfigError(f"{file}: is a symbolic link; {mend}")
    # Checked again by the kernel: a link may have taken its place, and a pipe must not keep us waiting.
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle) as opened:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{file}: is not a regular file; {mend}")
        if status.st_uid != os.geteuid():
            raise ConfigError(f"{file}: belongs to another user (uid {status.st_uid}); {mend}")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise ConfigError(f"{file}: other users have access to it (mode {mode:04o}); {mend}")
        text = opened.read(_LONGEST).strip()
    if not _FORM.fullmatch(text):
        raise ConfigError(f"{file}: is not USER:PASSWORD with a password of 16 letters or more; {mend}")
    return text
