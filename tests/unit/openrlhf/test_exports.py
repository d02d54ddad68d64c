"""Exported models: whole, in their step's directory, and none that a resumed training would make again."""

import pytest

from passk.files.layout import export_of, exported_steps
from passk.openrlhf.exports import Exports


def exporting(directory):
    (directory / "config.json").write_text("{}")


def test_a_model_is_written_at_each_multiple(tmp_path):
    exports = Exports(tmp_path, 2)
    for step in range(1, 6):
        exports.write(step, exporting)
    assert exported_steps(tmp_path) == [2, 4]
    assert (export_of(tmp_path, 4) / "config.json").is_file()
    Exports(tmp_path, None).write(6, exporting)
    assert exported_steps(tmp_path) == [2, 4]


def test_a_write_that_was_cut_off_leaves_no_model_and_the_next_one_replaces_it(tmp_path):
    def dies(directory):
        exporting(directory)
        raise KeyboardInterrupt

    exports = Exports(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        exports.write(1, dies)
    assert exported_steps(tmp_path) == []
    exports.write(1, exporting)
    assert [path.name for path in (tmp_path / "exports").iterdir()] == ["step-000001"]


def test_a_resumed_training_makes_the_later_ones_again(tmp_path):
    exports = Exports(tmp_path, 1)
    for step in (1, 2, 3):
        exports.write(step, exporting)
    Exports(tmp_path, 1, first=False).forget_after(0)
    assert exported_steps(tmp_path) == [1, 2, 3], "only one process deletes"
    exports.forget_after(2)
    assert exported_steps(tmp_path) == [1, 2]
