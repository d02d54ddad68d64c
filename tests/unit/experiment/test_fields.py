"""What each field of an experiment file takes: a table of all of them, by type and range."""

import copy
import math
from typing import get_args

import yaml

from passk.base.errors import ConfigError
from passk.experiment import (
    benchmark,
    config,
    engine,
    engine_settings,
    model,
    require,
    selection,
    stage,
    tracker_config,
    until,
)
from passk.problems.sources import SPECS
from tests.unit.each import case, every
from tests.unit.experiment.engine_fields import CORRECTION, KL, LORA, LOSS, OVERLONG
from tests.unit.experiment.evaluation_fields import BENCHMARK, ENGINE, REFERENCE
from tests.unit.experiment.stage_fields import KEEP_BEST, RL, SFT, STOP_WHEN, UNTIL
from tests.unit.experiment.test_config import GOOD

BASE = yaml.safe_load(GOOD)
NOT_INTEGERS = [1.0, 1.5, True, False, "8", "1:30", "010", math.nan, [1], {}]
NOT_NUMBERS = [True, False, "0.5", "1e-3", math.nan, math.inf, -math.inf, [0.5], {}]
NOT_TEXT = [5, 1.5, True, [], {}, b"text", "a\0b", "a\x1bb", "a\ud800"]
BAD = {
    "count": [*NOT_INTEGERS, 0, -1, 10**9, 10**30],
    "natural": [*NOT_INTEGERS, -1, 10**9],
    "positive": [*NOT_NUMBERS, 0, -1e-9],
    "not negative": [*NOT_NUMBERS, -1e-9],
    "temperatures": [*(value for value in NOT_NUMBERS if value != [0.5]), -1e-9],
    "share": [*NOT_NUMBERS, -0.01, 1.01],
    "pair": [*NOT_NUMBERS, 0.5, [0.5], [0.5, 0.5, 0.5], [0.5, True], [0.5, "0.5"], [0.5, math.nan], {"a": 1, "b": 2}],
    "truth": [0, 1, 1.0, "yes", "no", "on", "true", "", [], {}],
    "text": [*NOT_TEXT, "", " \n"],
    "word": [*NOT_TEXT, ""],
    "choice": [*NOT_TEXT, "", "something else"],
    "name": [*NOT_TEXT, "", " ", "a/b", "../a", "A", ".a", "-a", "a b", "a\n", "ä", "a" * 65],
    "mapping": [5, True, "a", []],
}
# field: (kind of what it refuses, values that it takes, more that it refuses)
TABLE = {
    "name": ("name", ["a", "1", "no", "a.b-c_d", "a" * 64], []),
    "question": ("text", ["2026-11-29", "Why?\nHow?", "yes"], []),
    "seed": (None, [0, 2**31 - 1], [*NOT_INTEGERS, -1, 2**31]),
    "model": ("mapping", [{"path": "a/b"}, {"tiny": {}}], [{}, {"tiny": {}, "path": "a"}]),
    "model.tiny": ("mapping", [{}], [{"hidden_size": 96, "heads": 4}]),
    "model.tiny.hidden_size": ("count", [96, 192], [31, 97]),
    "model.tiny.layers": ("count", [1, 999_999_999], []),
    "model.tiny.heads": ("count", [1, 3], [4]),
    "model.tiny.feed_forward": ("count", [32], [31]),
    "model.tiny.max_length": ("count", [32], [31]),
    "model.tiny.alphabet": ("choice", ["maze", "bytes"], []),
    "model.tiny.tie_word_embeddings": ("truth", [True, False], []),
    "model.chat_template": ("text", ["auto", "none"], []),
    "model.system_prompt": ("text", [None], ["Be short."]),  # GOOD has a tiny model, which has no template
    "model.chat_options": ("mapping", [{}], [{"enable_thinking": False}, {"tokenize": True}]),
    "model.opens_thinking": ("truth", [True, False], []),
    "model.trust_remote_code": ("truth", [False], [True]),
    "model.path": ("text", ["owner/name"], []),
    "problems": ("mapping", [], [{}, {"A": {"source": "maze", "split": "train", "size": 1}}]),
    "stages": (
        "mapping",
        [{"a": {"kind": "sft", "problems": "train", "steps": 1, "lr": 1e-3}}],
        [{"a": {}}, {"a": {"kind": "dpo"}}, {"a": 5}],
    ),
    "benchmarks": ("mapping", [], [{}, {"A": {"problems": "test", "max_response": 1}}]),
    "compute": ("mapping", [{"profile": "cpu"}], [{}]),
    "rehearses": ("name", ["maze-cpu", None], []),
    "require": ("mapping", [None], [{}]),
    "require.base": ("mapping", [{"benchmark": "test", "pass_at_8": [0.05, 0.95]}], [{}, {"benchmark": "test"}]),
    "require.base.benchmark": ("name", ["test"], []),
    "trackers": ("mapping", [{}, {"wandb": None}], [{"tensorboard": {}}]),
    "trackers.wandb": ("mapping", [{"project": "a"}], [{}]),
    "trackers.wandb.project": ("word", ["a", "a b"], ["a/b", "a" * 129]),
    "trackers.wandb.entity": ("text", ["a", None], []),
    "trackers.mlflow": ("mapping", [{"experiment": "a"}], [{}]),
    "trackers.mlflow.experiment": ("text", ["a"], []),
    "trackers.mlflow.uri": ("text", ["http://host", None], ["http://a:b@host", "http://token@host"]),
}
COMPUTE = {
    "profile": ("choice", ["cpu", "gpu"], []),
    "zero_stage": (None, [0, 3], [*NOT_INTEGERS, -1, 4]),
    "attention": ("text", ["sdpa"], []),
    "memory_utilization": ("positive", [0.5], [1, 1.5]),
    "max_tokens_per_gpu": ("count", [None], [4096]),  # with zero_stage 2
    "colocate": ("truth", [True, False], []),
} | {name: ("truth", [True, False], []) for name in ("packing", "gradient_checkpointing", "deterministic")}
COUNTS = ["nodes", "gpus_per_node", "engines", "tensor_parallel", "micro_batch", "kv_cache_gib", "threads"]
COUNTS += ["stall_timeout_s", "max_parallel_stages"]
COMPUTE |= {name: ("count", [1, 8], []) for name in COUNTS}
SPEC = {
    "source": ("choice", [], []),
    "split": ("choice", [], []),
    "size": ("count", [1], []),
    "width": ("count", [2, 64], [1, 65]),
    "walls": ("not negative", [0, 0.9], [1]),
    "easy_fraction": ("share", [0, 1], []),
    "path_length": (None, [[1, 2], (1, 2)], [*NOT_INTEGERS, [1], [1, 2, 3], [1.0, 2], [True, 2], ["1", 2]]),
    "border": ("truth", [True], []),
    "random_move_prob": ("not negative", [0, 0.9], [1]),
    "hint_correct": ("share", [0, 1], []),
    "states": ("count", [3, 26], [2, 27]),
    "steps": ("count", [1, 12], [13]),
    "computed": ("share", [0, 1], []),
    "step_noise": ("share", [0, 1], []),
    "template": ("word", ["{problem}"], []),
    "verifier": ("word", ["maze"], []),
    "unreadable": ("choice", ["refuse", "leave_out"], []),
    "options": ("mapping", [{}], [{"a": math.inf}]),
    "language": ("choice", ["en", "zh"], []),
    "grade": ("choice", ["easy", "hard", "both"], []),
    "subset": ("choice", ["full", "sanitized"], []),
    "stage": ("name", ["arm"], []),
    "make": ("choice", ["solve", "revise", "verify"], []),
    "pass_rate": ("pair", [[0, 1], (0.2, 0.5)], []),
    "last_steps": ("count", [1, None], []),
} | {
    name: ("word", ["a"], [])
    for name in ("dataset", "revision", "file", "problem", "answer", "id", "solution", "difficulty", "task")
}
REQUIRED = {"split": "test", "size": 1, "hint_correct": 1, "task": "chain_sum", "file": "a.jsonl", "verifier": "maze"}
REQUIRED |= {"stage": "arm"}
SECTIONS = {
    "stages.warm": SFT,
    "stages.arm": RL,
    "stages.arm.until": UNTIL,
    "stages.arm.stop_when": STOP_WHEN,
    "stages.arm.keep_best": KEEP_BEST,
    "stages.arm.kl": KL,
    "stages.arm.loss": LOSS,
    "stages.arm.overlong": OVERLONG,
    "stages.arm.lora": LORA,
    "stages.warm.lora": LORA,
    "stages.arm.filter_groups": {"max_rounds": ("count", [1, 10], [])},
    "stages.arm.importance_correction": CORRECTION,
    "benchmarks.test": BENCHMARK,
    "benchmarks.test.reference_line": REFERENCE,
    "compute": COMPUTE,
}
TABLE |= ENGINE | {f"{section}.{name}": row for section, rows in SECTIONS.items() for name, row in rows.items()}
for _source, _spec in SPECS.items():
    for _name in _spec.model_fields:
        _kind, _good, _bad = SPEC[_name]
        if _name == "template" and _source in ("maze", "maze_perfect"):
            _kind, _good = "choice", ["compact", "instruct"]
        TABLE[f"problems.{_source}.{_name}"] = (_kind, _good, _bad)


