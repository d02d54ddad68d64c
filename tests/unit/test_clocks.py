"""passk compares no clocks of two machines: each use of the clock of the day, or of a file's time, has its reason here.

Waits use the monotonic clock, and heartbeats count changes of a file's content.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("passk", "flows", "tasks", "reports")
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
TIMES = {"st_mtime", "st_mtime_ns", "st_ctime", "st_ctime_ns", "st_atime", "st_atime_ns"}
_WORDS = re.compile(r"\.(?:time|time_ns|now|utcnow|today|st_[mca]time\w*|get[mca]time)\b")
REASONS = {
    "flows/rerun_crashed.py": "a week after a time of Prefect's server",
    "passk/cpu/operators.py": "the identity of a file",
    "passk/evaluation/endpoint_client.py": "the date in an endpoint's Retry-After, whose wait has a bound",
    "passk/evaluation/progress.py": "written for people",
    "passk/files/model_files.py": "the identity of a file",
    "passk/openrlhf/checkpoints.py": "written, since OpenRLHF compares the times of checkpoints",
    "passk/openrlhf/evaluation_log.py": "written for people and trackers",
    "passk/openrlhf/step_recorder.py": "written for people and trackers",
    "passk/pipeline/run_record.py": "written for people; the identity of a file",
    "passk/trackers/tensorboard.py": "events, and whether they are older than the metrics, else they are written again",
}


def uses(text: str) -> set[str]:
    """Return the clocks and file times that a module reads."""
    if not _WORDS.search(text):
        return set()  # parsing every file takes seconds
    names = {ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    found = {name for name in names if ".".join(name.split(".")[-2:]) in CLOCKS or name.split(".")[-1] in TIMES}
    return found | {name for name in names if name.split(".")[-1] in ("getmtime", "getctime", "getatime")}


def test_each_use_of_a_clock_that_may_differ_between_nodes_has_a_reason():
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert {str(file.relative_to(ROOT)) for file in files if uses(file.read_text())} == set(REASONS)


def test_a_comparison_of_clocks_is_found():
    assert uses("import time\nage = time.time() - path.stat().st_mtime") == {"time.time", "path.stat().st_mtime"}
    assert uses("from datetime import datetime\nnow = datetime.now(UTC)") == {"datetime.now"}
    assert uses("import time\nnow = time.monotonic()") == set()
