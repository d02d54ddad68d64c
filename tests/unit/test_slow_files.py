"""`make test` imports no file whose tests are all slow."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import pytest_ignore_collect, slow

ROOT = Path(__file__).parents[2]


def left_out(file: Path, expression: str) -> bool | None:
    return pytest_ignore_collect(file, SimpleNamespace(option=SimpleNamespace(markexpr=expression)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pytestmark = pytest.mark.slow", True),
        ("pytestmark = [\n    pytest.mark.slow,\n    pytest.mark.skipif(True, reason='a')]", True),
        ("pytestmark = pytest.mark.skipif(True, reason='a')", False),
        ("# pytestmark = pytest.mark.slow", False),
        ("@pytest.mark.slow\ndef test_a():\n    pass", False),
    ],
)
def test_a_file_is_left_out_by_its_own_mark_alone(tmp_path, text, expected):
    file = tmp_path / "test_a.py"
    file.write_text(f"import pytest\n\n{text}\n")
    assert slow(file) is expected
    assert left_out(file, "not slow") is (True if expected else None)
    assert left_out(file, "") is None


def test_make_test_leaves_out_the_files_that_start_servers_and_engines():
    assert '-m "not slow"' in (ROOT / "Makefile").read_text()
    integration = ROOT / "tests" / "integration"
    names = {file.stem for file in integration.glob("test_*.py") if left_out(file, "not slow")}
    assert {"test_cluster", "test_evaluate", "test_packing", "test_server", "test_slurm"} <= names
    assert "test_experiment" not in names
