"""The prompt format in the record of an evaluation."""

import json

import pytest

from passk.experiment.model import TinyModel
from passk.models.prompt_format import PLAIN, PromptFormat
from passk.models.prompt_record import around, prompt_record
from passk.models.tiny import load_tokenizer, make_tiny

TEMPLATE = "{% for m in messages %}<{{ m.content }}>{% endfor %}{% if add_generation_prompt %}:{% endif %}"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    made = tmp_path_factory.mktemp("models") / "chat"
    make_tiny(TinyModel(alphabet="bytes"), made, seed=1)
    (made / "chat_template.jinja").write_text(TEMPLATE)
    settings = json.loads((made / "generation_config.json").read_text())
    (made / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": [1, 40]}))
    return str(made)


def test_the_record_has_the_template_the_text_around_a_prompt_and_every_end_token(directory):
    record = prompt_record(directory, PromptFormat(chat=True, system_prompt="Be short."))
    assert record["chat_template"] == TEMPLATE and record["system_prompt"] == "Be short."
    assert (record["before"], record["after"]) == ("<Be short.><", ">:")
    assert record["end_tokens"][0] == "<|end|>" and len(record["end_tokens"]) == 2
    plain = prompt_record(directory, PLAIN)
    assert (plain["chat_template"], plain["before"], plain["after"]) == (None, "", "")


def test_a_template_that_changes_the_prompt_has_no_text_around_it(directory):
    tokenizer = load_tokenizer(directory)
    for template in ("{{ messages[0].content | upper }}", "{{ messages[0].content }}{{ messages[0].content }}"):
        assert around(PromptFormat(chat=True, template=template), tokenizer) == (None, None)
