"""Which models one engine loads one after the other."""

import json

import pytest

from passk.evaluation.request import Request

BASE = {"hidden_size": 64, "use_cache": True, "transformers_version": "5.0.0", "tie_word_embeddings": True}


@pytest.fixture
def shape_of(tmp_path):
    def shape_of(engine=None, **changes) -> str:
        directory = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        directory.mkdir()
        (directory / "config.json").write_text(json.dumps(BASE | changes))
        return Request({}, str(directory), "problems", "directory", engine or {"max_model_len": 64}).shape

    return shape_of


def test_a_trained_model_has_the_shape_of_its_base_although_the_trainer_turns_its_cache_off(shape_of):
    assert shape_of(use_cache=False, transformers_version="5.1.0") == shape_of()


@pytest.mark.parametrize(
    "changes", [{"hidden_size": 128}, {"tie_word_embeddings": False}, {"engine": {"max_model_len": 128}}]
)
def test_another_size_another_head_and_another_setting_of_the_engine_are_other_shapes(shape_of, changes):
    assert shape_of(**changes) != shape_of()
