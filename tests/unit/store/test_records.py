"""A record that is valid JSON and no record is named by the ingest, so that no query or report fails on it."""

import json
import shutil

from passk.files.layout import write_json
from passk.store import ingest_items, items, queries, reading, rebuild
from tests.unit.synthetic_run import SyntheticRun


def changed(run, path: str, value) -> None:
    """Set the entry at a dotted path of the run's experiment.json, or take it out where `value` is None."""
    file = run.directory / "experiment.json"
    record = json.loads(file.read_text())
    at = record
    *parents, last = path.split(".")
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    write_json(file, record)


OTHER_KINDS = [
        ("config.stages", [1]), ("config.stages", None), ("config.stages.warm", 5), ("config.stages.warm.steps", "x"),
        ("config.stages.pass1.kind", 5), ("config.stages.pass1.from", 5), ("config.benchmarks", None),
        ("config.benchmarks.easy", []), ("config.benchmarks.easy.samples", True), ("config.benchmarks.easy.k", 4),
        ("config.benchmarks.easy.top_p", float("nan")), ("config.benchmarks.hard.problems", None),
        ("stages.warm", 5), ("stages.warm", ["x"]), ("evaluations", [5]), ("evaluations", {}), ("failures", {"a": 5}),
        ("versions", {"a": None}), ("sessions", [5]), ("sessions", {}), ("sessions.0.phases", [1]),
        ("sessions.0.phases", {"a": "b"}), ("sessions.0.seconds", "x"), ("sessions.0.failed", [5]),
        ("sessions.0.failed", [{"what": 5}]), ("sessions.0.failed", {"a": 1}), ("sessions.0.ended", 5),
        ("sessions.0.code", "x"), ("question", 5), ("hardware", []),
]  # fmt: skip


def test_a_value_of_another_kind_at_any_depth_is_named_in_one_line(run):
    """An experiment for each, which has nothing but its record."""
    for i, (path, value) in enumerate(OTHER_KINDS):
        one = SyntheticRun(run.runs, f"other-{i:02d}")
        one.directory.mkdir()
        shutil.copy(run.directory / "experiment.json", one.directory)
        changed(one, "name", one.name)
        changed(one, path, value)
    skipped = rebuild(run.runs).skipped
    for i, line in enumerate(skipped):
        assert line.startswith(f"{run.runs / f'other-{i:02d}' / 'experiment.json'}: not a ExperimentRecord: "), line
        assert "restore it from a copy" in line and "\n" not in line
    assert len(skipped) == len(OTHER_KINDS)
    with reading(run.store) as connection:
        assert queries.names(connection) == [run.name]


def test_a_copy_of_an_experiment_does_not_replace_it(run):
    copy = run.runs / f"{run.name}-before"
    shutil.copytree(run.directory, copy)
    changed(run, "question", "Does it still help?")
    for skipped in (ingest_items(run.store, items(run.runs)).skipped, rebuild(run.runs).skipped):
        (line,) = skipped
        assert line.startswith(f"{copy / 'experiment.json'}: a copy of the record of {run.name}, ")
        assert line.endswith(f"move the copy out of {run.runs}")
        with reading(run.store) as connection:
            assert queries.experiment(connection, run.name).question == "Does it still help?"
