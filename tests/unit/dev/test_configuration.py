"""docs/configuration.md says what the models of an experiment file say."""

import re

import pytest

from dev import configuration
from dev.imports import ROOT
from passk.experiment.config import Experiment
from passk.experiment.stage import STAGES
from passk.problems.sources import SPECS
from tests.unit.each import every


@pytest.fixture(scope="module")
def page():
    return configuration.page()


def test_the_page_is_what_the_models_give(page):
    assert (ROOT / "docs" / "configuration.md").read_text() == page, (
        "run python -m dev.configuration docs/configuration.md"
    )


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


def check(model, name, kind, default, meaning):
    field = next(field for key, field in model.model_fields.items() if (field.alias or key) == name.strip("`"))
    assert kind and kind != "any" and meaning, name
    assert bool(default) is not field.is_required(), name


@every("title", configuration.SECTIONS)
def test_every_field_has_a_row_with_a_type_and_a_meaning(page, title):
    _, model = configuration.SECTIONS[title]
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"`{field.alias or name}`" for name, field in model.model_fields.items()]
    for row in rows:
        check(model, *row)


@every("source", SPECS)
def test_every_field_of_a_source_has_one_row_that_names_the_source(page, source):
    section = page.split("## `problems.NAME:`\n")[1]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| `")]
    ours = [row for row in rows if source in row[1].split(", ")]
    assert sorted(row[0] for row in ours) == sorted(
        f"`{name}`" for name in SPECS[source].model_fields if name != "source"
    )
    for name, _, *rest in ours:
        check(SPECS[source], name, *rest)
