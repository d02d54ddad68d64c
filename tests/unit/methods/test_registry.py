"""Methods are found by name, and an experiment names one with its options."""

import json
import pickle
from typing import ClassVar

import pytest
import torch

from passk import methods
from passk.base import plugins
from passk.base.errors import ConfigError, PasskError
from passk.experiment import config, plan
from passk.experiment.validate import check
from passk.methods import registry
from passk.methods.method import LossBatch, Method
from passk.openrlhf.settings import split_arguments
from tests.unit.each import every
from tests.unit.experiment.test_config import changed, refusal
from tests.unit.experiment.test_engine_checks import arm


class Doubled(Method):
    """A method of another package."""

    source: ClassVar[str] = "this test"
    factor: float = 2.0

    def in_loss(self, batch: LossBatch) -> tuple[torch.Tensor, torch.Tensor]:
        return batch.log_probs, batch.advantages * self.factor


@every("name", methods.names())
def test_a_method_says_what_it_changes_and_survives_the_way_to_a_worker(name):
    kind = methods.get(name)
    method = kind()
    assert kind.changes_loss() or kind.changes_groups()
    assert kind.source and kind.__doc__
    assert all(field.description for field in kind.model_fields.values())
    assert pickle.loads(pickle.dumps(method)) == method


@every(
    ("method", "line"),
    [
        ({"name": "simk"}, "stages.arm.method.name: 'simk' does not exist; did you mean simko?"),
        ({"alpha": 0.1}, "stages.arm.method: has no name; write one, as in {name: simko}"),
        ({"name": "simko", "alhpa": 0.1}, "stages.arm.method.alhpa: unknown key; did you mean alpha?"),
        ({"name": "simko", "alpha": 2}, "stages.arm.method.alpha: input should be less than or equal to 1, not 2;"),
        ({"name": "simko", "candidates": 1.5}, "stages.arm.method.candidates: "),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(method, line):
    assert refusal(arm(method=method)).startswith(line)


def test_a_text_with_letters_that_the_tiny_model_does_not_have_is_refused():
    ours = {"name": "ar_opd", "template": "{hint}\n{problem}"}
    check(config.parse(arm(method=ours)))
    line = refusal(arm(method={"name": "ar_opd"}))
    assert line.startswith("stages.arm.method.name: ar_opd writes ' ,:F") and line.endswith("alphabet to bytes")
    check(config.parse(arm(method={"name": "ar_opd"}) | {"model": {"tiny": {"alphabet": "bytes"}}}))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"kl": {"coef": 0.1, "in": "reward"}}, "simko changes advantages, and kl in the reward is a part of them;"),
        ({"loss": {"type": "gspo"}}, "simko needs a ratio per token, and gspo has one per"),
        ({"openrlhf": {"--ds.ring_attn_size": 2}}, "simko reads whole sequences, which attention over a ring splits;"),
    ],
)
def test_a_method_that_cannot_work_with_the_stages_other_fields_is_refused(fields, line):
    assert refusal(arm(method={"name": "simko"}, **fields)).startswith(f"stages.arm.method.name: {line}")


def test_a_method_of_groups_needs_as_many_prompts_on_each_gpu():
    raw = arm(method={"name": "resrl"}, prompts_per_step=3)
    raw["compute"] = {"profile": "gpu", "gpus_per_node": 2, "micro_batch": 1}
    assert refusal(raw).startswith(
        "stages.arm.method.name: resrl needs equally many of 3 prompts_per_step on each of 2"
    )
    check(config.parse(arm(method={"name": "resrl"}, kl={"coef": 0.1}, loss={"type": "gspo"})))


def test_a_stage_has_another_key_with_a_method_and_its_own_without_one(tmp_path):
    def key(**fields):
        return next(
            one.record for one in plan.plan(config.parse(arm(**fields)), tmp_path).stages if one.record.kind == "rl"
        )

    plain, simko, other = key(), key(method={"name": "simko"}), key(method={"name": "simko", "alpha": 0.02})
    assert len({plain.key, simko.key, other.key}) == 3
    assert key(method=None).key == plain.key and plain.config["method"] is None
    assert other.config["method"] == {"name": "simko", "alpha": 0.02}
    assert "method" not in simko.versions


def test_the_plugin_reads_the_method_of_its_flag():
    words = ["--passk.advantage", "grpo", "--passk.method"]
    settings, rest = split_arguments([*words, json.dumps({"name": "simko", "alpha": 0.02}), "--seed", "1"])
    assert settings.method == methods.get("simko")(alpha=0.02) and rest == ["--seed", "1"]
    assert split_arguments(words[:2])[0].method is None
    for text, line in (
        ("simko", """--passk.method.name: 'simko' is not a method; write it as in {"name": "simko"}"""),
        ('{"name": "simko", "beta": 1}', "--passk.method.beta: unknown key;"),
    ):
        with pytest.raises(ConfigError) as error:
            split_arguments([*words, text])
        assert str(error.value).startswith(line)


@pytest.fixture
def another_package(monkeypatch):
    """another_package(where): install an entry point `doubled` of that location."""
    from importlib.metadata import EntryPoint, EntryPoints

    def install(where):
        entry = EntryPoint("doubled", where, registry.GROUP)
        monkeypatch.setattr(plugins, "scan", lambda: EntryPoints([entry]))
        registry._locations.cache_clear()
        registry.get.cache_clear()

    yield install
    monkeypatch.undo()
    registry._locations.cache_clear()
    registry.get.cache_clear()


def test_another_packages_method_is_named_like_ours_and_is_in_the_key(another_package, tmp_path):
    another_package(f"{__name__}:Doubled")
    assert methods.names() == sorted(["doubled", *registry._OURS])
    raw = arm(method={"name": "doubled", "factor": 3.0})
    check(config.parse(raw))
    (stage,) = (one for one in plan.plan(config.parse(raw), tmp_path).stages if one.record.kind == "rl")
    assert stage.record.versions["method"] == f"{__name__}:Doubled"
    assert refusal(arm(method={"name": "doubled", "factr": 3.0})).endswith("did you mean factor?")


def test_an_entry_point_that_is_no_method_is_refused(another_package):
    another_package(f"{__name__}:changed")
    with pytest.raises(PasskError, match="is not a method; derive it from passk.methods.Method"):
        methods.get("doubled")
    assert changed
