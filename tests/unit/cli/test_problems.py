"""`passk problems`."""

import re

import pytest
from typer.testing import CliRunner

from passk.base.errors import ConfigError
from passk.cli import problems
from passk.cli.main import app
from passk.problems.sources import SPECS
from tests.unit.each import every


def run(*words):
    return CliRunner().invoke(app, ["problems", *words], catch_exceptions=False).stdout


def test_every_source_is_listed_with_its_splits_and_its_verifier():
    lines = run("list").splitlines()
    assert re.split(r"  +", lines[0]) == list(problems.HEAD)
    assert [line.split()[0] for line in lines[1:]] == list(SPECS)
    rows = {line.split()[0]: re.split(r"  +", line) for line in lines[1:]}
    assert rows["gsm8k"][1:3] == ["train test", "numeric"] and rows["math500"][1:3] == ["test", "math"]


@every("name", sorted(SPECS))
def test_a_source_is_shown_with_every_field_and_every_template_word_for_word(name):
    shown = run("show", name)
    for field in SPECS[name].model_fields:
        assert field == "source" or re.search(rf"^{field} ", shown, re.MULTILINE), field
    for template, text in SPECS[name].templates.items():
        assert f"--- template {template}: " in shown and text in shown


def test_a_source_of_the_hub_is_shown_with_its_page_at_its_commit():
    shown = run("show", "gsm8k")
    assert re.search(r"^from https://huggingface.co/datasets/openai/gsm8k/tree/[0-9a-f]{40}$", shown, re.MULTILINE)


def test_an_unknown_source_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"^source: 'aime' does not exist; did you mean aime2[45]\?$"):
        run("show", "aime")
