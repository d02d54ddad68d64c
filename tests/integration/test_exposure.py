"""What a whole run shows to the network and to other users of the machine while it trains and evaluates."""

import re

import pytest

from flows.server_auth import FILE

pytestmark = pytest.mark.slow

LOOPBACK = {"127.0.0.1", "::1"}
# Part of a run -> words of its command line. While a method runs, Ray names an actor by OpenRLHF's class.
AT_WORK = {
    "server": ["prefect server start"],
    "job server": ["ray/dashboard/dashboard.py"],
    "raylet": ["raylet/raylet"],
    "sft": ["passk.openrlhf.sft"],
    "rl": ["passk.openrlhf --"],
    "trainer": ["ray::PasskPolicy", "ray::PolicyModelActor"],
    "engine": ["ray::PasskEngine", "ray::RolloutRayActor"],
    "evaluation": ["passk.evaluation.evaluate"],
}


def of(name: str, lines: set[str]) -> list[str]:
    """The command lines of one part of a run."""
    return [line for line in lines if any(words in line for words in AT_WORK[name])]


def test_every_part_of_a_run_was_seen_at_work(finished):
    assert not [name for name in AT_WORK if not of(name, finished.seen.lines)], finished.seen.lines


def test_nothing_of_a_run_listens_beyond_loopback(finished):
    """Prefect, Ray, torch's rendezvous, Gloo and vLLM."""
    listening = finished.seen.listening
    assert not {address: lines for address, lines in listening.items() if address not in LOOPBACK}
    listeners = set().union(*listening.values())
    for name in ("server", "job server", "raylet", "sft", "trainer"):
        assert of(name, listeners), (name, listeners)


def test_the_directories_of_ray_were_private_and_are_gone(finished):
    private = finished.seen.private
    assert len(private) == 2 and set(private.values()) == {0o700}, "the killed run and the resumed one"
    assert not [each for each in private if each.exists()]


def test_no_token_and_no_string_is_in_a_command_line_file_or_line_of_output(finished):
    secrets = finished.seen.secrets
    assert len(secrets) >= 3, "the string of Prefect's server and a token of each Ray cluster"
    looked_for = secrets | {secret.partition(":")[2] for secret in secrets if ":" in secret}
    assert not [line for line in finished.seen.lines for secret in looked_for if secret in line]
    files = [file for file in finished.directory.rglob("*") if file.is_file() and file.name != FILE]
    written = {"passk.duckdb", "report.md", "prefect.log", "ray.log", "log.txt", "first.txt", "second.txt"}
    assert written <= {file.name for file in files}
    for file in files:
        content = file.read_bytes()
        assert not [1 for secret in looked_for if secret.encode() in content], file
    for printed in (finished.first, finished.second):
        assert re.search(rf"Prefect UI: http://127\.0\.0\.1:\d+ \(the page asks for the string in .*{FILE}\)", printed)
