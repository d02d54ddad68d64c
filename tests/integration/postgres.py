"""A PostgreSQL of the distribution in a directory of its own, on loopback."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from passk.runtime.ports import free_port

USER, PASSWORD, DATABASE = "prefect", "a-password-of-the-test", "prefect"


def programs() -> Path | None:
    """The directory with initdb and postgres; None where they are not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


class Postgres:
    """PostgreSQL refuses to run as root, so root runs it as the user `nobody`."""

    def __init__(self, bin_directory: Path) -> None:
        self._bin = bin_directory
        self.directory = Path(tempfile.mkdtemp(prefix="passk-postgres-"))
        self.port = free_port()
        self._data = self.directory / "data"
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
        password = self.directory / "password"
        password.write_text(PASSWORD)
        for path in (self.directory, password):
            os.chown(path, self._user, -1)
        self._run("initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self) -> None:
        words = ["-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.directory)]
        with (self.directory / "log.txt").open("a") as log:
            self.process = subprocess.Popen(
                [str(self._bin / "postgres"), *words], stdout=log, stderr=log, user=self._user, cwd=self.directory
            )
        deadline = time.monotonic() + 120
        while self._ended("pg_isready", *self._address):
            assert time.monotonic() < deadline and self.process.poll() is None, (self.directory / "log.txt").read_text()
            time.sleep(0.2)

    def create(self) -> None:
        """Make Prefect's database."""
        self._run("createdb", *self._address, "-U", USER, DATABASE)

    def kill(self) -> None:
        """As the loss of power ends it: no clean shutdown. Its children see that it is gone and end."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def value(self, query: str) -> str:
        """What a query of one row and one column gives."""
        return self._run("psql", *self._address, "-U", USER, "-At", "-c", query, DATABASE).strip()

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        shutil.rmtree(self.directory)

    @property
    def _address(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port)]

    def _run(self, program: str, *words: str) -> str:
        done = self._done(program, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _ended(self, program: str, *words: str) -> int:
        return self._done(program, *words).returncode

    def _done(self, program: str, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self._bin / program), *words], capture_output=True, text=True, user=self._user, cwd=self.directory,
            env={**os.environ, "HOME": str(self.directory), "PGPASSWORD": PASSWORD}, check=False,
        )  # fmt: skip
