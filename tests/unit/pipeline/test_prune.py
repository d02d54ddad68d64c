"""What no report stands on is listed and deleted; all else stays, also what another experiment uses or trains."""

import json
from pathlib import Path

import pytest

from passk.base.errors import PasskError
from passk.files import file_lock
from passk.pipeline.prune import delete, superseded


def stage(directory: Path, key: str, problems: str, name: str = "arm") -> Path:
    path = directory / "stages" / key
    (path / "model").mkdir(parents=True)
    (path / "model" / "weights").write_bytes(b"x" * 1000)
    (path / "stage.json").write_text(json.dumps({"key": key, "name": name, "problems": problems}))
    (path / "manifest.json").write_text("{}")
    return path


def evaluation(directory: Path, key: str, problems: str) -> Path:
    path = directory / "evaluations" / key
    path.mkdir(parents=True)
    record = {"key": key, "benchmark": "test", "checkpoint": "arm", "problems": problems}
    (path / "evaluation.json").write_text(json.dumps(record))
    return path


@pytest.fixture
def runs(tmp_path):
    """a has a current and an old stage, evaluation and problem set; b uses one more of a's stages."""
    for name, stages, evaluations in (("a", {"arm": "new"}, ["e-new"]), ("b", {"arm": "shared"}, [])):
        directory = tmp_path / name
        (directory / "problems").mkdir(parents=True)
        record = {"name": name, "stages": stages, "evaluations": evaluations}
        (directory / "experiment.json").write_text(json.dumps(record))
    a = tmp_path / "a"
    for key, problems in {"new": "p-new", "old": "p-old", "shared": "p-new"}.items():
        stage(a, key, problems)
    for key, problems in {"e-new": "p-test", "e-old": "p-test"}.items():
        evaluation(a, key, problems)
    for problems in ("p-new", "p-old", "p-test", "p-unknown"):
        (a / "problems" / f"{problems}.parquet").write_bytes(b"y" * 10)
    (tmp_path / "passk.duckdb").touch()
    (tmp_path / "passk.duckdb.version-1").touch()
    (tmp_path / "rehearsals" / "rehearsal-a" / "stages" / "old").mkdir(parents=True)
    return tmp_path


OLD = ["a/stages/old", "a/evaluations/e-old", "a/problems/p-old.parquet", "passk.duckdb.version-1"]


def listed(runs: Path) -> list[str]:
    return [str(each.path.relative_to(runs)) for each in superseded(runs)]


def files(runs: Path) -> set[str]:
    return {str(path.relative_to(runs)) for path in runs.rglob("*") if ".locks" not in path.parts}


def test_what_an_earlier_configuration_left_is_listed_and_nothing_else(runs):
    assert listed(runs) == OLD
    first, second, *_ = superseded(runs)
    assert first.what == "stage arm of an earlier configuration"
    assert first.size == 1000 + len((runs / "a/stages/old/stage.json").read_text()) + 2
    assert second.what == "evaluation of arm on test of an earlier configuration"


def test_listing_deletes_nothing_and_deleting_deletes_what_was_listed(runs):
    before = files(runs)
    superseded(runs)
    assert files(runs) == before
    delete(runs, superseded(runs))
    gone = before - files(runs)
    assert gone == {path for path in before if any(path == old or path.startswith(f"{old}/") for old in OLD)}
    assert listed(runs) == []


def test_what_became_current_since_the_listing_stays(runs):
    found = superseded(runs)
    record = {"name": "c", "stages": {"arm": "old"}, "evaluations": []}
    (runs / "c").mkdir()
    (runs / "c" / "experiment.json").write_text(json.dumps(record))
    assert "old" not in {each.path.name for each in delete(runs, found)}
    assert (runs / "a/stages/old/manifest.json").exists()


def test_an_experiment_or_a_stage_that_a_process_holds_is_left_alone(runs):
    options = {"what": "a", "experiment": "a"}
    with file_lock.alone(runs / ".locks" / "old", does="trains it", **options):
        assert "a/stages/old" not in listed(runs)
    with file_lock.alone(runs / ".locks" / "experiment-a", does="runs it", **options):
        assert listed(runs) == ["passk.duckdb.version-1"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stages": [], "evaluations": []}'])
def test_a_damaged_record_may_name_anything_so_nothing_is_pruned(runs, content):
    (runs / "b" / "experiment.json").write_text(content)
    with pytest.raises(PasskError, match="damaged, so nothing is pruned"):
        superseded(runs)


def test_an_experiment_that_is_not_finished_keeps_its_problems(runs):
    record = {"name": "a", "stages": {"arm": "not-begun"}, "evaluations": ["e-new"]}
    (runs / "a" / "experiment.json").write_text(json.dumps(record))
    assert not [each for each in listed(runs) if each.startswith("a/problems/")]


def test_a_directory_without_a_record_is_no_experiment(runs):
    stage(runs / "comparisons", "old", "p-old")
    assert listed(runs) == OLD


@pytest.mark.parametrize("key", ["**x", "/etc", "", "../a", 5, None, ["a"]])
def test_a_key_that_names_no_directory_is_of_a_stage_that_is_not_finished(runs, key):
    record = {"name": "a", "stages": {"arm": key}, "evaluations": ["e-new"]}
    (runs / "a" / "experiment.json").write_text(json.dumps(record))
    assert not [each for each in listed(runs) if each.startswith("a/problems/")]


def test_what_lies_elsewhere_by_a_link_is_kept_and_the_link_removed(runs, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk") / "old"
    (runs / "a" / "stages" / "old").rename(elsewhere)
    (runs / "a" / "stages" / "old").symlink_to(elsewhere)
    kept = {file.name for file in elsewhere.iterdir()}
    delete(runs, superseded(runs))
    assert not (runs / "a" / "stages" / "old").is_symlink()
    assert {file.name for file in elsewhere.iterdir()} == kept and "manifest.json" in kept
