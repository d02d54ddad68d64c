"""What is refused before anything is written: paths that a library splits, long ones, and names that are taken."""

import pytest

from passk.base.errors import ConfigError
from passk.files import temporary
from passk.files.usable import require_usable


@pytest.mark.parametrize(
    "name", ["a,b", "a@b", "a?b", "a\\b", "a::b", "a\nb", "a\tb", "a\udcffb", "x" * 200 + "/" + "y" * 200]
)
def test_a_directory_of_runs_that_cannot_work_is_refused_by_field(tmp_path, name, monkeypatch):
    monkeypatch.setattr("passk.files.usable._LONGEST_PATH", 400)
    with pytest.raises(ConfigError, match=r"^runs: .+; name (a|another) directory") as raised:
        require_usable(tmp_path / name / "runs", "maze")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a b", "ü", "it's", 'a"b', "a[1]*", "x=1", "a;b", "$HOME", "{a}", "a:b", "%20", "#"])
def test_other_directories_are_taken(tmp_path, name):
    require_usable(tmp_path / name, "maze")


@pytest.mark.parametrize("name", ["passk.duckdb", "passk.duckdb.wal", "passk.duckdb.tmp", "serve"])
def test_a_name_that_the_directory_of_runs_has_for_something_else_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match=rf"^name: {name} is reserved in the directory of runs; choose"):
        require_usable(tmp_path, name)


@pytest.mark.parametrize("name", ["passk", "passk.duckdb2", "serve-1", "server", "samples"])
def test_names_that_only_begin_alike_are_free(tmp_path, name):
    require_usable(tmp_path, name)


@pytest.mark.parametrize(("ray", "longest"), [(True, temporary.RAY_BYTES), (False, temporary.VLLM_BYTES)])
def test_a_tmpdir_that_is_too_long_for_sockets_is_refused_with_the_length(monkeypatch, ray, longest):
    for length in (longest, longest + 1):
        monkeypatch.setattr("tempfile.tempdir", "/" + "t" * (length - 1))
        if length == longest:
            temporary.require_short(ray=ray)
        else:
            with pytest.raises(ConfigError, match=rf"^TMPDIR: /t+ has {length} bytes.* allow {longest} or fewer; set"):
                temporary.require_short(ray=ray)


def test_bytes_count_and_not_characters(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/" + "ü" * (temporary.RAY_BYTES // 2 + 1))
    with pytest.raises(ConfigError, match="TMPDIR"):
        temporary.require_short(ray=True)