def written(path: str, value):
    """A good experiment with a set of problems of each source and the field at `path` set to `value`."""
    raw = copy.deepcopy(BASE)
    if path.startswith("problems."):
        source = path.split(".")[1]
        known = SPECS[source].model_fields
        fields = {name: value for name, value in REQUIRED.items() if name in known}
        fields["split"] = get_args(known["split"].annotation)[-1]  # test, if there is one
        raw["problems"][source] = {"source": source} | fields
    if path.startswith("require.base."):
        raw["require"] = {"base": {"benchmark": "test", "pass_at_1": [0, 0.5]}}
    elif path.startswith("require."):
        raw["require"] = {}
    if path.startswith("engine."):
        raw["engine"] = {"url": "http://h/v1", "model": "m", "price": {"input": 1, "output": 2}}
    if path.startswith("trackers."):
        raw["trackers"] = {"wandb": {"project": "a"}, "mlflow": {"experiment": "a"}}
    if path.startswith("benchmarks.test.reference_line."):
        raw["benchmarks"]["test"]["reference_line"] = {"value": 0.5, "label": "chance"}
    if path.startswith("stages.arm.until."):
        raw["stages"]["arm"]["until"] = {"metric": "reward", "window": 1} | (
            {} if path.endswith(("above", "below")) else {"above": 0.5}
        )
    given = {"kl": {"coef": 0.1}, "loss": {}, "importance_correction": {"level": "token"}, "overlong": {"buffer": 4}}
    given |= {"lora": {"rank": 4}, "filter_groups": {}}
    if path.startswith("stages.") and path.count(".") == 3 and path.split(".")[2] in given:
        _, stage_name, section, _ = path.split(".")
        raw["stages"][stage_name][section] = dict(given[section])
    for field in ("stop_when", "keep_best"):
        if path.startswith(f"stages.arm.{field}."):
            raw["stages"]["arm"][field] = {"benchmark": "test"} | ({"evaluations": 2} if field == "stop_when" else {})
    given = {"kl": {"coef": 0.1}, "loss": {}, "importance_correction": {"level": "token"}}
    if path.startswith("stages.arm.") and path.count(".") == 3 and path.split(".")[2] in given:
        raw["stages"]["arm"][path.split(".")[2]] = dict(given[path.split(".")[2]])
    if path == "model.path":
        raw["model"] = {}
    at = raw
    *parents, last = path.split(".")
    for part in parents:
        at = at[part]
    at[last] = value
    return raw


