"""What a whole run shows to the network and to other users of the machine, looked at while it trains and evaluates."""

import re
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from flows.server_auth import FILE
from tests.processes import command_lines, descendants

from .conftest import EXPERIMENT, left_after, passk, prepared

SHORT = EXPERIMENT.replace("steps: 24", "steps: 2").replace("steps: 8,", "steps: 2,")
LOOPBACK = {"127.0.0.1", "::1"}
AT_WORK = {
    "server": "prefect server start",
    "job server": "ray/dashboard/dashboard.py",
    "raylet": "raylet/raylet",
    "sft": "passk.openrlhf.sft",
    "rl": "passk.openrlhf --",
    "trainer": "ray::PasskPolicy",
    "engine": "ray::PasskEngine",
    "evaluation": "passk.evaluation.evaluate",
}


class Seen:
    """Everything that was seen of the processes of a run, in any of many looks."""

    def __init__(self) -> None:
        self.listening: dict[str, set[str]] = {}
        """address -> command lines of the processes that listened there"""
        self.lines: set[str] = set()
        self.private: dict[Path, int] = {}
        """directory of a cluster -> its mode"""
        self.secrets: set[str] = set()

    def look(self, pid: int, home: Path) -> None:
        for process, words in command_lines(descendants(pid)):
            line = " ".join(words)
            self.lines.add(line)
            with suppress(psutil.Error, OSError):
                for connection in process.net_connections(kind="inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        address = connection.laddr.ip.removeprefix("::ffff:")
                        self.listening.setdefault(address, set()).add(line[:200])
                if file := process.environ().get("RAY_AUTH_TOKEN_PATH"):
                    self.private[Path(file).parent] = stat.S_IMODE(Path(file).parent.stat().st_mode)
                    self.secrets.add(Path(file).read_text())
        with suppress(OSError):
            self.secrets.add((home / FILE).read_text().strip())


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    directory = tmp_path_factory.mktemp("exposed")
    environment, seen = prepared(directory), Seen()
    (directory / "small.yaml").write_text(SHORT)
    with (directory / "printed.txt").open("w") as output:
        process = subprocess.Popen(
            passk("run", "small.yaml"), cwd=directory, env=environment, stdout=output, stderr=output
        )
        try:
            deadline = time.monotonic() + 900
            while process.poll() is None and time.monotonic() < deadline:
                seen.look(process.pid, directory / "prefect")
                time.sleep(0.2)
        finally:
            process.kill()
            process.wait()
    left_after(directory, seconds=30)
    assert process.returncode == 0, (directory / "printed.txt").read_text()[-4000:]
    return directory, seen


def test_every_part_of_a_run_was_seen_at_work(ran):
    _, seen = ran
    missing = [name for name, words in AT_WORK.items() if not any(words in line for line in seen.lines)]
    assert not missing, seen.lines


def test_nothing_of_a_run_listens_beyond_loopback(ran):
    """Prefect, Ray, torch's rendezvous, Gloo and vLLM."""
    _, seen = ran
    beyond = {address: lines for address, lines in seen.listening.items() if address not in LOOPBACK}
    assert not beyond
    listeners = set().union(*seen.listening.values())
    for name in ("server", "job server", "raylet", "sft", "trainer"):
        assert any(AT_WORK[name] in line for line in listeners), (name, listeners)


def test_the_directory_of_ray_was_private_and_is_gone(ran):
    _, seen = ran
    assert seen.private and set(seen.private.values()) == {0o700}
    assert not [each for each in seen.private if each.exists()]


def test_no_token_and_no_string_is_in_a_command_line_file_or_line_of_output(ran):
    directory, seen = ran
    assert len(seen.secrets) >= 2, "the string of Prefect's server and Ray's token"
    looked_for = seen.secrets | {secret.partition(":")[2] for secret in seen.secrets if ":" in secret}
    assert not [line for line in seen.lines for secret in looked_for if secret in line]
    files = [file for file in directory.rglob("*") if file.is_file() and file.name != FILE]
    assert {"passk.duckdb", "report.md", "prefect.log", "ray.log", "log.txt", "printed.txt"} <= {f.name for f in files}
    for file in files:
        content = file.read_bytes()
        assert not [1 for secret in looked_for if secret.encode() in content], file
    printed = (directory / "printed.txt").read_text()
    assert re.search(rf"watch it at http://127\.0\.0\.1:\d+ \(the page asks for the string in .*{FILE}\)", printed)
