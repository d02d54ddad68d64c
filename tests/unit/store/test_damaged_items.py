"""Damaged files: each is named in one line and skipped, and the rest goes in."""

import json
import shutil
from pathlib import Path

import pytest

from passk.files.layout import write_json
from passk.store import ingest_items, items
from tests.unit.store.test_index import made_again, those
from tests.unit.store.test_ingest import contents


@pytest.fixture
def run(run, empty_store):
    """A run with an empty store."""
    shutil.copy(empty_store, run.store)
    return run


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
    skipped = ingest_items(run.store, those(run, run.name, "key-pass4", "key-warm-easy")).skipped
    for file, line in zip(files, skipped, strict=True):
        assert str((run.directory / file).parent) in line
        assert "\n" not in line


def test_a_file_of_rollouts_that_is_of_no_step_is_named(run):
    strange = run.directory / "stages" / "key-pass4" / "rollouts" / "step-copy.parquet"
    strange.write_bytes(b"PAR1")
    (line,) = ingest_items(run.store, those(run, "key-pass4")).skipped
    assert line.endswith("step-copy.parquet has no step number; move it away")


def test_steps_that_are_not_those_of_the_manifest_are_named(run):
    metrics = run.directory / "stages" / "key-pass4" / "metrics.jsonl"
    for text in ("", "{", '{"step": 3}'):
        metrics.write_text(text)
        (line,) = ingest_items(run.store, those(run, "key-pass4")).skipped
        assert str(metrics) in line, text


def test_a_manifest_of_a_stage_without_its_number_of_steps_is_named(run):
    manifest = run.directory / "stages" / "key-pass4" / "manifest.json"
    write_json(manifest, {name: value for name, value in json.loads(manifest.read_text()).items() if name != "steps"})
    (line,) = ingest_items(run.store, those(run, "key-pass4")).skipped
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
    wanted = those(run, run.name, "key-pass1", "key-pass4", "key-warm-easy")
    skipped = ingest_items(run.store, wanted).skipped
    for line, name in zip(skipped, ("experiment.json", "key-pass1", "key-pass4", "key-warm-easy"), strict=True):
        assert name in line


def test_a_manifest_of_another_stage_is_none(run):
    write_json(run.directory / "stages" / "key-pass4" / "manifest.json", {"key": "key-pass1"})
    (line,) = ingest_items(run.store, those(run, "key-pass4")).skipped
    assert ": not the manifest of key-pass4; restore it " in line


def test_samples_that_are_fewer_than_their_manifest_says_are_named(run):
    directory = run.directory / "evaluations" / "key-warm-easy"
    manifest = json.loads((directory / "manifest.json").read_text())
    write_json(directory / "manifest.json", {**manifest, "samples": 300})
    (line,) = ingest_items(run.store, those(run, "key-warm-easy")).skipped
    assert "samples.parquet: 256 samples of 300; restore" in line
