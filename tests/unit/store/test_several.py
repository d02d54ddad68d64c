"""Several processes and one store: they wait for each other, and one that is killed harms nothing."""

import random
import subprocess
import sys
import time

import pytest

from passk.store import ingest_items, items, reading
from tests.unit.store.one_item import ingest_problems

WRITE = """
import sys
from pathlib import Path
from tests.unit.store.one_item import ingest_evaluation, ingest_stage
store, directories = Path(sys.argv[1]), list(map(Path, sys.argv[3:]))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    for directory in directories:
        (ingest_evaluation if directory.parent.name == "evaluations" else ingest_stage)(store, directory)
"""
READ = """
import sys
from pathlib import Path
from passk.store import reading
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    with reading(Path(sys.argv[1])) as store:
        counts = store.execute("select count(*) from samples group by evaluation union select 256").fetchall()
        assert counts == [(256,)], counts
"""


def process(code, *words):
    started = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout.readline() == "ready\n"
    return started


def rows(run) -> dict[str, int]:
    with reading(run.store) as store:
        names = ("stages", "steps", "rollouts", "evaluations", "samples")
        return {name: store.execute(f"select count(*) from {name}").fetchone()[0] for name in names}


@pytest.fixture(scope="module")
def expected(filed_once) -> dict[str, int]:
    return rows(filed_once)


def test_two_writers_and_a_reader_at_once_all_get_through_and_nothing_is_there_twice(run, expected):
    ingest_problems(run.store, run.directory)
    everything = [*run.stages(), *run.evaluations()]
    working = [
        process(WRITE, run.store, 1, *everything),
        process(WRITE, run.store, 1, *reversed(everything)),
        process(READ, run.store, 10),
    ]
    for one in working:
        _, said = one.communicate(timeout=300)
        assert one.returncode == 0, said
        assert all(": waits up to 600 s for " in line for line in said.splitlines()), said
    assert rows(run) == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_writer_that_is_killed_leaves_a_store_that_opens_and_the_next_filing_completes_it(run, expected, seed):
    everything = [*run.stages(), *run.evaluations()]
    writing = process(WRITE, run.store, 100, *everything)
    time.sleep(
        random.Random(seed).uniform(0, 0.1 if seed % 2 else 1.0)
    )  # while the store is created, or during the ingest
    writing.kill()
    writing.communicate()
    if run.store.exists():
        with reading(run.store) as store:
            whole = store.execute("select count(*) from samples group by evaluation union select 256").fetchall()
            assert whole == [(256,)]
    assert ingest_items(run.store, items(run.runs)).skipped == []
    assert rows(run) == expected
