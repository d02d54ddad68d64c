"""A model for the tests of this room."""

from pathlib import Path

import pytest

from passk.experiment.model import TinyModel
from passk.models.tiny import make_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be copied: a tiny model."""
    directory = tmp_path_factory.mktemp("tiny") / "model"
    make_tiny(TinyModel(), directory, seed=0)
    return directory
