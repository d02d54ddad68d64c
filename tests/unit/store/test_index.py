"""`fill`: what the files have and the store has not; grown in whatever order, it is the store made again."""

import json
import random
import shutil
from contextlib import contextmanager
from pathlib import Path

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


def cut_last_line(path):
    path.write_text(path.read_text()[:-30])


def cut_between_lines(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def cut_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def not_utf8(path):
    path.write_bytes(path.read_bytes().replace(b"demonstration", b"\xffemonstration"))


def not_json(path):
    path.write_text("[1, 2")


def no_object(path):
    path.write_text("[1, 2]")


@pytest.fixture(scope="module")
def whole_contents(filed_once, tmp_path_factory):
    """The contents of a store made from the whole run."""
    copy = type(filed_once)(tmp_path_factory.mktemp("whole") / "runs", filed_once.name)
    shutil.copytree(filed_once.runs, copy.runs)
    return made_again(copy.runs, copy.runs.parent)


# At most one file of an item, since an item has one line.
HARMS = [
    {
        "experiment.json": cut_half,
        "problems/hard.parquet": cut_half,
        "stages/key-pass1/manifest.json": empty,
        "stages/key-pass4/stage.json": not_json,
        "stages/key-pass4-pass1/rollouts/step-000002.parquet": cut_half,
        "evaluations/key-warm-easy/evaluation.json": no_object,
    },
    {
        "experiment.json": no_object,
        "problems/hard.parquet": empty,
        "stages/key-pass1/metrics.jsonl": cut_last_line,
        "stages/key-pass4/manifest.json": no_object,
        "stages/key-pass4-pass1/rollouts/step-000002.parquet": empty,
        "evaluations/key-warm-easy/samples.parquet": cut_half,
    },
    {
        "problems/hard.parquet": not_utf8,
        "stages/key-pass1/metrics.jsonl": empty,
        "stages/key-pass4/metrics.jsonl": cut_between_lines,
    },
]


@pytest.mark.parametrize("harms", HARMS)
def test_a_file_that_is_cut_off_or_damaged_is_named_and_skipped_and_the_rest_goes_in(run, whole_contents, harms):
    whole = {file: (run.directory / file).read_bytes() for file in harms}
    for file, harm in harms.items():
        harm(run.directory / file)

    filled = ingest_items(run.store, items(run.runs))

    assert len(filled.skipped) == len(harms)
    for file, line in zip(harms, filled.skipped, strict=True):
        assert all(part in line for part in Path(file).parts)
        assert "\n" not in line
    assert filled.new.total() == 16 - len(harms)
    for file, content in whole.items():
        (run.directory / file).write_bytes(content)
    assert ingest_items(run.store, items(run.runs)).new.total() == len(harms), "mended, they go in"
    assert contents(run.store) == whole_contents


def nested(path):
    path.write_text("[" * 100_000)


def half_a_character(path):
    path.write_text(path.read_text().replace('"versions": {', '"versions": {"\\ud800": "1", '))


def a_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [nested, half_a_character, a_directory])
def test_records_that_json_or_the_store_cannot_hold_are_named_in_one_line_each(run, harm):
    files = ("experiment.json", "stages/key-pass4/stage.json", "evaluations/key-warm-easy/evaluation.json")
    for file in files:
        harm(run.directory / file)
    skipped = ingest_items(run.store, items(run.runs)).skipped
    for file, line in zip(files, skipped, strict=True):
        assert str((run.directory / file).parent) in line
        assert "\n" not in line


def test_a_file_of_rollouts_that_is_of_no_step_is_named(run):
    strange = run.directory / "stages" / "key-pass4" / "rollouts" / "step-copy.parquet"
    strange.write_bytes(b"PAR1")
    (line,) = ingest_items(run.store, items(run.runs)).skipped
    assert line.endswith("step-copy.parquet has no step number; move it away")


@pytest.mark.parametrize("text", ["", "{", '{"step": 3}'])
def test_steps_that_are_not_those_of_the_manifest_are_named(run, text):
    metrics = run.directory / "stages" / "key-pass4" / "metrics.jsonl"
    metrics.write_text(text)
    (line,) = ingest_items(run.store, items(run.runs)).skipped
    assert str(metrics) in line


def test_a_manifest_of_a_stage_without_its_number_of_steps_is_named(run):
    manifest = run.directory / "stages" / "key-pass4" / "manifest.json"
    write_json(manifest, {name: value for name, value in json.loads(manifest.read_text()).items() if name != "steps"})
    (line,) = ingest_items(run.store, items(run.runs)).skipped
    assert "key-pass4/metrics.jsonl: 12 steps of 0, from 1 to 12; " in line


def test_records_whose_values_are_of_another_kind_are_named(run):
    for file, field, value in [
        ("experiment.json", "stages", ["warm"]),
        ("stages/key-pass4/stage.json", "config", "rl"),
        ("stages/key-pass1/stage.json", "key", None),
        ("evaluations/key-warm-easy/evaluation.json", "seed", "seventeen"),
    ]:
        path = run.directory / file
        write_json(path, {**json.loads(path.read_text()), field: value})
    skipped = ingest_items(run.store, items(run.runs)).skipped
    for line, name in zip(skipped, ("experiment.json", "key-pass1", "key-pass4", "key-warm-easy"), strict=True):
        assert name in line


def test_a_manifest_of_another_stage_is_none(run):
    write_json(run.directory / "stages" / "key-pass4" / "manifest.json", {"key": "key-pass1"})
    (line,) = ingest_items(run.store, items(run.runs)).skipped
    assert ": not the manifest of key-pass4; restore it " in line


def test_samples_that_are_fewer_than_their_manifest_says_are_named(run):
    directory = run.directory / "evaluations" / "key-warm-easy"
    manifest = json.loads((directory / "manifest.json").read_text())
    write_json(directory / "manifest.json", {**manifest, "samples": 300})
    (line,) = ingest_items(run.store, items(run.runs)).skipped
    assert "samples.parquet: 256 samples of 300; restore" in line


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
    ingest_items(run.store, items(run.runs))
    query = "SELECT problem, occurrence, n, c FROM groups WHERE stage = 'key-pass4' AND step = 1 ORDER BY 2"
    with reading(run.store) as connection:
        assert connection.execute(query).fetchall() == [("train-000", 1, 4, 4), ("train-000", 2, 4, 0)]
