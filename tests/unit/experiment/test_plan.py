import importlib.metadata

import pytest
import yaml

from passk.base import plugins
from passk.experiment import config, result_versions
from passk.experiment.plan import Plan, plan
from passk.experiment.result_versions import VERIFIER_PACKAGES, engine_versions
from passk.experiment.validate import check
from passk.files.layout import BASE, write_json
from passk.pipeline import stages as steps
from tests.log_lines import logged_lines
from tests.unit.experiment.test_config import GOOD, changed


def laid_out(tmp_path, raw=None) -> Plan:
    return plan(config.parse(raw or yaml.safe_load(GOOD)), tmp_path)


def keys(laid_out: Plan) -> dict[str, str]:
    return {planned.record.name: planned.record.key for planned in laid_out.stages}


def test_stages_come_parents_first_whatever_their_order_in_the_file(tmp_path):
    raw = yaml.safe_load(GOOD)
    raw["stages"] = dict(reversed(raw["stages"].items()))
    assert [planned.record.name for planned in laid_out(tmp_path, raw).stages] == ["warm", "arm"]


@pytest.mark.parametrize(
    ("path", "value", "touched"),
    [
        ("stages.arm.k", 2, {"arm"}),
        ("stages.warm.lr", 2e-3, {"warm", "arm"}),
        ("seed", 2, {"warm", "arm"}),
        ("problems.train.size", 65, {"warm", "arm"}),
        ("model.tiny", {"layers": 2}, {"warm", "arm"}),
        ("model.opens_thinking", True, {"warm", "arm"}),
        ("model.opens_thinking", False, set()),
        ("question", "Another?", set()),
        ("stages.arm.keep_checkpoints", 3, set()),
        ("stages.arm.evaluate", False, set()),
        ("stages.arm.openrlhf", {}, set()),
        ("stages.arm.kl", {"coef": 0.1}, {"arm"}),
        ("stages.arm.loss", {"type": "gspo"}, {"arm"}),
        ("stages.arm.overlong", {"buffer": 4}, {"arm"}),
        ("stages.arm.mask_truncated", True, {"arm"}),
        ("stages.arm.filter_groups", True, {"arm"}),
        ("stages.arm.export_every", 1, set()),
        ("stages.arm.filter_groups", False, set()),
        ("stages.arm.ema", 0.99, {"arm"}),
        ("stages.arm.lora", {"rank": 4}, {"arm"}),
        ("stages.warm.lora", {"rank": 4}, {"warm", "arm"}),
        ("stages.arm.importance_correction", {"level": "token"}, {"arm"}),
        ("stages.arm.openrlhf", {"--actor.adam.eps": 1e-6}, {"arm"}),
        ("stages.warm.openrlhf", {"--adam.eps": 1e-6}, {"warm", "arm"}),
        ("compute.threads", 1, set()),
        ("compute.deterministic", True, {"warm", "arm"}),
        ("benchmarks.test.samples", 32, set()),
    ],
)
def test_a_key_changes_with_all_that_decides_the_result_and_with_nothing_else(tmp_path, path, value, touched):
    before, after = keys(laid_out(tmp_path)), keys(laid_out(tmp_path, changed(path, value)))
    assert {name for name in before if before[name] != after[name]} == touched


def test_a_mix_is_in_the_key_by_its_problems_and_weights(tmp_path):
    def arm(mix, size=64, names=("a", "b")):
        raw = yaml.safe_load(GOOD)
        sets = [{"source": "maze", "split": "train", "size": size}, {"source": "maze", "split": "train", "size": 32}]
        raw["problems"] |= dict(zip(names, sets, strict=True))
        raw["stages"]["arm"] |= {"mix": mix}
        del raw["stages"]["arm"]["problems"]
        check(config.parse(raw))
        plan = laid_out(tmp_path, raw)
        assert plan.training_problems(plan.stages[1]).stem == plan.stages[1].record.problems
        return keys(plan)["arm"]

    first = arm({"a": 1.0, "b": 2.0})
    assert first == arm({"b": 2.0, "a": 1.0})
    others = {arm({"a": 1.0, "b": 3.0}), arm({"a": 2.0, "b": 1.0}), arm({"a": 1.0, "b": 2.0}, size=65)}
    assert len(others) == 3 and first not in others


def test_a_reference_is_in_the_key_by_its_model_and_not_by_its_name(tmp_path):
    def arm(names, reference):
        first, second = names
        raw = changed("stages.arm.kl", {"coef": 0.1} | ({"reference": reference} if reference else {}))
        raw["stages"] = {
            first: raw["stages"]["warm"],
            second: {**raw["stages"]["warm"], "from": first},
            "arm": {**raw["stages"]["arm"], "from": second},
        }
        plan = laid_out(tmp_path, raw)
        referred = plan.stages[2].reference
        return keys(plan)["arm"], referred.record.key if referred else None

    start, (first, model), (second, _) = arm("ab", None), arm("ab", "a"), arm("ab", "b")
    assert len({start[0], first, second}) == 3 and start[1] is None
    assert arm("ba", "b") == (first, model)
    assert arm("ba", "a")[0] == second


