"""Models of the HF hub: their chat template and their code are known before anything of them is loaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.models.own_code import code_in

# One process for all tests, since the hub's settings are read at the start, and the import of transformers takes most
# of the time.
ASK = """
from passk.base.errors import PasskError
from passk.models import remote_code
from passk.models.tiny import fetch_tokenizer, has_chat_template
from passk.pipeline.preflight import _model_is_there
print(has_chat_template("owner/plain"), has_chat_template("owner/chat"), has_chat_template("owner/none"))
try:
    fetch_tokenizer("owner/none")
except PasskError as error:
    print(error)
for name in ("owner/plain", "owner/own"):
    print(remote_code.has_code(name), has_chat_template(name))
    try:
        _model_is_there(name, trusted=False)
        print("accepted")
    except PasskError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def said_of_the_hub(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of ASK about owner/plain, owner/chat with a template, owner/own with code, and owner/none."""
    home = tmp_path_factory.mktemp("hub")
    for name in ("plain", "chat", "own"):
        cached = home / "hub" / f"models--owner--{name}"
        shutil.copytree(tiny, cached / "snapshots" / "c0")
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text("c0")
    (home / "hub" / "models--owner--chat" / "snapshots" / "c0" / "chat_template.jinja").write_text("{{ messages }}")
    mark = home / "ran"
    code_in(home / "hub" / "models--owner--own" / "snapshots" / "c0", mark, "tokenizer_config.json")
    there = {"HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=os.environ | there, capture_output=True, text=True, check=True
    )
    assert not mark.exists(), "code of a model ran"
    return done.stdout.splitlines()


def test_a_base_model_of_the_hub_is_not_taken_for_one_with_a_chat_template(said_of_the_hub):
    found, said = said_of_the_hub[:2]
    assert found == "False True True", "a plan needs no network"
    assert said.startswith(
        "model.path: the tokenizer of owner/none is not available from the HF hub (OSError); correct"
    )


def test_a_hub_model_is_refused_by_its_configuration_before_its_tokenizer_is_loaded(said_of_the_hub):
    plain_has, plain_said, own_has, own_said = said_of_the_hub[2:]
    assert plain_has == "False False" and plain_said == "accepted"
    assert own_has == "True False", "transformers' own tokenizer of the model's type is asked"
    assert own_said.startswith("model.path: loading owner/own runs code that comes with it (auto_map in tokenizer")
