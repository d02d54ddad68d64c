"""`fill`: what the files have and the store has not; grown in whatever order, it is the store made again."""

import json
import random
import shutil
from contextlib import contextmanager

import pytest

from passk.files.layout import write_json
from passk.store import ingest, ingest_items, items, reading, rebuild
from passk.store.connection import held, turn
from tests.unit.store.test_ingest import contents
from tests.unit.synthetic_run import write_parquet


def made_again(runs, tmp_path):
    """The contents of a store made from the files alone, elsewhere."""
    copy = tmp_path / "again"
    shutil.copytree(runs, copy, ignore=shutil.ignore_patterns("*.duckdb"))
    assert rebuild(copy).skipped == []
    return contents(copy / "passk.duckdb")


@pytest.fixture
def run(run, empty_store):
    """A run with an empty store."""
    shutil.copy(empty_store, run.store)
    return run


def those(run, *names):
    """The items with these names of files and directories, where no test needs the others."""
    return [(take, path) for take, path in items(run.runs) if path.name in names]


def test_everything_goes_in_once_and_then_there_is_nothing_new(run):
    filled = ingest_items(run.store, items(run.runs))
    assert filled.new == {"experiments": 1, "problem sets": 3, "stages": 4, "evaluations": 8}
    assert filled.skipped == []
    before = contents(run.store)
    assert ingest_items(run.store, items(run.runs)).new == {}
    assert contents(run.store) == before


def test_what_is_in_the_store_is_not_read_again(run, monkeypatch):
    ingest_items(run.store, items(run.runs))
    monkeypatch.setattr(ingest, "ingest", lambda *_: pytest.fail("read again"))
    assert ingest_items(run.store, items(run.runs)).new == {}


@pytest.fixture(scope="module")
def two(run_factory, tmp_path_factory):
    """The runs of two experiments, and the contents of a store made from them."""
    directory = tmp_path_factory.mktemp("two")
    for name in ("a", "b"):
        run_factory(directory / "runs", name=name)
    return directory / "runs", made_again(directory / "runs", directory)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_store_grown_in_any_order_over_two_experiments_equals_the_rebuilt_one(two, tmp_path, direction):
    """Two items that depend on each other come in both orders."""
    runs = shutil.copytree(two[0], tmp_path / "runs")
    drawn, rng = list(items(runs)), random.Random(0)
    rng.shuffle(drawn)
    drawn = drawn[::direction]
    cut = rng.randint(1, len(drawn))
    store = runs / "passk.duckdb"
    for some in (drawn[:cut], drawn[cut:]):
        assert ingest_items(store, some).skipped == []
    grown = contents(store)
    assert all(grown.values()), "a table without a row compares nothing"
    assert grown == two[1]


def test_a_run_that_goes_on_grows_the_store_to_the_rebuilt_one(run, tmp_path):
    stage, evaluation, record = run.stages()[2], run.evaluations()[0], run.directory / "experiment.json"
    ends = {path: path.read_text() for path in (stage / "manifest.json", evaluation / "manifest.json")}
    for path in ends:
        path.unlink()
    finished = json.loads(record.read_text())
    write_json(record, {**finished, "sessions": []})
    before = ingest_items(run.store, items(run.runs))
    assert (len(before.unfinished), before.skipped) == (2, [])

    for path, text in ends.items():
        path.write_text(text)
    write_json(record, finished)
    assert ingest_items(run.store, items(run.runs)).new == {"experiments": 1, "stages": 1, "evaluations": 1}
    assert contents(run.store) == made_again(run.runs, tmp_path)


def test_others_get_their_turn_while_much_is_filed(run, monkeypatch):
    turns = []

    def counted(*words):
        turns.append(words)
        return turn(*words)

    monkeypatch.setattr("passk.store.index.turn", counted)
    monkeypatch.setattr("passk.store.index.TURN", 0.0)
    monkeypatch.setattr("passk.store.index.POLL", 0.0)
    filled = ingest_items(run.store, items(run.runs)).new
    assert len(turns) == 1 + filled.total(), "one to look, and one each"


def test_what_is_finished_and_filed_by_another_while_a_store_is_made_again_is_in_it(run, tmp_path, monkeypatch):
    stage, record = run.stages()[2], run.directory / "experiment.json"
    manifest, finished = stage / "manifest.json", json.loads(record.read_text())
    sealed = manifest.read_text()
    manifest.unlink()
    write_json(record, {**finished, "sessions": []})
    later = run.evaluations()[0].rename(tmp_path / "later")
    harmed = run.evaluations()[0] / "samples.parquet"
    harmed.write_bytes(b"")
    ingest_items(run.store, items(run.runs))

    @contextmanager
    def held_after_others(store, wait):
        manifest.write_text(sealed)
        write_json(record, finished)
        later.rename(run.directory / "evaluations" / "later")
        ingest_items(run.store, items(run.runs))
        with held(store, wait):
            yield

    monkeypatch.setattr("passk.store.index.held", held_after_others)
    (line,) = rebuild(run.runs).skipped
    assert str(harmed) in line, "the only one that is left out"
    monkeypatch.undo()
    rebuilt = contents(run.store)
    rebuild(run.runs)
    assert rebuilt == contents(run.store)
    with reading(run.store) as connection:
        counted = "SELECT (SELECT count(*) FROM stages), (SELECT count(*) FROM evaluations)"
        assert connection.execute(counted).fetchone() == (4, 7)
    assert [path.name for path in run.runs.iterdir() if "duckdb" in path.name] == [run.store.name]


def test_a_step_with_a_problem_twice_has_two_groups(run, parquet):
    file = run.directory / "stages" / "key-pass4" / "rollouts" / "step-000001.parquet"
    columns = parquet.columns(file)
    columns["problem"] = ["train-000"] * 8
    columns["reward"] = [1.0] * 4 + [0.0] * 4
    write_parquet(file, columns)
    ingest_items(run.store, those(run, "key-pass4"))
    query = "SELECT problem, occurrence, n, c FROM groups WHERE stage = 'key-pass4' AND step = 1 ORDER BY 2"
    with reading(run.store) as connection:
        assert connection.execute(query).fetchall() == [("train-000", 1, 4, 4), ("train-000", 2, 4, 0)]
