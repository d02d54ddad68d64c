"""A model is its content: a touched or moved file changes nothing, a changed template changes the identity."""

import os

import pytest

from passk.files import model_files


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = tmp_path / "model"
    directory.mkdir()
    for name in ("model.safetensors", "config.json", "generation_config.json", "chat_template.jinja", "README.md"):
        (directory / name).write_text(f"content of {name}")
    return directory


def test_a_touched_or_moved_model_is_the_same_one(model):
    before = model_files.contents(model)
    assert set(before) == {"model.safetensors", "config.json", "generation_config.json", "chat_template.jinja"}
    for file in model.iterdir():
        os.utime(file, ns=(1, 1))
    (model / "README.md").write_text("another text")
    moved = model.rename(model.with_name("moved"))
    assert model_files.contents(moved) == before


@pytest.mark.parametrize("name", ["model.safetensors", "generation_config.json", "chat_template.jinja"])
def test_a_changed_file_is_another_model_even_of_the_same_size_and_time(model, name):
    before = model_files.contents(model)
    status = (model / name).stat()
    (model / name).write_text(f"Content of {name}")
    os.utime(model / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    changed = {each for each, found in model_files.contents(model).items() if found != before[each]}
    assert changed == {name}


def test_the_hash_of_a_large_file_is_computed_once_and_a_damaged_cache_does_no_harm(model, monkeypatch):
    monkeypatch.setattr(model_files, "LARGE", 1)
    before = model_files.contents(model)
    kept = list(model_files._cache().iterdir())
    assert len(kept) == len(before)
    model_files._known.cache_clear()
    monkeypatch.setattr(model_files.hashlib, "file_digest", lambda *_: pytest.fail("hashed again"))
    assert model_files.contents(model) == before
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(model.parent / "cache"))
    monkeypatch.setattr(model_files, "LARGE", 1)
    for file in kept:
        file.write_text("{")
    model_files._known.cache_clear()
    assert model_files.contents(model) == before