SECTIONS = sorted({path.rpartition(".")[0] for path in TABLE})


def fields_of(section: str) -> list[str]:
    return [path for path in TABLE if path.rpartition(".")[0] == section]


@every("section", SECTIONS)
def test_a_field_takes_what_it_should(section):
    for path in fields_of(section):
        for value in TABLE[path][1]:
            with case(path, value):
                config.parse(written(path, value))


@every("section", SECTIONS)
def test_a_field_refuses_another_type_or_a_value_out_of_range_in_one_line_that_names_it(section):
    for path in fields_of(section):
        kind, _, bad = TABLE[path]
        for value in [*BAD.get(kind, []), *bad]:
            line = refusal(written(path, value))
            sections = {path, section} - {""}  # a check of two fields names their section
            assert any(line.startswith((f"{one}:", f"{one}.")) for one in sections), (path, value, line)
            assert "\n" not in line and ";" in line, (path, value, line)


def refusal(raw) -> str:
    try:
        config.parse(raw)
    except ConfigError as error:
        return str(error)
    return ""


def test_the_table_has_every_field_of_every_model():
    models = {
        "": config.Experiment,
        "model.": model.Model,
        "model.tiny.": model.TinyModel,
        "stages.warm.": stage.SftStage,
        "stages.arm.": stage.RlStage,
        "stages.arm.until.": until.Until,
        "stages.arm.stop_when.": selection.StopWhen,
        "stages.arm.keep_best.": selection.KeepBest,
        "stages.arm.kl.": engine_settings.Kl,
        "stages.arm.loss.": engine_settings.Loss,
        "stages.arm.overlong.": engine_settings.Overlong,
        "stages.arm.lora.": engine_settings.Lora,
        "stages.warm.lora.": engine_settings.Lora,
        "stages.arm.filter_groups.": engine_settings.FilterGroups,
        "stages.arm.importance_correction.": engine_settings.ImportanceCorrection,
        "benchmarks.test.": benchmark.Benchmark,
        "benchmarks.test.reference_line.": benchmark.ReferenceLine,
        "engine.": engine.Engine,
        "engine.price.": engine.Price,
        "require.": require.Require,
        "require.base.": require.BaseRequirement,
        "compute.": config.Compute,
        "trackers.": tracker_config.Trackers,
        "trackers.wandb.": tracker_config.WandbTracker,
        "trackers.mlflow.": tracker_config.MlflowTracker,
    } | {f"problems.{source}.": spec for source, spec in SPECS.items()}
    fields = {
        f"{section}{field.alias or name}"
        for section, model in models.items()
        for name, field in model.model_fields.items()
    }
    assert set(TABLE) == fields
