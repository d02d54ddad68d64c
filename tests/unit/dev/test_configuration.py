"""docs/configuration*.md have the fields of the models of an experiment file."""

import re

import pytest

from dev import configuration
from dev.imports import ROOT
from passk.experiment import units
from passk.experiment.config import Experiment
from passk.experiment.stage import STAGES
from passk.methods import get, names
from passk.problems.sources import SPECS
from tests.unit.each import every

PAGES = configuration.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_models_give(name):
    assert (ROOT / "docs" / name).read_text() == PAGES[name], "run python -m dev.configuration docs/configuration.md"


def test_there_is_no_other_page_of_fields():
    assert {page.name for page in (ROOT / "docs").glob("configuration*.md")} == set(PAGES)


def test_every_model_of_an_experiment_is_on_the_page():
    models = {model.__name__ for _, model in configuration.SECTIONS.values()} | {
        spec.__name__ for spec in SPECS.values()
    }
    defined = set(Experiment.model_json_schema()["$defs"])
    assert models == defined | {"Experiment"}


def test_the_schema_takes_a_value_and_a_schedule_of_it():
    fields = STAGES["rl"].model_json_schema()["properties"]
    kinds = {name: [kind["type"] for kind in fields[name]["anyOf"]] for name in ("advantage", "k")}
    assert kinds == {"advantage": ["string", "object", "array"], "k": ["integer", "object", "array"]}


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def check(model, name, kind, unit, default, meaning):
    field = next(field for key, field in model.model_fields.items() if (field.alias or key) == name.strip("`"))
    assert kind and kind != "any" and meaning, name
    assert bool(unit) is ("number" in kind), f"{name}: add its unit to passk/experiment/units.py"
    assert bool(default) is not field.is_required(), name


@every("title", configuration.SECTIONS)
def test_every_field_has_a_row_with_a_type_and_a_meaning(title):
    _, model = configuration.SECTIONS[title]
    section = "\n".join(PAGES.values()).split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"`{field.alias or name}`" for name, field in model.model_fields.items()]
    for row in rows:
        check(model, *row)


@every("name", names())
def test_every_option_of_a_method_has_one_row_that_names_the_method(name):
    section = PAGES[configuration.STAGES].split("## `stages.NAME.method:`\n")[1]
    rows = [row for row in map(cells, section.splitlines()) if row and row[1] == name]
    assert [row[0] for row in rows] == [f"`{field}`" for field in get(name).model_fields]
    for field, _, *rest in rows:
        check(get(name), field, *rest)


def models():
    return {*(model for _, model in configuration.SECTIONS.values()), *map(get, names()), *SPECS.values()}


def test_every_unit_is_that_of_a_number_and_a_number_without_one_is_an_error():
    numbers = {
        f"{model.__name__}.{name}"
        for model in models()
        for name, field in model.model_json_schema(by_alias=True)["properties"].items()
        if units.is_number(field)
    }
    names_alone = {name.partition(".")[2] for name in numbers}
    assert [name for name in units._UNITS if name not in numbers | names_alone] == []
    with pytest.raises(KeyError, match="pages"):
        units.with_units({"title": "Book", "properties": {"pages": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}})


@pytest.mark.parametrize(
    ("section", "field", "unit"),
    [
        ("RlStage", "max_response", "tokens"),
        ("RlStage", "k", "rollouts"),
        ("Benchmark", "k", "samples"),
        ("Compute", "stall_timeout_s", "seconds"),
        ("Compute", "kv_cache_gib", "GiB"),
        ("ShortcutProblems", "steps", "moves"),
        ("SftStage", "steps", "steps"),
        ("SftStage", "lr", "none"),
        ("Benchmark", "max_failed", "share"),
    ],
)
def test_the_schema_for_editors_has_the_units(section, field, unit):
    schema = units.with_units(Experiment.model_json_schema(by_alias=True))
    assert schema["$defs"][section]["properties"][field]["unit"] == unit


@every("source", SPECS)
def test_every_field_of_a_source_has_one_row_that_names_the_source(source):
    section = PAGES[configuration.SETS].split("## `problems.NAME:`\n")[1]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    ours = [row for row in rows if source in row[1].split(", ")]
    assert sorted(row[0] for row in ours) == sorted(
        f"`{name}`" for name in SPECS[source].model_fields if name != "source"
    )
    for name, _, *rest in ours:
        check(SPECS[source], name, *rest)
