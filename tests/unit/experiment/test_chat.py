"""The template file of an experiment, and texts that end responses."""

import pytest

from passk.base.errors import ConfigError
from passk.experiment import chat, config, validate
from passk.experiment.model import Model
from passk.experiment.plan import plan
from tests.unit.experiment.test_config import changed


def model(file) -> Model:
    return Model(path="owner/name", chat_template=str(file))


def test_a_template_that_is_no_file_or_empty_or_binary_is_refused(tmp_path):
    file = tmp_path / "chat.jinja"
    with pytest.raises(ConfigError, match=r"^model.chat_template: .* not readable \(No such file"):
        chat.template(model(file))
    for content in (b" \n", b"a" * (chat.LARGEST + 1), b"\xff"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"^model.chat_template: .*chat.jinja"):
            chat.template(model(file))


def test_a_key_has_the_content_of_a_template_and_not_its_name(tmp_path):
    def key(name, content):
        (tmp_path / name).write_text(content)
        raw = changed("model", {"tiny": {}, "chat_template": str(tmp_path / name)})
        return plan(config.parse(raw), tmp_path).stages[0].record.key

    assert key("a.jinja", "{{ messages }}") == key("b.jinja", "{{ messages }}") != key("a.jinja", "A: {{ messages }}")


@pytest.mark.parametrize("place", ["stages.arm", "benchmarks.test"])
def test_a_stop_text_is_a_new_result_and_not_deterministic(tmp_path, place):
    def keys(raw):
        laid_out = plan(config.parse(raw), tmp_path)
        return {planned.record.key for planned in (*laid_out.stages, *laid_out.evaluations)}

    raw = changed(f"{place}.stop", ["\n\n"])
    without = changed(f"{place}.stop", [])
    assert keys(raw) != keys(without) == keys(changed("question", "Why?"))
    validate.check(config.parse(raw))
    raw["compute"]["deterministic"] = True
    with pytest.raises(ConfigError, match=rf"^{place}.stop: .*; remove it, or compute.deterministic$"):
        validate.check(config.parse(raw))