def test_a_evaluation_follows_its_stage_and_its_settings_but_not_which_k_are_reported(tmp_path):
    def sampled(raw):
        return {(s.record.checkpoint, s.record.benchmark): s.record.key for s in laid_out(tmp_path, raw).evaluations}

    before = sampled(yaml.safe_load(GOOD))
    assert set(before) == {("warm", "test"), ("arm", "test")}
    assert sampled(changed("benchmarks.test.k", [1, 2])) == before
    assert not before.items() & sampled(changed("benchmarks.test.samples", 32)).items()
    assert not before.items() & sampled(changed("model.opens_thinking", True)).items()
    after = sampled(changed("stages.arm.k", 2))
    assert after["warm", "test"] == before["warm", "test"]
    assert after["arm", "test"] != before["arm", "test"]


@pytest.mark.parametrize(
    ("source", "judges"),
    [
        ({"source": "math500"}, {"math-verify", "latex2sympy2_extended", "sympy"}),
        ({"source": "reasoning_gym", "task": "countdown", "split": "test", "size": 8}, {"reasoning_gym", "sympy"}),
        ({"source": "gsm8k", "split": "test"}, set()),
        ({"source": "maze", "split": "test", "size": 8}, set()),
    ],
)
def test_a_evaluation_is_another_where_what_judges_it_has_another_version_and_training_is_not(
    tmp_path, monkeypatch, source, judges
):
    raw, version = changed("problems.test", source), importlib.metadata.version
    before = laid_out(tmp_path, raw)
    own = before.evaluations[0].record.versions
    assert set(own) - {"verdicts"} == set(engine_versions()) | judges
    assert "verdicts" in own
    assert all(own[name] == version(name) for name in judges)
    others = {name for packages in VERIFIER_PACKAGES.values() for name in packages}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9.9" if name in others else version(name))
    after = laid_out(tmp_path, raw)
    assert (after.evaluations[0].record.key != before.evaluations[0].record.key) == bool(judges)
    assert keys(after) == keys(before)


def test_where_passk_judges_otherwise_samples_and_what_was_trained_by_it_are_others(tmp_path, monkeypatch):
    sets = {name: {"source": "reasoning_gym", "task": "countdown", "size": 64} for name in ("train", "test")}
    raw = changed("problems", {name: {**spec, "split": name} for name, spec in sets.items()})
    before = laid_out(tmp_path, raw)
    monkeypatch.setitem(result_versions.VERDICTS, "reasoning_gym", "another")
    after = laid_out(tmp_path, raw)
    [warm, arm], [warm_then, arm_then] = (list(keys(each).values()) for each in (before, after))
    assert warm == warm_then and arm != arm_then
    assert not {one.record.key for one in before.evaluations} & {one.record.key for one in after.evaluations}


def test_an_arm_that_branches_later_takes_the_problems_where_its_parent_stopped(tmp_path):
    raw = yaml.safe_load(GOOD)
    raw["stages"]["then"] = {**raw["stages"]["arm"], "from": "arm", "advantage": "grpo", "k": 1}
    then = laid_out(tmp_path, raw).stages[-1]
    assert (then.record.first_step, then.first_prompt) == (2, 2 * 32)


def test_an_arm_after_one_that_filters_takes_the_problems_after_all_that_it_sampled(tmp_path):
    raw = changed("stages.arm.filter_groups", True)
    raw["stages"]["then"] = {**raw["stages"]["arm"], "from": "arm", "advantage": "grpo", "k": 1}
    plan = laid_out(tmp_path, raw)
    write_json(plan.stages[1].own_directory / "manifest.json", {"steps": 2, "prompts": 77})
    assert plan.stages[2].first_prompt == 77 and plan.stages[2].first_step == 2
    write_json(plan.stages[1].own_directory / "manifest.json", [])  # damaged
    assert plan.stages[2].first_prompt == 2 * 32


def test_a_stage_that_another_experiment_finished_is_taken_from_there(tmp_path):
    first = laid_out(tmp_path)
    write_json(first.stages[0].directory / "manifest.json", {"key": first.stages[0].record.key})
    second = laid_out(tmp_path, changed("name", "other"))
    assert second.stages[0].directory == first.stages[0].directory
    assert second.stages[0].finished
    assert not second.stages[1].finished


def begun(planned, steps: int) -> None:
    """Leave a stage as one looks that was stopped after a checkpoint and `steps` steps."""
    (planned.own_directory / "checkpoints" / "step").mkdir(parents=True)
    (planned.own_directory / "metrics.jsonl").write_text("{}\n" * steps)


def ask(laid_out: Plan) -> None:
    described = laid_out.experiment.model_dump(mode="json", by_alias=True)
    write_json(laid_out.directory / "experiment.json", {"config": described})


