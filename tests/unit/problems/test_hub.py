"""The hub's cache, and a hub out of reach: in processes of their own, since its settings are read at the start."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from passk.problems.sources import SPECS
from tests.unit.problems import copies

DATASET, REVISION = (SPECS["gsm8k"].model_fields[name].default for name in ("dataset", "revision"))
GENERATE = """
import json
import sys
from passk import problems
from passk.base.errors import PasskError
from passk.problems.sources import SPECS
try:
    found = problems.generate(SPECS["gsm8k"](source="gsm8k", split=sys.argv[1], **json.loads(sys.argv[2])), 1)
    print(len(found), found[0].metadata["revision"])
except PasskError as error:
    print(error)
"""


def generate(home, split="test", fields=None, **environment):
    done = subprocess.run(
        [sys.executable, "-c", GENERATE, split, json.dumps(fields or {})],
        env=os.environ | {"HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub")} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout.strip()


NO_HUB = {"HF_ENDPOINT": "http://127.0.0.1:9"}
OFFLINE = {"HF_HUB_OFFLINE": "1"}


@pytest.mark.parametrize("network", [NO_HUB, OFFLINE])
def test_what_the_cache_has_of_the_commit_is_taken_without_the_hub(tmp_path, network):
    copies.cached("gsm8k", tmp_path, DATASET, REVISION)
    assert generate(tmp_path, **network) == f"2 {REVISION}"


@pytest.mark.parametrize(("network", "why"), [(NO_HUB, "ConnectError"), (OFFLINE, "HF_HUB_OFFLINE is set")])
def test_a_hub_out_of_reach_is_one_line_that_says_how_to_do_without_it(tmp_path, network, why):
    line = generate(tmp_path, **network)
    assert line.startswith(f"dataset: {DATASET}@{REVISION[:12]} is not in the cache, and the HF hub is unreachable")
    assert f"({why})" in line and f"hf download --repo-type dataset {DATASET} --revision {REVISION}" in line
    assert "\n" not in line


def test_a_cache_of_another_commit_or_another_split_is_not_taken_for_this_one(tmp_path):
    folder = copies.cached("gsm8k", tmp_path, DATASET, "0" * 40)
    assert "is not in the cache" in generate(tmp_path, **OFFLINE)
    folder.rename(folder.with_name(REVISION))
    (folder.with_name(REVISION) / "main" / "train-00000-of-00001.parquet").unlink()
    assert generate(tmp_path, "test", **OFFLINE) == f"2 {REVISION}"
    assert "is not in the cache" in generate(tmp_path, "train", **OFFLINE)


def test_a_split_of_several_shards_is_taken_from_the_cache_once_all_of_them_are_there(tmp_path, hub):
    address, asked = hub
    served, reach = tmp_path / "served" / "main", {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}
    first, second = (served / f"test-0000{shard}-of-00002.parquet" for shard in (0, 1))
    (served / "test-00000-of-00001.parquet").rename(first)
    half = copies.cached("gsm8k", tmp_path, DATASET, REVISION) / "main"
    (half / "test-00000-of-00001.parquet").rename(half / first.name)  # where a download was stopped
    assert "is not in the cache" in generate(tmp_path, **NO_HUB)
    shutil.copy(first, second)
    assert generate(tmp_path, **reach) == f"4 {REVISION}"
    asked.clear()
    assert generate(tmp_path, **reach) == f"4 {REVISION}" and not asked


@pytest.fixture
def hub(tmp_path):
    """A hub that knows one commit of one data set: its address, and what was asked of it."""
    directory, asked = copies.copy("gsm8k", tmp_path / "served"), []

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            asked.append(self.path)
            file = directory / self.path.partition(f"/resolve/{REVISION}/")[2]
            headers, status, content = {"X-Repo-Commit": REVISION}, 200, b""
            if self.path == f"/api/datasets/{DATASET}/revision/main":
                names = [str(path.relative_to(directory)) for path in directory.rglob("*.parquet")]
                content = json.dumps(
                    {"id": DATASET, "sha": REVISION, "siblings": [{"rfilename": name} for name in names]}
                ).encode()
            elif self.path.startswith(f"/api/datasets/{DATASET}/tree/{REVISION}"):
                files = [path for path in directory.rglob("*.parquet")]
                content = json.dumps(
                    [
                        {
                            "type": "file",
                            "path": str(path.relative_to(directory)),
                            "oid": path.name,
                            "size": path.stat().st_size,
                        }
                        for path in files
                    ]
                ).encode()
            elif self.path.startswith(f"/api/datasets/{DATASET}/"):
                status, headers["X-Error-Code"] = 404, "RevisionNotFound"
            elif file.is_file():
                content, headers["ETag"] = file.read_bytes(), '"' + str(hash(file.name) & 0xFFFFFF) + '"'
            else:
                status, headers["X-Error-Code"] = 404, "RepoNotFound"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_what_the_hub_has_is_fetched_once_the_split_alone_and_a_branch_by_its_commit(tmp_path, hub):
    address, asked = hub
    reach = {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}
    assert generate(tmp_path, fields={"revision": "main"}, **reach) == f"2 {REVISION}"
    assert any("main/test-" in path for path in asked) and not any("main/train-" in path for path in asked)
    asked.clear()
    assert generate(tmp_path, **reach) == f"2 {REVISION}" and not asked
    assert generate(tmp_path, fields={"revision": "c" * 40}, **reach) == (
        f"revision: {DATASET} has no revision {'c' * 40}; name an existing commit"
    )
    assert generate(tmp_path, fields={"dataset": "openai/gsm9k"}, **reach).startswith(
        "dataset: openai/gsm9k does not exist on the HF hub"
    )