def test_a_stage_that_another_experiment_finishes_meanwhile_is_found_without_a_new_plan(tmp_path):
    first, second = laid_out(tmp_path), laid_out(tmp_path, changed("name", "other"))
    warm, arm = second.stages
    assert warm.directory == warm.own_directory
    write_json(first.stages[0].directory / "manifest.json", {})
    theirs = first.stages[0].own_directory
    assert warm.finished
    assert warm.directory == theirs
    assert second.parent_model(arm) == theirs / "model"
    assert {evaluation.model for evaluation in second.evaluations} == {theirs / "model", arm.own_directory / "model"}


def test_a_stage_that_another_experiment_began_goes_on_where_it_is_the_furthest(tmp_path):
    first, second = laid_out(tmp_path), laid_out(tmp_path, changed("name", "other"))
    ask(first)
    begun(first.stages[0], steps=5)
    assert second.stages[0].directory == first.stages[0].own_directory
    assert not second.stages[0].finished
    begun(second.stages[0], steps=5)
    assert second.stages[0].directory == second.stages[0].own_directory
    (first.stages[0].own_directory / "metrics.jsonl").write_text("{}\n" * 6)
    assert second.stages[0].directory == first.stages[0].own_directory


def test_a_stage_begun_on_other_devices_or_without_a_checkpoint_is_left_to_its_experiment(tmp_path):
    first, second = laid_out(tmp_path, changed("compute.engines", 2)), laid_out(tmp_path, changed("name", "other"))
    begun(first.stages[0], steps=5)
    assert second.stages[0].directory == second.stages[0].own_directory  # nobody knows on what it ran
    ask(first)
    assert second.stages[0].directory == second.stages[0].own_directory
    ask(laid_out(tmp_path))
    assert second.stages[0].directory == first.stages[0].own_directory
    (first.stages[0].own_directory / "checkpoints" / "step").rmdir()
    assert second.stages[0].directory == second.stages[0].own_directory


def test_a_model_by_name_needs_no_warm_start_and_is_sampled_too(tmp_path):
    raw = changed("model", {"path": "owner/name"})
    raw["stages"] = {"arm": {name: value for name, value in raw["stages"]["arm"].items() if name != "from"}}
    planned = laid_out(tmp_path, raw)
    assert {evaluation.record.checkpoint for evaluation in planned.evaluations} == {BASE, "arm"}
    assert planned.parent_model(planned.stages[0]) == "owner/name"


def test_another_model_written_over_the_first_is_another_start_and_so_is_all_that_comes_of_it(tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    raw = changed("model", {"path": str(directory)})
    (directory / "model.safetensors").write_bytes(b"first")
    before = laid_out(tmp_path, raw)
    assert keys(before) == keys(laid_out(tmp_path, raw))
    (directory / "model.safetensors").write_bytes(b"another")
    after = laid_out(tmp_path, raw)
    assert not set(keys(before).values()) & set(keys(after).values())
    assert not {one.record.key for one in before.evaluations} & {one.record.key for one in after.evaluations}


def test_a_model_that_is_moved_is_the_same_start_and_so_is_all_that_comes_of_it(tmp_path, monkeypatch):
    def all_keys(path):
        plan = laid_out(tmp_path / "runs", changed("model", {"path": path}))
        return keys(plan), {one.record.key for one in plan.evaluations}

    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "model.safetensors").write_bytes(b"weights")
    before = all_keys(str(directory))
    monkeypatch.chdir(tmp_path)
    assert all_keys("model") == before
    directory.rename(tmp_path / "moved")
    assert all_keys("moved") == before
    assert all_keys("owner/one") != all_keys("owner/other")


@pytest.mark.parametrize(
    ("group", "name", "touched"),
    [("passk.advantage", "rloo", {"arm"}), ("passk.verifiers", "maze", {"arm", "warm on test", "arm on test"})],
)
def test_another_version_of_another_packages_rule_or_verifier_is_another_result(
    tmp_path, monkeypatch, group, name, touched
):
    raw = yaml.safe_load(GOOD)
    raw["stages"]["arm"] |= {"advantage": "edas", "k": 1, "options": {"base": "rloo"}}

    def by(version):
        brought = {(group, name): f"theirs {version}"}
        monkeypatch.setattr(plugins, "package", lambda *asked: brought.get(asked))
        laid = laid_out(tmp_path, raw)
        return keys(laid) | {f"{s.record.checkpoint} on {s.record.benchmark}": s.record.key for s in laid.evaluations}

    before, after = by("1.0"), by("2.0")
    assert before == by("1.0")
    changes = {one for one in before if before[one] != after[one]}
    assert changes >= touched and "warm" not in changes
    assert ("warm on test" in changes) == (group == "passk.verifiers")


def test_a_stage_is_trained_where_it_is_once_damaged_checkpoints_are_gone(tmp_path):
    first, second = laid_out(tmp_path), laid_out(tmp_path, changed("name", "other"))
    ask(first)
    planned = second.stages[0]
    torn = first.stages[0].own_directory / "checkpoints" / "global_step2"
    torn.mkdir(parents=True)
    (first.stages[0].own_directory / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    assert planned.directory == first.stages[0].own_directory
    with logged_lines() as said:
        assert steps._repaired(planned) == planned.own_directory == planned.directory
    assert len(said) == 1 and "the checkpoint of step 2 is not used" in said[0]
